"""Answers of Text Generation Inference with details, and its saved streams.

After `GenerateResponse` and `StreamResponse` in `router/src/lib.rs`. Without details an answer is
plain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loopbench.files.chunks import Chunk, joined
from loopbench.files.finishes import finish_of, raw_of
from loopbench.files.formats.common import (
    budget_of,
    count,
    id_of,
    ids_of,
    mappings,
    model_of,
    prompt_of,
)
from loopbench.files.outputs import FileOutput, Row, RowError, Skipped


class Tgi:
    """One output per answer, and one per further sequence of `best_of`."""

    name = "tgi"
    title = "answers with details and saved streams of Text Generation Inference"
    finish = "`details.finish_reason`; a stream that was cut off has none"

    def recognises(self, row: Row) -> bool:
        """See `Format.recognises`."""
        answers = _answers(row.value)
        return bool(answers) and all(_is_answer(one) or _is_chunk(one) for one in answers)

    def grouped(self, rows: Iterator[Row | Skipped]) -> Iterator[Row | Skipped]:
        """Join the chunks of streams."""
        return joined(rows, _chunk, _join)

    def outputs(self, row: Row) -> Iterator[FileOutput]:
        """See `Format.outputs`."""
        answers = _answers(row.value)
        if not answers:
            raise RowError("it is no object with fields")
        for place, answer in enumerate(answers):
            if _is_chunk(answer):
                answer = _join([answer])
            details = answer.get("details")
            if not isinstance(details, Mapping):
                raise RowError("its field 'details' is no object")
            sequences = [
                ("", answer, details),
                *(
                    (f"details.best_of_sequences[{number}].", one, one)
                    for number, one in enumerate(mappings(details.get("best_of_sequences")))
                ),
            ]
            for repeat, (at, texts, told) in enumerate(sequences):
                yield _output(answer, texts, told, f"{at}generated_text", place + repeat)


def _output(
    answer: Mapping[str, Any],
    texts: Mapping[str, Any],
    told: Mapping[str, Any],
    field: str,
    repeat: int,
) -> FileOutput:
    text = texts.get("generated_text")
    if not isinstance(text, str):
        raise RowError(f"its field {field!r} holds no text")
    # Special tokens add nothing to the text.
    tokens = [one for one in mappings(told.get("tokens")) if one.get("special") is not True]
    pieces = [one.get("text") for one in tokens]
    ids = ids_of([one.get("id") for one in tokens])
    fits = all(isinstance(piece, str) for piece in pieces) and "".join(pieces) == text  # type: ignore[arg-type]
    return FileOutput(
        text=text,
        token_ids=ids if fits else None,
        pieces=pieces if fits and ids else None,  # type: ignore[arg-type]
        finish=finish_of(told.get("finish_reason")),
        raw_finish=raw_of(told.get("finish_reason")),
        id=id_of(answer),
        repeat=repeat,
        prompt=prompt_of(answer),
        model=model_of(answer),
        budget=budget_of(answer),
        output_tokens=count(told.get("generated_tokens")),
        field=field,
    )


def _answers(value: Any) -> list[Mapping[str, Any]]:
    return [value] if isinstance(value, Mapping) else list(mappings(value))


def _is_answer(value: Mapping[str, Any]) -> bool:
    details = value.get("details")
    return (
        isinstance(value.get("generated_text"), str)
        and isinstance(details, Mapping)
        and "finish_reason" in details
    )


def _is_chunk(value: Mapping[str, Any]) -> bool:
    token = value.get("token")
    return (
        isinstance(token, Mapping)
        and isinstance(token.get("text"), str)
        and "generated_text" in value
        and "details" in value
    )


def _chunk(value: Any) -> Chunk | None:
    if not isinstance(value, Mapping) or not _is_chunk(value):
        return None
    return Chunk("", value["generated_text"] is not None)


def _join(parts: list[Any]) -> Any:
    tokens = [part["token"] for part in parts]
    last = parts[-1]
    text = last["generated_text"]
    if not isinstance(text, str):
        text = "".join(one["text"] for one in tokens if one.get("special") is not True)
    details = last["details"] if isinstance(last["details"], Mapping) else {}
    details = {"finish_reason": None, **details, "tokens": tokens}
    return {**last, "token": None, "generated_text": text, "details": details}


FORMAT = Tgi()
