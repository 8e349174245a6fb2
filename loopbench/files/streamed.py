"""Answers saved as the pieces of a stream, made whole: OpenAI's, Anthropic's, Gemini's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from loopbench.files.chunks import Chunk

_ANTHROPIC = frozenset(
    {
        "message_start", "message_delta", "message_stop", "ping",
        "content_block_start", "content_block_delta", "content_block_stop",
    }
)  # fmt: skip
_GROWING = ("content", "reasoning_content", "reasoning", "refusal")


def openai_chunk(value: Any) -> Chunk | None:
    """Return what part of an answer a row of OpenAI's stream is.

    The pieces of each choice are an output of their own. Those of a plain completion look like
    whole ones, but do not say why they ended.
    """
    choice = _only_choice(value)
    if choice is None:
        return None
    word = choice.get("finish_reason")
    key = (str(value.get("id")), str(choice.get("index")))
    return Chunk(key, isinstance(word, str) and word != "")


def _only_choice(value: Any) -> Mapping[str, Any] | None:
    if not isinstance(value, dict) or not isinstance(value.get("choices"), list):
        return None
    choices = value["choices"]
    if len(choices) != 1 or not isinstance(choices[0], dict):
        return None
    in_pieces = isinstance(choices[0].get("delta"), dict)
    # Without a name they are answers, which somebody saved without saying why they ended.
    plain = value.get("object") == "text_completion" and isinstance(value.get("id"), str)
    plain = plain and isinstance(choices[0].get("text"), str)
    return choices[0] if in_pieces or plain else None


def openai_join(parts: list[Any]) -> Any:
    """Return the whole answer of the pieces of one choice."""
    choices = [choice for part in parts if (choice := _only_choice(part)) is not None]
    whole: dict[str, Any] = {**choices[0], **choices[-1]}
    if isinstance(choices[0].get("delta"), dict):
        deltas = [delta for c in choices if isinstance(delta := c.get("delta"), dict)]
        whole.pop("delta", None)
        whole["message"] = {name: _texts(deltas, name) or None for name in _GROWING}
        whole["message"]["tool_calls"] = list(_calls(deltas))
    else:
        whole["text"] = _texts(choices, "text")
    ids = [one for c in choices for one in _list(c.get("token_ids"))]
    return {
        **parts[0],
        **parts[-1],
        "object": "chat.completion",
        "choices": [{**whole, "token_ids": ids}],
    }


def _calls(deltas: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the calls of a stream, whose arguments come in pieces."""
    calls: dict[str, dict[str, Any]] = {}
    for delta in deltas:
        for piece in _list(delta.get("tool_calls")):
            function = piece.get("function") if isinstance(piece, dict) else None
            if not isinstance(function, dict):
                continue
            call = calls.setdefault(str(piece.get("index")), {"name": "", "arguments": ""})
            for name in call:
                if isinstance(text := function.get(name), str):
                    call[name] += text
    for call in calls.values():
        yield {"type": "function", "function": call}


def anthropic_chunk(value: Any) -> Chunk | None:
    """Return what part of an answer an event of Anthropic's stream is."""
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in _ANTHROPIC:
        return None
    return Chunk("", kind == "message_stop")


def anthropic_join(parts: list[Any]) -> Any:
    """Return the whole answer of the events of one stream."""
    whole: dict[str, Any] = {"type": "message", "role": "assistant", "stop_reason": None}
    blocks: dict[str, dict[str, Any]] = {}
    for part in parts:
        if isinstance(message := part.get("message"), dict):
            whole |= message
        if isinstance(block := part.get("content_block"), dict):
            blocks[str(part.get("index"))] = dict(block)
        delta = part.get("delta")
        if not isinstance(delta, dict):
            continue
        if part["type"] == "message_delta":
            whole |= delta
            whole["usage"] = part.get("usage")
            continue
        block = blocks.setdefault(str(part.get("index")), {"type": "text"})
        for name in ("text", "thinking", "partial_json"):
            if isinstance(text := delta.get(name), str):
                # What was said of the input before its pieces is empty.
                to = "input" if name == "partial_json" else name
                before = block.get(to)
                block[to] = (before if isinstance(before, str) else "") + text
    return {**whole, "content": list(blocks.values())}


def gemini_chunk(value: Any) -> Chunk | None:
    """Return what part of an answer a piece of Gemini's stream is; all have the answer's name."""
    name = _first(value, "responseId", "response_id")
    candidates = _list(value.get("candidates")) if name is not None else []
    if len(candidates) != 1 or not isinstance(candidates[0], dict):
        return None
    return Chunk(str(name), _first(candidates[0], "finishReason", "finish_reason") is not None)


def gemini_join(parts: list[Any]) -> Any:
    """Return the whole answer of the pieces of one stream."""
    candidates = [_list(part.get("candidates"))[0] for part in parts]
    contents = [c for one in candidates if isinstance(c := one.get("content"), dict)]
    inside = [piece for content in contents for piece in _list(content.get("parts"))]
    whole = {**candidates[0], **candidates[-1], "content": {"role": "model", "parts": inside}}
    return {**parts[0], **parts[-1], "candidates": [whole]}


def _first(value: Any, *names: str) -> Any:
    if not isinstance(value, dict):
        return None
    return next((value[name] for name in names if value.get(name) is not None), None)


def _texts(parts: Sequence[Mapping[str, Any]], name: str) -> str:
    return "".join(text for part in parts if isinstance(text := part.get(name), str))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
