"""What assistants say, as one text: reasoning, content, and calls of tools, in that order."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from loopbench.files.formats.common import budget_of, mappings, prompt_of
from loopbench.files.outputs import RowError

ASSISTANTS = frozenset({"assistant", "gpt", "model", "bot", "chatbot", "ai"})
"""Roles whose turns are outputs."""
ROLES = ASSISTANTS | frozenset(
    {
        "system", "developer", "user", "human", "tool", "function", "observation", "ipython",
        "environment", "tool_response", "function_call", "function_response",
    }
)  # fmt: skip
"""Roles that messages are known by."""
KEPT = (
    "response", "responses", "completion", "completions", "raw_response", "raw_responses",
    "api_response", "full_response", "model_response", "output", "outputs", "raw_output", "result",
    "raw", "body", "generation", "message",
)  # fmt: skip
"""Fields under which rows keep whole answers of servers."""
_REASONING = ("reasoning_content", "reasoning", "thinking")
_CALLS = frozenset(
    {"tool_use", "tool_call", "function_call", "custom_tool_call", "server_tool_use"}
)


def call_text(name: Any, arguments: Any) -> str:
    """Return a call of a tool as a text, as most models write one.

    Arguments that are a text are kept as the model wrote them: a loop may be inside.

    Raises
    ------
    RowError
        If they are nested too deep.

    Examples
    --------
    >>> print(call_text("add", {"x": 1}))
    <tool_call>
    {"name": "add", "arguments": {"x": 1}}
    </tool_call>
    """
    if not isinstance(arguments, str):
        try:
            arguments = json.dumps(
                {} if arguments is None else arguments, ensure_ascii=False, default=str
            )
        except RecursionError as error:
            raise RowError("the arguments of a call are nested too deep") from error
    named = json.dumps(name if isinstance(name, str) else "", ensure_ascii=False)
    return f'<tool_call>\n{{"name": {named}, "arguments": {arguments or "{}"}}}\n</tool_call>'


def said(message: Mapping[str, Any]) -> str | None:
    """Return everything that a message of an assistant says; None if it says nothing at all.

    Reasoning that a server split off comes first, as it was generated; calls come last.
    """
    reasoning = next((r for name in _REASONING if (r := _reasoning(message.get(name)))), "")
    content = content_of(message)
    calls = "\n".join(_calls(message))
    if content is None and not reasoning and not calls:
        refusal = message.get("refusal")
        return refusal if isinstance(refusal, str) and refusal else None
    text = f"{reasoning}{content or ''}"
    return f"{text}\n{calls}" if text and calls else text or calls


def answer_text(thoughts: Any, words: Any, calls: Iterable[str] = ()) -> str:
    """Return one text for the parts of an answer that stand apart: thoughts, words, calls.

    Nothing is put between thoughts and words, so that the answer ends as the model ended.
    """
    text = "".join(part for part in (thoughts, words) if isinstance(part, str))
    return "\n".join([*([text] if text else []), *calls])


def content_of(message: Mapping[str, Any]) -> str | None:
    """Return the content of a message: a text, or its parts joined in their order."""
    content = next(
        (message[name] for name in ("content", "value", "text") if message.get(name) is not None),
        message.get("parts"),
    )
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        return None
    parts = [found for part in content if (found := _part(part)) is not None]
    return "".join(_joined(parts)) if parts or not content else None


def _joined(parts: list[tuple[str, bool]]) -> Iterator[str]:
    """Yield the texts of parts, calls on lines of their own."""
    before, call_before = "", False
    for text, call in parts:
        if before and (call or call_before) and not before.endswith("\n"):
            yield "\n"
        yield text
        before, call_before = text or before, call


def _part(part: Any) -> tuple[str, bool] | None:
    """Return what a part of a content says, and whether it is a call; None if it says nothing."""
    if isinstance(part, str):
        return part, False
    if not isinstance(part, dict):
        return None
    kind = part.get("type")
    if isinstance(kind, str) and kind in _CALLS:
        return _call(part), True
    if isinstance(call := part.get("functionCall", part.get("function_call")), dict):
        return _call(call), True
    for name in ("thinking", "reasoning", "text", "refusal", "content"):
        if text := _reasoning(part.get(name)):
            return text, False
    return ("", False) if isinstance(part.get("text"), str) else None


def _reasoning(value: Any) -> str:
    """Return a text, or the joined texts of a list of objects that have one."""
    if isinstance(value, str):
        return value
    return "".join(text for part in mappings(value) if isinstance(text := part.get("text"), str))


def _calls(message: Mapping[str, Any]) -> Iterator[str]:
    old = message.get("function_call")
    for call in (*mappings(message.get("tool_calls")), *mappings([old])):
        yield _call(call)


def _call(call: Mapping[str, Any]) -> str:
    """Return one call: of OpenAI, where the function is an object, of inspect, or of others."""
    function = call.get("function")
    inner = function if isinstance(function, dict) else call
    name = function if isinstance(function, str) else inner.get("name")
    arguments = next(
        (inner[key] for key in ("arguments", "args", "input", "parameters") if key in inner), None
    )
    return call_text(name, arguments)


def role_of(message: Any) -> str | None:
    """Return whose message it is, in small letters; None if it is no message."""
    if not isinstance(message, dict):
        return None
    role = message.get("role", message.get("from"))
    return role.lower() if isinstance(role, str) and 0 < len(role) < 40 else None


def is_conversation(value: Any) -> bool:
    """Whether it is a list of messages, of which some are of roles that are known."""
    roles = [role_of(turn) for turn in value] if isinstance(value, list) else []
    return None not in roles and not ROLES.isdisjoint(roles)


def prompt_in(messages: Any) -> str | None:
    """Return the last text before an answer that was asked by a user, where there is one."""
    asked = [m for m in mappings(messages) if role_of(m) in ("user", "human")]
    return content_of(asked[-1]) if asked else None


def kept(
    row: Mapping[str, Any], is_answer: Callable[[Mapping[str, Any]], bool]
) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the whole answers of servers in a row, each with where it stands.

    Parameters
    ----------
    row
        An answer itself, the answer to a batch, or a row that keeps one or several.
    is_answer
        Tells answers of one kind of server.
    """
    if is_answer(row):
        return [("", row)]
    for name in KEPT:
        value = row.get(name)
        if isinstance(value, list):
            # Several answers of the same kind, or it is something else.
            if value and all(isinstance(one, dict) and is_answer(one) for one in value):
                return [(f"{name}[{at}].", one) for at, one in enumerate(value)]
        elif isinstance(value, dict):
            inner = value.get("body", value.get("message"))
            if is_answer(value):
                return [(f"{name}.", value)]
            if isinstance(inner, dict) and is_answer(inner):
                return [(f"{name}.{'body' if 'body' in value else 'message'}.", inner)]
    return []


def error_in(*places: Any) -> str | None:
    """Return the first error that an answer tells, as one text."""
    for place in places:
        error = place.get("error") if isinstance(place, dict) else None
        while isinstance(error, dict):
            error = (
                error.get("message") or error.get("error") or error.get("type") or error.get("code")
            )
        if isinstance(error, str) and error:
            return error
    return None


def asked_in(row: Mapping[str, Any]) -> str | None:
    """Return what was asked, from a row or the request inside it."""
    for place in (row, row.get("request"), row.get("body")):
        if isinstance(place, dict) and (
            found := prompt_of(place) or prompt_in(place.get("messages"))
        ):
            return found
    return None


def budget_in(*places: Any) -> int | None:
    """Return the first budget in a row, or in the request inside it."""
    for place in places:
        if isinstance(place, dict) and (
            found := budget_of(place) or budget_in(place.get("request"))
        ):
            return found
    return None
