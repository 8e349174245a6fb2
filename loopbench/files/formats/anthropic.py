"""Answers of Anthropic's Messages interface and of its batches, whole as they came.

Fields after the published API reference: `content` is a list of parts (`text`, `thinking`,
`tool_use`), `stop_reason` tells the end, `usage.output_tokens` the length.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loopbench.files.chunks import joined
from loopbench.files.finishes import finish_of, raw_of
from loopbench.files.formats.chats import asked_in, budget_in, error_in, kept, said
from loopbench.files.formats.common import (
    first_text,
    id_of,
    mappings,
    model_of,
    task_of,
    tokens_of,
)
from loopbench.files.outputs import FileOutput, Row, RowError, Skipped
from loopbench.files.streamed import anthropic_chunk, anthropic_join

_RESULTS = frozenset({"succeeded", "errored", "canceled", "expired"})


class Anthropic:
    """Whole answers of Anthropic's Messages interface."""

    name = "anthropic"
    title = "answers, batches and saved streams of Anthropic's Messages interface"
    finish = "`stop_reason`"

    def recognises(self, row: Row) -> bool:
        """See `Format.recognises`."""
        value = row.value
        return isinstance(value, dict) and (
            bool(kept(value, _is_answer)) or _is_failure(value) or _is_event(value)
        )

    def grouped(self, rows: Iterator[Row | Skipped]) -> Iterator[Row | Skipped]:
        """See `Grouping.grouped`."""
        return joined(rows, anthropic_chunk, anthropic_join)

    def outputs(self, row: Row) -> Iterator[FileOutput]:
        """See `Format.outputs`."""
        value = row.value
        if not isinstance(value, dict):
            raise RowError("it is no object")
        about: dict[str, Any] = {
            "id": first_text(value, ("custom_id",)) or id_of(value),
            "task": task_of(value),
            "prompt": asked_in(value),
        }
        answers = kept(value, _is_answer)
        if not answers and _is_event(value):
            return
        if not answers:
            if not _is_failure(value):
                raise RowError("it holds no answer with content and stop_reason")
            result = value["result"]
            error = error_in(result) or str(result["type"])
            yield FileOutput(finish="error", error=error, model=model_of(value), **about)
            return
        for repeat, (place, answer) in enumerate(answers):
            word = answer.get("stop_reason")
            yield FileOutput(
                text=said(answer) or "",
                finish=finish_of(word),
                raw_finish=raw_of(word),
                repeat=repeat,
                model=model_of(answer) or model_of(value),
                budget=budget_in(value),
                output_tokens=tokens_of(answer),
                field=f"{place}content",
                **about,
            )


def _is_answer(value: Mapping[str, Any]) -> bool:
    if not isinstance(value.get("content"), list) or "stop_reason" not in value:
        return False
    typed = all(isinstance(part.get("type"), str) for part in mappings(value["content"]))
    return typed and (value.get("type") == "message" or value.get("role") == "assistant")


def _is_event(value: Mapping[str, Any]) -> bool:
    """Whether it is an event of a stream, which says nothing alone."""
    return anthropic_chunk(value) is not None and bool({"index", "message", "delta"} & set(value))


def _is_failure(value: Mapping[str, Any]) -> bool:
    result = value.get("result")
    kind = result.get("type") if isinstance(result, dict) else None
    return "custom_id" in value and isinstance(kind, str) and kind in _RESULTS


FORMAT = Anthropic()
