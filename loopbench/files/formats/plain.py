"""Rows with a field of text, or of token ids: LoopBench's own rows, and whatever is like them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

from loopbench.files.finishes import finish_in, finish_of, raw_of
from loopbench.files.formats.common import (
    are_ids,
    budget_of,
    first_text,
    given_id,
    listed,
    member,
    member_or_none,
    model_of,
    prompt_of,
    task_of,
    tokens_of,
)
from loopbench.files.outputs import Fields, FileOutput, Row, RowError

SURE = (
    "generated_text", "generated_texts", "raw_generation", "raw_generations", "raw_output",
    "raw_outputs", "raw_response", "raw_responses", "raw_prediction", "raw_completion",
    "completion", "completions", "generation", "generations", "generated", "response", "responses",
    "model_output", "model_outputs", "model_response", "model_responses", "model_answer",
    "model_completion", "model_generation", "llm_output", "llm_response", "prediction",
    "predictions", "predicted", "pred", "output", "outputs", "output_text", "output_texts",
    "hypothesis",
)  # fmt: skip
"""Names of fields that hold outputs, in the order of asking: what came raw before what was made of
it; where there is an `output`, the `text` was often the input."""
TEXTS = (*SURE, "samples", "text", "texts", "content", "result", "results", "answer")
"""All names that are known; `answer` is last, since it is often the right one of a data set."""
_IDS = ("token_ids", "output_token_ids", "output_ids")
_NESTED = ("text", "generated_text", "content", "completion", "response", "output")
_DEEPEST = 8
"""Lists inside lists; nobody nests samples deeper."""


class Plain:
    """Rows with a field of text.

    Parameters
    ----------
    fields
        Which fields to read, where the user says so.
    """

    name = "plain"
    title = "rows with a field of text or token ids, or texts alone"
    finish = (
        "`finish`, `finish_reason`, `stop_reason`, `done_reason` and the like, where there is one"
    )

    def __init__(self, fields: Fields | None = None) -> None:
        self._fields = fields or Fields()

    def recognises(self, row: Row) -> bool:
        """See `Format.recognises`."""
        try:
            return next(self.outputs(row), None) is not None
        except RowError:
            return False

    def outputs(self, row: Row) -> Iterator[FileOutput]:
        """See `Format.outputs`."""
        value = row.value
        if not isinstance(value, dict):
            texts = list(texts_of(value))
            if not texts:
                raise RowError("it is neither an object with fields nor a text")
            for repeat, text in enumerate(texts):
                yield FileOutput(text=text, repeat=repeat, field="")
            return
        common: dict[str, Any] = {
            "id": given_id(value),
            "model": model_of(value),
            "task": task_of(value),
            "prompt": prompt_of(value),
            "prompt_hash": first_text(value, ("prompt_hash",)),
            "budget": budget_of(value),
            "output_tokens": tokens_of(value),
        }
        name, texts, finishes = self._found(value)
        ids = next((value[name] for name in _IDS if are_ids(value.get(name))), None)
        if ids is not None:
            yield _with_ids(value, ids, name, finishes, common)
            return
        if not any(texts) and (failed := _failure(value, finishes)):
            yield FileOutput(finish="error", error=failed, **common)
            return
        if name is None and any(value.get(name) == [] for name in _IDS):
            texts = [""]  # it said nothing at all
        elif name is None:
            raise RowError(_nothing(value))
        single = len(texts) == 1
        for repeat, (text, finish) in enumerate(zip_longest(texts, finishes[: len(texts)])):
            yield FileOutput(
                text=text,
                finish=finish_of(finish),
                raw_finish=raw_of(finish),
                repeat=repeat,
                field=(name or _IDS[0]) if single else f"{name}[{repeat}]",
                **common,
            )

    def _found(self, value: Mapping[str, Any]) -> tuple[str | None, list[str], list[Any]]:
        """Return the name of the field of texts, the texts, and the finish of each."""
        name = self._fields.text
        if name is not None:
            texts = list(texts_of(member(value, name)))
            if not texts:
                raise RowError(f"its field {name!r} holds no text")
        else:
            name = next(
                (
                    name
                    for name in TEXTS
                    if name in value and any(True for _ in texts_of(value[name]))
                ),
                None,
            )
            texts = list(texts_of(value[name])) if name else []
        asked = self._fields.finish
        told = member_or_none(value, asked) if asked else finish_in(value)
        if told is None:
            told = _flag(value)
        return (
            name,
            texts,
            (told or [None]) if isinstance(told, list) else [told] * max(1, len(texts)),
        )


def texts_of(value: Any, depth: int = 0) -> Iterator[str]:
    """Yield the texts of a field: one, several samples, or what holds them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and depth < _DEEPEST:
        for item in value:
            yield from texts_of(item, depth + 1)
    elif isinstance(value, dict):
        found = next((value[name] for name in _NESTED if isinstance(value.get(name), str)), None)
        if found is not None:
            yield found


def _nothing(value: Mapping[str, Any]) -> str:
    """Return why no output was found."""
    if name := next((name for name in TEXTS if name in value), None):
        kind = "null" if value[name] is None else type(value[name]).__name__
        return f"its field {name!r} holds no text, but {kind}"
    return f"no field of it is known to hold an output; its fields are {listed(value)}"


def _flag(value: Mapping[str, Any]) -> str | None:
    """Return what fields that are true or false say."""
    if value.get("truncated") is True:
        return "length"
    return "stop" if value.get("finished") is True else None


def _failure(value: Mapping[str, Any], finishes: list[Any]) -> str | None:
    """Return why a row has no output."""
    error = value.get("error")
    if isinstance(error, dict):
        error = error.get("message")
    if isinstance(error, str) and error:
        return error
    return "its generation failed" if finish_of(finishes[0]) == "error" else None


def _with_ids(
    value: Mapping[str, Any],
    ids: list[int],
    name: str | None,
    finishes: list[Any],
    common: dict[str, Any],
) -> FileOutput:
    """Return the output of a row with token ids; its text may stand beside them."""
    text = value[name] if name else None
    chars = value.get("token_chars")
    return FileOutput(
        token_ids=ids,
        text=text if isinstance(text, str) else None,
        pieces=text if isinstance(text, list) and len(text) == len(ids) else None,
        token_chars=chars if are_ids(chars) and len(chars) == len(ids) else None,
        finish=finish_of(finishes[0]),
        raw_finish=raw_of(finishes[0]),
        field=name or "token_ids",
        **common,
    )


FORMAT = Plain()
