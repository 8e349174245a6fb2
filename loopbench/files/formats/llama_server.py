"""Answers of llama.cpp's server to `/completion`, old and new, and its saved streams.

After `to_json_non_oaicompat` in `tools/server/server-task.cpp`, and answers of older servers. Its
answers in OpenAI's protocol are of that format.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loopbench.files.chunks import Chunk, joined
from loopbench.files.finishes import finish_of
from loopbench.files.formats.common import (
    budget_of,
    count,
    id_of,
    ids_of,
    model_of,
    object_of,
    prompt_of,
)
from loopbench.files.outputs import FileOutput, Row, RowError, Skipped

_MARKS = (
    "stop_type", "stopped_eos", "stopped_limit", "stopped_word", "tokens_predicted", "id_slot",
    "tokens_evaluated", "slot_id", "generation_settings", "multimodal",
)  # fmt: skip
_STOPPED = ("stopped_limit", "stopped_eos", "stopped_word")


class LlamaServer:
    """One output per answer; the chunks of a stream are one."""

    name = "llama_server"
    title = "answers and saved streams of llama.cpp's server (/completion)"
    finish = "`stop_type`, or `stopped_limit`, `stopped_eos`, `stopped_word`"

    def recognises(self, row: Row) -> bool:
        """See `Format.recognises`."""
        return _is_answer(row.value)

    def grouped(self, rows: Iterator[Row | Skipped]) -> Iterator[Row | Skipped]:
        """Join the chunks of streams."""
        return joined(rows, _chunk, _join)

    def outputs(self, row: Row) -> Iterator[FileOutput]:
        """See `Format.outputs`."""
        value = object_of(row)
        settings = value.get("generation_settings")
        common: dict[str, Any] = {
            "id": id_of({key: one for key, one in value.items() if key != "index"}),
            "repeat": 0,
            "prompt": prompt_of(value),
            "model": model_of(value),
            "budget": (budget_of(settings) if isinstance(settings, Mapping) else None)
            or budget_of(value),
        }
        if isinstance(error := value.get("error"), Mapping):
            reason = error.get("message")
            told = reason if isinstance(reason, str) and reason else "its generation failed"
            yield FileOutput(finish="error", error=told, **common)
            return
        if not isinstance(value.get("content"), str):
            raise RowError("its field 'content' holds no text")
        raw = _raw_finish(value)
        yield FileOutput(
            text=value["content"],
            token_ids=ids_of(value.get("tokens")),
            finish=finish_of(raw and raw.removeprefix("stopped_")),
            raw_finish=raw,
            output_tokens=count(value.get("tokens_predicted")),
            field="content",
            **common,
        )


def _is_answer(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and isinstance(value.get("content"), str)
        and isinstance(value.get("stop"), bool)
        and any(name in value for name in _MARKS)
    )


def _raw_finish(value: Mapping[str, Any]) -> str | None:
    if isinstance(told := value.get("stop_type"), str) and told:
        return told
    return next((name for name in _STOPPED if value.get(name) is True), None)


def _chunk(value: Any) -> Chunk | None:
    if not _is_answer(value):
        return None
    # Several prompts at once are told apart by their numbers.
    where = tuple(value.get(name) for name in ("index", "id_slot", "slot_id"))
    return Chunk(tuple(one if type(one) is int else None for one in where), value["stop"])


def _join(parts: list[Any]) -> Any:
    text = "".join(part["content"] for part in parts[:-1])
    if parts[-1]["content"] != text:  # the last may hold the whole again
        text += parts[-1]["content"]
    else:
        parts = [*parts[:-1], {**parts[-1], "content": ""}]
    tokens = [ids_of(part.get("tokens")) or [] for part in parts if part["content"]]
    # Ids count only where every chunk with a text has its own.
    whole = [one for ids in tokens for one in ids] if all(tokens) else None
    return {**parts[-1], "content": text, "tokens": whole}


FORMAT = LlamaServer()
