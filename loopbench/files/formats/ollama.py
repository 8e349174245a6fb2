"""Answers of Ollama's `/api/generate` and `/api/chat`, and their saved streams.

After `GenerateResponse` and `ChatResponse` in `api/types.go`, and `DoneReason` in `llm/server.go`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loopbench.files.chunks import Chunk, joined
from loopbench.files.finishes import finish_of, raw_of
from loopbench.files.formats.chats import said
from loopbench.files.formats.common import (
    budget_of,
    count,
    id_of,
    model_of,
    object_of,
    prompt_of,
)
from loopbench.files.outputs import FileOutput, Row, RowError, Skipped

_NO_ANSWERS = ("load", "unload")
_TEXTS = ("response", "thinking")
_PARTS = ("content", "thinking", "tool_calls")


class Ollama:
    """One output per answer; the chunks of a stream are one."""

    name = "ollama"
    title = "answers and saved streams of Ollama's /api/generate and /api/chat"
    finish = "`done_reason`; a stream that was cut off has none"

    def recognises(self, row: Row) -> bool:
        """See `Format.recognises`."""
        return _is_answer(row.value)

    def grouped(self, rows: Iterator[Row | Skipped]) -> Iterator[Row | Skipped]:
        """Join the chunks of streams."""
        return joined(rows, _chunk, _join)

    def outputs(self, row: Row) -> Iterator[FileOutput]:
        """See `Format.outputs`."""
        value = object_of(row)
        common: dict[str, Any] = {
            "id": id_of(value),
            "model": model_of(value),
            "prompt": prompt_of(value),
            "budget": budget_of(value),
        }
        if isinstance(error := value.get("error"), str) and error:
            yield FileOutput(finish="error", error=error, **common)
            return
        if not _is_answer(value):
            raise RowError("it has no field 'done' with a field 'response' or 'message'")
        told = value.get("done_reason")
        if isinstance(told, str) and told in _NO_ANSWERS:
            return
        message = value.get("message")
        chat = isinstance(message, Mapping)
        source = message if isinstance(message, Mapping) else value
        yield FileOutput(
            text=said({**source, "content": source.get("content" if chat else "response")}) or "",
            finish=finish_of(told),
            raw_finish=raw_of(told),
            output_tokens=count(value.get("eval_count")),
            field="message.content" if chat else "response",
            **common,
        )


def _is_answer(value: Any) -> bool:
    if not isinstance(value, Mapping) or not isinstance(value.get("done"), bool):
        return False
    message = value.get("message")
    return isinstance(value.get("response"), str) or (
        isinstance(message, Mapping) and any(name in message for name in _PARTS)
    )


def _chunk(value: Any) -> Chunk | None:
    if _is_answer(value):
        return Chunk("", value["done"])
    # Some servers say nothing more with the last chunk than how it ended.
    ends = isinstance(value, Mapping) and value.get("done") is True and "error" not in value
    return Chunk("", True) if ends else None


def _join(parts: list[Any]) -> Any:
    whole = {**parts[0], **parts[-1]}
    for name in _TEXTS:
        whole[name] = _texts(parts, name)
    messages = [one for part in parts if isinstance(one := part.get("message"), Mapping)]
    if messages:
        whole["message"] = {
            "content": _texts(messages, "content"),
            "thinking": _texts(messages, "thinking"),
            "tool_calls": [
                call
                for one in messages
                if isinstance(calls := one.get("tool_calls"), list)
                for call in calls
            ],
        }
    return whole


def _texts(parts: list[Any], name: str) -> str:
    return "".join(text for part in parts if isinstance(text := part.get(name), str))


FORMAT = Ollama()
