"""Conversations: `messages` of chat data sets, ShareGPT's `conversations`, and lists of turns.

Every turn of an assistant is an output. One that another turn follows ended by itself, or there
would be none; of the last one that is not known, unless the row says so. Forms seen in ShareGPT
dumps (`from` and `value`), LMSYS-Chat, WildChat, TRL's data sets (`chosen`, `rejected`) and the
results of verifiers (`completion` as a list of messages).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from loopbench.files.finishes import finish_in, finish_of, raw_of
from loopbench.files.formats.chats import (
    ASSISTANTS,
    KEPT,
    ROLES,
    content_of,
    is_conversation,
    role_of,
    said,
)
from loopbench.files.formats.common import budget_of, id_of, model_of, task_of
from loopbench.files.formats.plain import SURE, TEXTS, texts_of
from loopbench.files.outputs import FileOutput, Row, RowError

_FIELDS = (
    "completion", "response", "output", "generation", "messages", "conversations", "conversation",
    "conversation_a", "conversation_b", "chosen", "rejected", "chat", "dialogue", "dialog", "turns",
)  # fmt: skip
"""Where conversations stand; one of only the answer is before the whole one."""
_PAIRS = (("conversation_a", "conversation_b"), ("chosen", "rejected"))
_OTHERS = (
    "choices", "candidates", "epoch", "resps", "traj",
    "ans_id", "termination_reason", "trajectory_format",
)  # fmt: skip
"""Fields of formats of their own, which may hold messages too."""


class Messages:
    """Conversations, one output per turn of an assistant."""

    name = "messages"
    title = "conversations: `messages`, ShareGPT's `conversations`, lists of turns"
    finish = "a turn that another follows ended by itself; the last one where the row says it"

    def recognises(self, row: Row) -> bool:
        """See `Format.recognises`."""
        value = row.value
        if isinstance(value, list):
            return is_conversation(value)
        if not isinstance(value, dict) or any(name in value for name in _OTHERS):
            return False
        if _is_turn(value):
            return True
        found = _conversations(value)
        if not found or any(isinstance(value.get(name), dict) for name in KEPT):
            return False
        # With an answer beside them, messages are what was asked.
        answered = any(role_of(turn) in ASSISTANTS for _, turns in found for turn in turns)
        beside = SURE if answered else TEXTS
        taken = {name for name, _ in found}
        return not any(any(texts_of(value.get(name))) for name in beside if name not in taken)

    def outputs(self, row: Row) -> Iterator[FileOutput]:
        """See `Format.outputs`."""
        value = row.value
        if isinstance(value, list):
            if not is_conversation(value):
                raise RowError("it is no list of messages with roles")
            yield from _turns(value, "", {}, None)
            return
        if not isinstance(value, dict):
            raise RowError("it is no conversation")
        about: dict[str, Any] = {
            "id": id_of(value),
            "model": model_of(value),
            "task": task_of(value),
            "budget": budget_of(value),
        }
        if _is_turn(value):
            if role_of(value) in ASSISTANTS:
                word = finish_in(value)
                yield _output(value, "content", word, False, about)
            return
        found = _conversations(value)
        if not found:
            raise RowError("it has no list of messages with roles")
        for at, (name, turns) in enumerate(found):
            model = value.get(f"model_{name[-1]}") if name.startswith("conversation_") else None
            about["model"] = model if isinstance(model, str) else model_of(value)
            for output in _turns(turns, name, about, finish_in(value)):
                yield msgspec.structs.replace(output, repeat=at)


def _is_turn(value: Mapping[str, Any]) -> bool:
    """Whether a row is one message: a conversation was saved as the array that it is."""
    said_by = role_of(value) in ROLES and bool({"content", "value", "tool_calls"} & set(value))
    return said_by and not (value.get("type") == "message" and "stop_reason" in value)


def _conversations(value: Mapping[str, Any]) -> list[tuple[str, list[Any]]]:
    """Return the conversations of a row: one, or two that are compared."""
    for pair in _PAIRS:
        if all(is_conversation(value.get(name)) for name in pair):
            return [(name, value[name]) for name in pair]
    name = next((name for name in _FIELDS if is_conversation(value.get(name))), None)
    return [] if name is None else [(name, value[name])]


def _turns(turns: list[Any], name: str, about: dict[str, Any], last: Any) -> Iterator[FileOutput]:
    """Yield the turns of assistants.

    Parameters
    ----------
    turns, name
        The conversation, and the field where it stands.
    about
        What all its turns have.
    last
        What the row says about how it ended.
    """
    asked = None
    for at, turn in enumerate(turns):
        if role_of(turn) not in ASSISTANTS:
            asked = content_of(turn) if role_of(turn) in ("user", "human") else asked
            continue
        followed = at + 1 < len(turns)
        word = finish_in(turn)
        if word is None and not followed:
            word = last
        field = f"{name}[{at}].{'value' if 'from' in turn else 'content'}"
        yield _output(turn, field, word, followed, {**about, "prompt": asked})


def _output(
    turn: Mapping[str, Any], field: str, word: Any, followed: bool, about: dict[str, Any]
) -> FileOutput:
    finish = finish_of(word)
    return FileOutput(
        text=said(turn) or "",
        finish="stop" if followed and finish == "unknown" else finish,
        raw_finish=raw_of(word),
        field=field,
        **about,
    )


FORMAT = Messages()
