"""Thinking blocks: what of an output is graded, and whether a loop sits inside the thinking."""

from __future__ import annotations

from collections.abc import Iterable

from loopbench.outcome import DOOM_LEVELS
from loopbench.types import Generation, Verdict

OPENING, CLOSING = "<think>", "</think>"


def whole_text(generation: Generation) -> str:
    """Return an output with the opening tag that its chat template wrote for it.

    Graders remove the thinking; without the tag an output that never stops thinking would
    look like an answer.
    """
    return (OPENING if generation.opened_thinking else "") + generation.text


def loop_in_thinking(generation: Generation, verdicts: Iterable[Verdict]) -> bool | None:
    """Return whether the loop of an output begins inside its thinking.

    The strictest verdict that found a verbatim or counter loop decides; None if none did, or
    if the output has no thinking at all.
    """
    text = generation.text
    if not (generation.opened_thinking or OPENING in text or CLOSING in text):
        return None
    found = [v for v in verdicts if v.looped and v.level in DOOM_LEVELS and v.onset is not None]
    if not found:
        return None
    first = min(found, key=lambda verdict: DOOM_LEVELS.index(verdict.level))
    at = sum(generation.token_chars[: first.onset])
    before = whole_text(generation)[: at + len(whole_text(generation)) - len(text)]
    if OPENING in before or CLOSING in before:
        return before.rfind(OPENING) > before.rfind(CLOSING)
    # A tag that closes what nothing opened: the template did, unseen.
    closed, opened = text.find(CLOSING, at), text.find(OPENING, at)
    return closed >= 0 and not 0 <= opened < closed
