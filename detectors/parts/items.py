"""Text as a list of (literal, number) items, parsed as it streams.

"57. Lily lies.\\n58. Lily" becomes ("", 57), (". Lily lies.\\n", 58) and the open rest
". Lily". A counter loop is periodic in the literals while its numbers advance steadily.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, islice

import numpy as np
from numpy.typing import NDArray

from loopbench.detectors.parts.numerals import MAX_DIGITS, REACH, Notation, Numerals, may_become
from loopbench.detectors.parts.streaming import Grown

_DIGITS = "0123456789"

COLON, POINT, COMMA = range(3)
"""The literals that consist of this one character, before digits."""
_JOINTS = [(Notation.DIGITS, mark) for mark in ":.,"]


class Items:
    """The items of a stream: interned literals, numbers, and where each begins.

    Two literals are equal only if their numbers are written alike: "five" fills no slot
    of a count in digits.
    """

    def __init__(self) -> None:
        self._literals = Grown()
        self._numbers = Grown()
        self._widths = Grown()
        # Not yet in these three.
        self._closed: tuple[list[int], list[int], list[int]] = [], [], []
        self._numerals = Numerals()
        self._starts: list[int] = []  # character at which each item's literal begins
        self._texts: list[tuple[Notation, str]] = [*_JOINTS]
        self._interned = {text: index for index, text in enumerate(self._texts)}
        self._token_ends: list[int] = []  # characters of the stream after each token
        self._buffer: list[str] = []
        # The text after the last closed item: settled parts, then what may yet be the
        # beginning of a number. Kept apart so that long prose is not scanned again.
        self._settled: list[str] = []
        self._settled_chars = 0
        self._tail = ""
        self._before = "\n"  # the character before the tail: a stream begins like a line
        self._fresh = True  # nothing is settled or closed: `_before` may open a number
        self._overlong = False  # the settled text ends inside an over-long digit string
        self._rest_at = 0
        self.recurring = 0
        """How many of the last literals, in one stretch, have each stood before."""

    def extend(self, pieces: Sequence[str]) -> None:
        """Append the texts of the next tokens; parsing waits for `parse`."""
        total = self._token_ends[-1] if self._token_ends else 0
        self._token_ends += islice(accumulate(map(len, pieces), initial=total), 1, None)
        self._buffer.extend(pieces)

    def parse(self) -> None:
        """Close every item whose number is complete."""
        text = self._before + self._tail + "".join(self._buffer)
        self._buffer.clear()
        at = 0 if self._fresh else 1
        if self._overlong:
            # The remainder of an over-long digit string is no number.
            at = len(text) - len(text[1:].lstrip(_DIGITS))
        found, undecided = self._numerals.find(text, at)
        begin = 1
        if found:
            self._fresh = False
            # The first literal began before this text.
            self._rest_at += self._settled_chars
            before = "".join(self._settled)
            self._settled.clear()
            self._settled_chars = 0
            self._starts.append(self._rest_at - len(before))
            self._starts += [self._rest_at + end - 1 for _, end, *_ in found[:-1]]
            self._rest_at += found[-1][1] - 1
            literals, numbers, widths = self._closed
            for start, end, notation, value, width in found:
                literals.append(self._intern((notation, before + text[begin:start])))
                numbers.append(value)
                widths.append(width)
                begin, before = end, ""
        self._settle(text, begin, undecided, at)

    def _settle(self, text: str, begin: int, undecided: int, at: int) -> None:
        """Keep only the end of the text, where a number may have begun."""
        size = len(text)
        if at < size or not self._overlong:
            digits = size - len(text.rstrip(_DIGITS))
            self._overlong = digits > MAX_DIGITS
        cut = max(begin, at, min(undecided, size - REACH))
        if self._overlong:
            cut = size
        elif begin < cut < size and text[cut - 1] in _DIGITS:
            # Never leave the end of an over-long digit string to be read as a number.
            cut = size - len(text[cut:].lstrip(_DIGITS))
        if cut > begin:
            self._settled.append(text[begin:cut])
            self._settled_chars += cut - begin
        if cut > 1:
            self._fresh = False
        self._tail = text[cut:]
        self._before = text[cut - 1]

    def _intern(self, literal: tuple[Notation, str]) -> int:
        index = self._interned.setdefault(literal, len(self._texts))
        if index == len(self._texts):
            self._texts.append(literal)
            self.recurring = -1
        self.recurring += 1
        return index

    def open_rest_fits(self, item: int) -> bool:
        """Whether the text after the last item is the beginning of what `item` was.

        False means that the stream has left the pattern, whatever came before.
        """
        notation, expected = self._texts[int(self._literals.view[item])]
        rest = self.rest
        if len(rest) <= len(expected):
            return expected.startswith(rest)
        return rest.startswith(expected) and may_become(notation, rest[len(expected) :])

    def text_of(self, item: int) -> str:
        """Return the literal before the number of `item`."""
        return self._texts[int(self._literals.view[item])][1]

    def token_of(self, item: int) -> int:
        """Return the token with which the literal of `item` begins."""
        return bisect_right(self._token_ends, self._starts[item])

    def count_after_token(self, token: int) -> int:
        """Return how many items begin after this token."""
        if token < 0:
            return len(self._starts)
        return len(self._starts) - bisect_right(self._starts, self._token_ends[token])

    def _arrange(self) -> None:
        if self._closed[0]:
            for column, new in zip(
                (self._literals, self._numbers, self._widths), self._closed, strict=True
            ):
                column.extend(np.array(new, np.int64))
                new.clear()

    @property
    def literals(self) -> NDArray[np.int64]:
        """The literal of each item; valid until the next `parse`."""
        self._arrange()
        return self._literals.view

    @property
    def numbers(self) -> NDArray[np.int64]:
        """The number of each item; valid until the next `parse`."""
        self._arrange()
        return self._numbers.view

    @property
    def marked(self) -> bool:
        """Whether there was a mark, which may have been no number: it depends on those before."""
        return self._numerals.marked

    @property
    def edges(self) -> NDArray[np.int64]:
        """The character at which each item begins, and the one after the last of them."""
        return np.array([*self._starts, self._rest_at], np.int64)

    @property
    def widths(self) -> NDArray[np.int64]:
        """How many digits each number has, less than none if it has a sign, 0 if it is no such."""
        self._arrange()
        return self._widths.view

    @property
    def rest(self) -> str:
        """The text after the last item."""
        return "".join((*self._settled, self._tail))

    @property
    def tokens(self) -> int:
        """Tokens seen so far."""
        return len(self._token_ends)
