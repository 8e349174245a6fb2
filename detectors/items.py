"""Text as a list of (literal, number) items, parsed as it streams.

"57. Lily lies.\\n58. Lily" becomes ("", 57), (". Lily lies.\\n", 58) and the open rest
". Lily". A counter loop is periodic in the literals while its numbers advance steadily.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from loopbench.detectors.streaming import Grown

_DIGITS = re.compile(r"[0-9]+")
_MAX_DIGITS = 15
"""Longer digit strings are text: a float could not tell their neighbours apart."""


class Items:
    """The items of a stream: interned literals, numbers, and where each begins."""

    def __init__(self) -> None:
        self.literals = Grown()
        self.numbers = Grown()
        self._starts: list[int] = []  # character at which each item's literal begins
        self._interned: dict[str, int] = {}
        self._texts: list[str] = []
        self._token_ends: list[int] = []  # characters of the stream after each token
        self._buffer: list[str] = []
        # The text after the last closed item: settled parts, then what may be the
        # beginning of a number. Kept apart so that long prose is not scanned again.
        self._settled: list[str] = []
        self._settled_chars = 0
        self._tail = ""
        self._overlong = False  # the settled text ends inside an over-long digit string
        self._rest_at = 0

    def extend(self, pieces: Sequence[str]) -> None:
        """Append the texts of the next tokens; parsing waits for `parse`."""
        total = self._token_ends[-1] if self._token_ends else 0
        for piece in pieces:
            total += len(piece)
            self._token_ends.append(total)
        self._buffer.extend(pieces)

    def parse(self) -> None:
        """Close every item whose number is complete."""
        text = self._tail + "".join(self._buffer)
        self._buffer.clear()
        literals, numbers = [], []
        begin = 0
        # Where a look falls into an over-long digit string, its remainder is no number.
        skip = len(text) - len(text.lstrip("0123456789")) if self._overlong else 0
        for match in _DIGITS.finditer(text, skip):
            # Digits at the very end may go on; over-long ones stay part of a literal.
            if match.end() == len(text) or match.end() - match.start() > _MAX_DIGITS:
                continue
            literals.append(self._intern("".join((*self._settled, text[begin : match.start()]))))
            numbers.append(int(match.group()))
            self._starts.append(self._rest_at)
            self._rest_at += self._settled_chars + match.end() - begin
            self._settled.clear()
            self._settled_chars = 0
            begin = match.end()
        self.literals.extend(np.array(literals, np.int64))
        self.numbers.extend(np.array(numbers, np.int64))
        rest = text[begin:]
        settled = rest.rstrip("0123456789")
        if skip < len(text):
            self._overlong = len(rest) - len(settled) > _MAX_DIGITS
        if self._overlong:
            settled = rest
        self._tail = rest[len(settled) :]
        self._settled.append(settled)
        self._settled_chars += len(settled)

    def _intern(self, literal: str) -> int:
        index = self._interned.setdefault(literal, len(self._texts))
        if index == len(self._texts):
            self._texts.append(literal)
        return index

    def open_rest_fits(self, item: int) -> bool:
        """Whether the text after the last item is the beginning of what `item` was.

        False means that the stream has left the pattern, whatever came before.
        """
        expected = self.text_of(item)
        rest = "".join((*self._settled, self._tail))
        if len(rest) <= len(expected):
            return expected.startswith(rest)
        return rest.startswith(expected) and not rest[len(expected) :].strip("0123456789")

    def text_of(self, item: int) -> str:
        """Return the literal before the number of `item`."""
        return self._texts[int(self.literals.view[item])]

    def token_of(self, item: int) -> int:
        """Return the token with which the literal of `item` begins."""
        return bisect_right(self._token_ends, self._starts[item])

    def count_after_token(self, token: int) -> int:
        """Return how many items begin after this token."""
        if token < 0:
            return len(self._starts)
        return len(self._starts) - bisect_right(self._starts, self._token_ends[token])

    @property
    def tokens(self) -> int:
        """Tokens seen so far."""
        return len(self._token_ends)
