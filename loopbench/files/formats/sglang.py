"""Answers of SGLang's `/generate`, alone, in batches, and as saved streams.

After `_handle_batch_output` in `sglang/srt/managers/tokenizer_manager.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loopbench.files.chunks import Chunk, joined
from loopbench.files.finishes import finish_of, raw_of
from loopbench.files.formats.common import (
    budget_of,
    count,
    first_text,
    ids_of,
    mappings,
    model_of,
    prompt_of,
)
from loopbench.files.outputs import FileOutput, Row, RowError, Skipped

_MOST = 1 << 31
_MARKS = ("finish_reason", "completion_tokens", "id")


class Sglang:
    """One output per answer; a batch is a list of them."""

    name = "sglang"
    title = "answers and saved streams of SGLang's /generate"
    finish = "`meta_info.finish_reason`; a stream that was cut off has none"

    def recognises(self, row: Row) -> bool:
        """See `Format.recognises`."""
        answers = _answers(row.value)
        return bool(answers) and all(
            any(name in answer["meta_info"] for name in _MARKS)
            and (isinstance(answer.get("text"), str) or _ids(answer) is not None)
            for answer in answers
        )

    def grouped(self, rows: Iterator[Row | Skipped]) -> Iterator[Row | Skipped]:
        """Join the chunks of streams."""
        return joined(rows, _chunk, _join)

    def outputs(self, row: Row) -> Iterator[FileOutput]:
        """See `Format.outputs`."""
        answers = _answers(row.value)
        if not answers:
            raise RowError("it has no field 'meta_info'")
        for repeat, answer in enumerate(answers):
            meta, text, ids = answer["meta_info"], answer.get("text"), _ids(answer)
            told = meta.get("finish_reason")
            name, index = first_text(meta, ("id",)), answer.get("index")
            if type(index) is int and 0 <= index < _MOST:
                repeat = index
            elif name is not None:
                repeat = 0
            common: dict[str, Any] = {
                "id": name,
                "repeat": repeat,
                "prompt": prompt_of(answer),
                "model": model_of(answer),
            }
            if isinstance(told, Mapping) and told.get("type") == "abort" and not text:
                reason = first_text(told, ("message",)) or "it was aborted"
                yield FileOutput(finish="error", error=reason, **common)
                continue
            if not isinstance(text, str) and ids is None:
                raise RowError("it has neither a field 'text' nor 'output_ids'")
            yield FileOutput(
                text=text if isinstance(text, str) else None,
                token_ids=ids,
                finish=finish_of(told),
                raw_finish=raw_of(told),
                budget=budget_of(answer) or _budget(told),
                output_tokens=count(meta.get("completion_tokens")),
                field="text" if isinstance(text, str) else "output_ids",
                **common,
            )


def _answers(value: Any) -> list[Mapping[str, Any]]:
    found = [value] if isinstance(value, Mapping) else list(mappings(value))
    return found if all(isinstance(one.get("meta_info"), Mapping) for one in found) else []


def _ids(answer: Mapping[str, Any]) -> list[int] | None:
    return ids_of(answer.get("output_ids", answer.get("token_ids")))


def _budget(told: Any) -> int | None:
    """Return the length at which it was cut."""
    return count(told.get("length")) if isinstance(told, Mapping) else None


def _chunk(value: Any) -> Chunk | None:
    if not isinstance(value, Mapping) or not isinstance(meta := value.get("meta_info"), Mapping):
        return None
    name = first_text(meta, ("id",))
    # Without a name, nothing tells a chunk from an answer that was cut off.
    key = (name, first_text(value, ("index",)))
    return Chunk(key, meta.get("finish_reason") is not None) if name else None


def _join(parts: list[Any]) -> Any:
    text = ""
    for part in parts:
        more = part.get("text")
        if isinstance(more, str):
            # Each chunk holds all that came before, unless the server was told otherwise.
            text = more if more.startswith(text) else text + more
    last = {key: value for key, value in parts[-1].items() if key != "output_ids"}
    return {**last, "text": text}


FORMAT = Sglang()
