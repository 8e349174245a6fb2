"""Numbers written in several parts, read as one: clock times, decimals, grouped thousands.

"00:59.98" is 5998 hundredths, "1:00:00" is 3,600 seconds, "1,299.99" is 129999 hundredths. Their
parts carry, so that they do not advance steadily where the whole does.

A number is made of what `Items` has found, and only where ":", "." or "," and nothing else
stands between two of them. Parts of a clock time are two digits below 60; groups of thousands
are three digits; after "." (or a comma that separates no thousands) stands a fraction.
Anything else ends the number: "1.2.3" is 1.2, then ".", then 3.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from loopbench.detectors.parts.items import COLON, COMMA, POINT, Items
from loopbench.detectors.parts.periods import Tail
from loopbench.detectors.parts.streaming import Grown

Numbers = NDArray[np.int64]

_MOST_DECIMALS = 9
_LARGEST = 1 << 60
"""No value and no step between two overflows 64 bits."""
_WHOLE = 10**15
_ROLLS = {2: (3600, 1440, 720), 3: (86_400, 43_200)}
"""Where clocks of two and of three parts begin again: after an hour, a day, half a day."""
_USUAL = 8
"""Last steps of which the median is the usual one."""
_MAY_GO_ON = re.compile(r"[:.,][0-9]*\Z")


class _State(IntEnum):
    """What the parts so far may be followed by."""

    CLOSED = 0
    WHOLE = 1
    THOUSANDS = 2
    CLOCK = 3
    FULL_CLOCK = 4


class Stamps:
    """The numbers of several parts in a stream of items; follows it as it is asked.

    Parameters
    ----------
    items
        Of the stream.
    commas
        Whether a comma joins. Columns of "12,5" may be one number or two.
    """

    def __init__(self, items: Items, *, commas: bool) -> None:
        self._items = items
        self._commas = commas
        self._at = 0  # items read
        self._rows = Grown()  # of every closed number: first item, whole, fraction, decimals, parts
        self._state = _State.CLOSED
        self._open: list[int] | None = None
        self._negative = False

    def _follow(self) -> None:
        """Read the items that are new."""
        items, at = self._items, self._at
        rows: list[list[int]] = []
        new = zip(
            items.literals[at:].tolist(),
            items.numbers[at:].tolist(),
            items.widths[at:].tolist(),
            strict=True,
        )
        for index, (literal, value, width) in enumerate(new, at):
            if literal <= COMMA and width > 0 and self._state and self._joins(literal, value, width):
                continue
            if self._open:
                rows.append(self._signed())
            self._open = [index, abs(value) if width else value, 0, 0, 1]
            self._negative = width < 0
            self._state = _State.WHOLE if width else _State.CLOSED
        self._at = len(items.literals)
        if rows:
            self._rows.extend(np.array(rows, np.int64).ravel())

    def _joins(self, literal: int, value: int, width: int) -> bool:
        """Take a part into the open number, if it may follow there."""
        number, state = self._open, self._state
        assert number
        if literal == COLON:
            if width != 2 or value >= 60 or state not in (_State.WHOLE, _State.CLOCK):
                return False
            if number[1] >= _WHOLE // 60:
                return False
            number[1] = 60 * number[1] + value
            number[4] += 1
            self._state = _State.CLOCK if state is _State.WHOLE else _State.FULL_CLOCK
            return True
        if literal == COMMA:
            if not self._commas:
                return False
            if width == 3 and state in (_State.WHOLE, _State.THOUSANDS):
                if number[1] >= _WHOLE // 1000:
                    return False
                number[1] = 1000 * number[1] + value
                self._state = _State.THOUSANDS
                return True
            if state is _State.THOUSANDS:
                return False
        if width > _MOST_DECIMALS:
            return False
        number[2:4] = value, width
        self._state = _State.CLOSED
        return True

    def _signed(self) -> list[int]:
        assert self._open
        first, whole, fraction, decimals, parts = self._open
        if self._negative:
            whole, fraction = -whole, -fraction
        return [first, whole, fraction, decimals, parts]

    def read(self) -> Reading | None:
        """Return all numbers so far; None where there are none, or none of several parts."""
        self._follow()
        if self._open is None:
            return None
        rows = np.append(self._rows.view, np.array(self._signed(), np.int64)).reshape(-1, 5)
        goes_on = self._state is not _State.CLOSED and _MAY_GO_ON.match(self._items.rest)
        return Reading(
            self._items.literals[rows[:, 0]], rows if not goes_on else rows[:-1], bool(goes_on)
        )


class Reading(NamedTuple):
    """What `Stamps` made of the items so far."""

    literals: Numbers
    """Of all numbers, the one that the stream may be in the middle of among them."""
    rows: Numbers
    """Of all finished numbers: first item, whole part, fraction, its digits, parts of a clock."""
    goes_on: bool
    """Whether the stream may be in the middle of the last one."""

    @property
    def items(self) -> Numbers:
        """The first item of every finished number."""
        return self.rows[:, 0]

    def values(self, tail: Tail) -> tuple[Numbers, int] | None:
        """Return the last `tail.length` numbers as whole ones, and what 1 has become.

        None where none has several parts, or they are too large.
        """
        _, whole, fraction, decimals, parts = self.rows[len(self.rows) - tail.length :].T
        if not (decimals.any() or (parts > 1).any()):
            return None
        most = int(decimals.max())
        unit: int = 10**most
        if int(np.abs(whole).max()) >= _LARGEST // unit:
            return None
        values = whole * unit + fraction * 10 ** (most - decimals)
        return _unrolled(values, parts, tail.period, unit), unit


def _unrolled(values: Numbers, parts: Numbers, period: int, unit: int) -> Numbers:
    """Let clocks run on where they began again, at midnight or at the full hour."""
    rows = len(values) // period
    if rows < 3 or not (parts > 1).any():
        return values
    values = values.copy()
    table = values[len(values) - rows * period :].reshape(rows, period)
    kinds = parts[len(parts) - rows * period :].reshape(rows, period)[1:]
    steps = table[1:] - table[:-1]
    usual = np.sort(steps[-_USUAL:], axis=0)[len(steps[-_USUAL:]) // 2]
    missing = usual - steps
    rolled = np.zeros(missing.shape, bool)
    for clock, rolls in _ROLLS.items():
        rolled |= (kinds == clock) & np.isin(np.abs(missing), np.array(rolls, np.int64) * unit)
    table[1:] += np.cumsum(np.where(rolled, missing, 0), axis=0)
    return values
