"""The conversation of an agent episode: what the model is shown, and what its reply asks. Pure.

A conversation has two roles, user and assistant, in turn: every chat template has them, and
not every one has a system message or a tool's role. Tools are described in the first message,
and results come as the user's next one.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from loopbench.tasks.agents.toolbox import TOOLS
from loopbench.tasks.answers import candidates, final_text
from loopbench.tasks.calls import Call, CallError, parse_calls
from loopbench.types import Message

MAX_NOTES, MAX_NOTE = 10, 500
MAX_ARGUMENTS = 4_000
"""Characters of a call's arguments that a transcript keeps."""
LOW = 0.75
"""Share of the context from which on the agent is told that it runs low."""

_MAX_REPLY = 100_000
_LIKE_A_CALL = re.compile(
    r'<tool_call>|<\|tool_call_start\|>|"(?:arguments|parameters)"\s{0,4}:'
    rf"|\b(?:{'|'.join(TOOLS)})\("
)
_PLAIN_NAMES = {"user": "User", "assistant": "Assistant"}


@dataclass(frozen=True, slots=True)
class Reply:
    """What one turn asks for: calls, or else it is an answer."""

    text: str
    """Without thinking, and without turns that the model wrote for the user."""
    calls: list[Call]
    unreadable: bool = False
    """Something like a call is there, and no call can be read."""


def read_reply(text: str) -> Reply:
    """Read one turn.

    A readable call makes the turn a call, whatever else it says: an answer beside it was
    given without the result. Calls of names that no tool has do not count where an answer
    is marked, because an answer may be written as JSON.
    """
    final = final_text(text[:_MAX_REPLY])
    # A base model goes on and writes the user's next message itself.
    shown = (final or "").partition("\nUser:")[0]
    marked = any(candidate.explicit for candidate in candidates(shown))
    try:
        calls = parse_calls(shown)
    except CallError:
        return Reply(shown, [], not marked and bool(_LIKE_A_CALL.search(shown)))
    if marked and not any(name in TOOLS for name, _ in calls):
        calls = []
    return Reply(shown, calls)


def arguments_text(arguments: dict[str, Any]) -> str:
    """Return arguments as JSON in one spelling, whatever a model put into them."""
    try:
        text = json.dumps(arguments, sort_keys=True, default=repr)
    except (TypeError, ValueError):
        # Keys of several kinds have no order, and keys may be no JSON at all.
        text = json.dumps(repr(arguments))
    return text[:MAX_ARGUMENTS]


def plain_text(messages: Sequence[Message]) -> str:
    """Return a conversation for a model without a chat template, up to its next turn."""
    said = (f"{_PLAIN_NAMES[message.role]}: {message.content}\n\n" for message in messages)
    return "".join(said) + "Assistant:"


def result_text(name: str, result: str) -> str:
    """Return a result as it stands in the next message."""
    return f"Result of {name}:\n{result}"


@dataclass
class Frame:
    """One question and what was said about it: the episode's own, or a sub-question."""

    prompt: str
    """With the description of the tools."""
    depth: int
    exchanges: list[tuple[str, str]] = field(default_factory=list)
    """Replies, each with the message that followed it."""
    notes: list[str] = field(default_factory=list)
    said: str = ""
    """The reply whose calls are being run."""
    todo: deque[Call] = field(default_factory=deque)
    results: list[str] = field(default_factory=list)
    dropped: int = 0
    """Exchanges that are no longer shown."""

    def note(self, text: str) -> str:
        """Keep a note and return the tool's result."""
        if len(self.notes) >= MAX_NOTES:
            return "Error: there is no room for more notes."
        self.notes.append(text[:MAX_NOTE])
        return "Noted."

    def messages(self) -> list[Message]:
        """Return what the model is shown: the question, the notes, the turns that are kept."""
        first = self.prompt
        if self.notes:
            first += "\n\nYour notes:\n" + "\n".join(f"- {note}" for note in self.notes)
        if self.dropped:
            first += f"\n\n({self.dropped} older turns are no longer shown.)"
        messages = [Message(role="user", content=first)]
        for said, answer in self.exchanges[self.dropped :]:
            # Some templates refuse a message without a text.
            messages.append(Message(role="assistant", content=said.strip() or "(nothing)"))
            messages.append(Message(role="user", content=answer))
        return messages

    def close_exchange(self, remark: str) -> None:
        """Turn the results so far into the user's next message."""
        self.exchanges.append((self.said, "\n\n".join([*self.results, remark])))
        self.results, self.said = [], ""

    def drop_one(self) -> bool:
        """Stop showing the oldest exchange; False if only the newest is left."""
        if self.dropped + 1 >= len(self.exchanges):
            return False
        self.dropped += 1
        return True


def length(messages: Sequence[Message]) -> int:
    """Return the characters of a conversation, with a little for what surrounds each message."""
    return sum(len(message.content) + 16 for message in messages)
