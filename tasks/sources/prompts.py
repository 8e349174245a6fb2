"""One prompt out of a list of messages, as every backend takes it."""

from __future__ import annotations

from typing import Any

_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
}


def prompt_of(messages: Any) -> str:
    """Return the prompt of a conversation in OpenAI's or ShareGPT's form.

    System text comes first and the user's after it. A conversation with earlier answers is
    written out turn by turn, because a prompt is one user message. What an assistant says
    after the last question is left out.

    Raises
    ------
    ValueError
        If the messages are no such list, or hold no question.
    """
    if not isinstance(messages, list) or not all(isinstance(turn, dict) for turn in messages):
        raise ValueError("the messages must be a list of objects with 'role' and 'content'")
    turns = [_turn(turn) for turn in messages]
    while turns and turns[-1][0] == "assistant":
        turns.pop()
    if not any(role == "user" for role, _ in turns):
        raise ValueError("the messages hold no question of a user")
    system = [text for role, text in turns if role == "system"]
    talk = [(role, text) for role, text in turns if role != "system"]
    if any(role == "assistant" for role, _ in talk):
        words = [f"{role.capitalize()}: {text}" for role, text in talk]
        return "\n\n".join([*system, *words, "Reply to the last message of the user."])
    return "\n\n".join([*system, *(text for _, text in talk)])


def _turn(turn: dict[str, Any]) -> tuple[str, str]:
    role, text = turn.get("role", turn.get("from")), turn.get("content", turn.get("value"))
    if not isinstance(role, str) or role.lower() not in _ROLES:
        raise ValueError(f"a message has the role {str(role)[:40]!r}; use system, user, assistant")
    if not isinstance(text, str):
        raise ValueError("the content of a message must be text")
    return _ROLES[role.lower()], text
