"""Thinking blocks: what of an output is graded, and whether a loop sits inside the thinking."""

from __future__ import annotations

import re
from collections.abc import Iterable

from loopbench.judging.outcome import DOOM_LEVELS
from loopbench.types import Generation, Verdict

OPEN_TAG, CLOSE_TAG = "<think>", "</think>"

_CLOSING = re.compile(r"((?:\\n|\n){0,4})</think>((?:\\n|\n){0,4})")


def opens_thinking(prompt: str) -> bool:
    """Return whether a rendered prompt ends inside a thinking block."""
    return prompt.rstrip().endswith(OPEN_TAG)


def thinking_end_text(template: str | None) -> str:
    """Return the text that ends a thinking block: the tag, with the new lines of a template."""
    found = max(_CLOSING.finditer(template or ""), key=lambda m: len(m[0]), default=None)
    return found[0].replace("\\n", "\n") if found else CLOSE_TAG


class ThinkingState:
    """Follows the thinking blocks of a stream, wherever its tokens cut the tags.

    Parameters
    ----------
    opened
        The stream begins inside a block.
    """

    def __init__(self, opened: bool = False) -> None:
        self.open = self.seen = opened
        self.tokens = 0
        """Tokens inside blocks so far; the one that ends the opening tag is not among them."""
        self._tail = ""

    def push(self, piece: str) -> None:
        """Take the text of the next token."""
        text = self._tail + piece
        opening, closing = text.rfind(OPEN_TAG), text.rfind(CLOSE_TAG)
        was_open = self.open
        if opening != closing:
            self.open = opening > closing
        self.seen = self.seen or self.open
        self.tokens += was_open and self.open
        # One less than the closing tag: an opening one that is found again changes nothing.
        self._tail = text[1 - len(CLOSE_TAG) :]

    @property
    def closing_begun(self) -> bool:
        """Whether the text so far ends in a part of the closing tag."""
        return any(self._tail.endswith(CLOSE_TAG[:n]) for n in range(1, len(CLOSE_TAG)))


def whole_text(generation: Generation) -> str:
    """Return an output with the opening tag that its chat template wrote for it.

    Graders remove the thinking; without the tag an output that never stops thinking would
    look like an answer.
    """
    return (OPEN_TAG if generation.opened_thinking else "") + generation.text


def loop_in_thinking(generation: Generation, verdicts: Iterable[Verdict]) -> bool | None:
    """Return whether the loop of an output begins inside its thinking.

    The strictest verdict that found a verbatim or counter loop decides; None if none did, or
    if the output has no thinking at all.
    """
    found = [v for v in verdicts if v.looped and v.level in DOOM_LEVELS and v.onset is not None]
    if not found:
        return None
    text = generation.text
    if not (generation.opened_thinking or OPEN_TAG in text or CLOSE_TAG in text):
        return None
    first = min(found, key=lambda verdict: DOOM_LEVELS.index(verdict.level))
    at = sum(generation.token_chars[: first.onset])
    before = whole_text(generation)[: at + len(whole_text(generation)) - len(text)]
    if OPEN_TAG in before or CLOSE_TAG in before:
        return OPEN_TAG in before.rpartition(CLOSE_TAG)[2]
    # A tag that closes what nothing opened: the template did, unseen.
    return OPEN_TAG not in text.partition(CLOSE_TAG)[0]
