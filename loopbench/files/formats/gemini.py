"""Answers of Gemini and Vertex, whole as they came, alone or in a batch.

Fields after the published reference of `generateContent`, in the spelling of the interface
(`finishReason`) and in that of the Python package (`finish_reason`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loopbench.files.chunks import joined
from loopbench.files.finishes import finish_in, finish_of, raw_of
from loopbench.files.formats.chats import content_of, error_in, kept
from loopbench.files.formats.common import count, first_text, id_of, mappings, model_of, task_of
from loopbench.files.outputs import FileOutput, Row, RowError, Skipped
from loopbench.files.streamed import gemini_chunk, gemini_join


class Gemini:
    """Whole answers of Gemini."""

    name = "gemini"
    title = "answers and saved streams of Gemini and Vertex"
    finish = "`finishReason`"

    def recognises(self, row: Row) -> bool:
        """See `Format.recognises`."""
        return isinstance(row.value, dict) and bool(kept(row.value, _is_answer))

    def grouped(self, rows: Iterator[Row | Skipped]) -> Iterator[Row | Skipped]:
        """See `Grouping.grouped`."""
        return joined(rows, gemini_chunk, gemini_join)

    def outputs(self, row: Row) -> Iterator[FileOutput]:
        """See `Format.outputs`."""
        value = row.value
        answers = kept(value, _is_answer) if isinstance(value, dict) else []
        if not answers:
            raise RowError("it holds no answer with candidates")
        about: dict[str, Any] = {
            "id": first_text(value, ("key",)) or id_of(value),
            "task": task_of(value),
            "prompt": _asked(value),
            "budget": _budget(value),
        }
        repeat = 0
        for place, answer in answers:
            about["model"] = first_text(answer, ("modelVersion", "model_version")) or model_of(
                value
            )
            candidates = list(mappings(answer.get("candidates")))
            if not candidates:
                yield FileOutput(finish="error", error=_blocked(answer), **about)
            for at, candidate in enumerate(candidates):
                word = finish_in(candidate)
                content = candidate.get("content")
                yield FileOutput(
                    text=(content_of(content) if isinstance(content, dict) else None) or "",
                    finish=finish_of(word),
                    raw_finish=raw_of(word),
                    repeat=repeat,
                    output_tokens=_tokens(answer) if len(candidates) == 1 else None,
                    field=f"{place}candidates[{at}].content.parts",
                    **about,
                )
                repeat += 1


def _is_answer(value: Mapping[str, Any]) -> bool:
    candidates = list(mappings(value.get("candidates")))
    if not candidates:
        return _feedback(value) is not None
    content = candidates[0].get("content")
    inside = isinstance(content, dict) and ("parts" in content or "role" in content)
    return inside or "finishReason" in candidates[0]


def _feedback(value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    found = value.get("promptFeedback", value.get("prompt_feedback"))
    return found if isinstance(found, dict) else None


def _blocked(answer: Mapping[str, Any]) -> str:
    feedback = _feedback(answer) or {}
    reason = first_text(feedback, ("blockReason", "block_reason"))
    return error_in(answer) or f"the prompt was blocked ({reason or 'no reason given'})"


def _asked(value: Mapping[str, Any]) -> str | None:
    request = value.get("request")
    asked = list(mappings(request.get("contents"))) if isinstance(request, dict) else []
    return content_of(asked[-1]) if asked else None


def _budget(value: Mapping[str, Any]) -> int | None:
    request = value.get("request")
    for name in ("generationConfig", "generation_config"):
        config = request.get(name) if isinstance(request, dict) else None
        if isinstance(config, dict):
            return count(config.get("maxOutputTokens", config.get("max_output_tokens")))
    return None


def _tokens(answer: Mapping[str, Any]) -> int | None:
    usage = answer.get("usageMetadata", answer.get("usage_metadata"))
    if not isinstance(usage, dict):
        return None
    shown = count(usage.get("candidatesTokenCount", usage.get("candidates_token_count")))
    thought = count(usage.get("thoughtsTokenCount", usage.get("thoughts_token_count")))
    return (shown or 0) + (thought or 0) or None


FORMAT = Gemini()
