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
_MOST_BETWEEN = 32
"""Most numbers in the block of a count, its cycle included."""
_LOOKS, _BLOCKS = 8, 4
"""A short look is at so many numbers of a block, in so many blocks."""
_ROWS, _COLUMNS = np.arange(_BLOCKS)[:, None], np.arange(_LOOKS)
_GLANCE = (_BLOCKS + 1) * _MOST_BETWEEN + _LOOKS
_POWERS = 10 ** np.arange(_MOST_DECIMALS + 1)
_FIELDS = 6
_FEW = 30
"""Items up to which it costs less to take them one by one."""
_MAY_GO_ON = re.compile(r"[:.,](?:[0-9]+(?:st?|nd?|rd?|th?)?)?\Z")


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
    decimal_commas
        Whether a comma may stand before a fraction. Columns of "12,5" may be one number or two.
    """

    def __init__(self, items: Items, *, decimal_commas: bool) -> None:
        self._items = items
        self._decimal_commas = decimal_commas
        self._rows = Grown()  # the numbers, `_FIELDS` values each; the last one may go on
        self._open = [0] * _FIELDS  # that last one
        self._state = _State.CLOSED
        self._negative = False

    def read(self) -> Reading:
        """Return all numbers so far."""
        self._follow()
        goes_on = self._state is not _State.CLOSED and _MAY_GO_ON.match(self._items.rest)
        rows = self._rows.view.reshape(-1, _FIELDS)
        return Reading(rows, len(rows) - bool(goes_on))

    def _follow(self) -> None:
        """Read the items that are new, and again those of the last number, which may have gone on.

        Of items that are no longer there it forgets what it read.
        """
        literals, numbers, widths = self._items.literals, self._items.numbers, self._items.widths
        rows = self._rows.view.reshape(-1, _FIELDS)
        known = max(0, int(rows[:, 1].searchsorted(len(literals))) - 1)
        at = int(rows[known, 1]) if known < len(rows) else 0
        self._rows.drop(_FIELDS * (len(rows) - known))
        self._state = _State.CLOSED
        columns = literals[at:], numbers[at:], widths[at:]
        if len(literals) - at > _FEW:
            self._rows.extend(self._of_many(at, *columns).ravel())
        elif len(literals) > at:
            self._rows.extend(np.array(self._joined(at, _parts(*columns)), np.int64))

    def _of_many(self, at: int, literals: Numbers, numbers: Numbers, widths: Numbers) -> Numbers:
        """Return the numbers that items from `at` on make: nearly all have one part."""
        alone = (literals > COMMA) | (widths <= 0)
        alone[0] = True
        first = alone.nonzero()[0]
        new = np.zeros((len(first), _FIELDS), np.int64)
        new[:, 0], new[:, 1], new[:, 2], new[:, 5] = literals[first], at + first, numbers[first], 1
        sizes = np.diff(first, append=len(literals))
        several = sizes > 1
        # Most of the others are decimals.
        at_point = first[sizes == 2]
        at_point = at_point[(literals[at_point + 1] == POINT) & (widths[at_point] != 0)]
        at_point = at_point[widths[at_point + 1] <= _MOST_DECIMALS]
        decimal = first.searchsorted(at_point)
        several[decimal] = False
        new[decimal, 3] = np.where(widths[at_point] < 0, -1, 1) * numbers[at_point + 1]
        new[decimal, 4] = widths[at_point + 1]
        if several.any():
            made: list[int] = []
            parts = _parts(literals, numbers, widths)
            beyond = np.append(first[1:], len(parts))[several]
            for begin, end in zip(first[several].tolist(), beyond.tolist(), strict=True):
                made += self._joined(at + begin, parts[begin:end])
            new = np.concatenate((new[~several], np.reshape(made, (-1, _FIELDS))))
            new = new[new[:, 1].argsort()]
        if not several[-1]:
            whole = sizes[-1] == 1 and widths[-1]
            self._state = _State.WHOLE if whole else _State.CLOSED
        return new

    def _joined(self, at: int, parts: list[tuple[int, int, int]]) -> list[int]:
        """Return the numbers that these items make, item by item.

        Parameters
        ----------
        at
            The first item.
        parts
            Literal, number and width of each.
        """
        rows: list[int] = []
        self._state = _State.CLOSED
        for index, (literal, value, width) in enumerate(parts, at):
            joint = literal <= COMMA and width > 0 and self._state
            if joint and self._joins(literal, value, width):
                continue
            if index > at:
                rows += self._signed()
            self._open = [literal, index, abs(value), 0, 0, 1]
            self._negative = width < 0
            self._state = _State.WHOLE if width else _State.CLOSED
        return rows + self._signed()

    def _signed(self) -> list[int]:
        literal, first, whole, fraction, decimals, parts = self._open
        if self._negative:
            whole, fraction = -whole, -fraction
        return [literal, first, whole, fraction, decimals, parts]

    def _joins(self, literal: int, value: int, width: int) -> bool:
        """Take a part into the open number, if it may follow there."""
        number, state = self._open, self._state
        if literal == COLON:
            if width != 2 or value >= 60 or state not in (_State.WHOLE, _State.CLOCK):
                return False
            if number[2] >= _WHOLE // 60:
                return False
            number[2] = 60 * number[2] + value
            number[5] += 1
            self._state = _State.CLOCK if state is _State.WHOLE else _State.FULL_CLOCK
            return True
        if literal == COMMA and width == 3 and state <= _State.THOUSANDS:
            if number[2] >= _WHOLE // 1000:
                return False
            number[2] = 1000 * number[2] + value
            number[5] = 0
            self._state = _State.THOUSANDS
            return True
        if width > _MOST_DECIMALS:
            return False
        if literal == COMMA and (
            state is _State.THOUSANDS or not (self._decimal_commas or width == 3)
        ):
            return False
        number[3:5] = value, width
        self._state = _State.CLOSED
        return True


def _parts(*columns: Numbers) -> list[tuple[int, int, int]]:
    return list(zip(*(column.tolist() for column in columns), strict=True))


class Reading(NamedTuple):
    """What `Stamps` made of the items so far."""

    rows: Numbers
    """Of every number: literal, first item, whole part, fraction, its digits, and
    parts: of a clock, 1 of other numbers, 0 of groups of thousands."""
    finished: int
    """How many there are, without one that the stream may be in the middle of."""

    @property
    def literals(self) -> Numbers:
        """The literal before every number, the unfinished one among them."""
        return self.rows[:, 0]

    @property
    def items(self) -> Numbers:
        """The first item of every finished number."""
        return self.rows[: self.finished, 1]

    def promising(self) -> bool:
        """Whether a short look at the last numbers leaves it open that they count."""
        rows = self.rows[max(0, self.finished - _GLANCE) : self.finished]
        size = len(rows)
        back = rows[::-1, 0]
        lags = np.arange(1, min(_MOST_BETWEEN, (size - _LOOKS) // 2) + 1)[:, None]
        if not lags.size:
            return False
        lags = lags[(back[:_LOOKS] == back[lags + _COLUMNS]).all(axis=1), :, None]
        found = _values(rows) if lags.size else None
        if found is None:
            return False
        values = np.zeros(_GLANCE + _MOST_BETWEEN, np.int64)
        values[:size] = found[0][::-1]
        at = lags * _ROWS + _COLUMNS
        twice = at + 2 * lags
        known = twice < size
        steady = known & (values[at] + values[twice] == 2 * values[at + lags])
        # Each number of a block, but perhaps in those blocks that are off.
        enough = 2 * steady.sum(axis=1) >= known.sum(axis=1)
        return bool(enough.all(axis=1).any())

    def decimal(self, count: int) -> NDArray[np.bool_]:
        """Return which of the last finished numbers are decimals, and no clock times."""
        rows = self.rows[self.finished - count : self.finished]
        return np.asarray((rows[:, 4] > 0) & (rows[:, 5] == 1))

    def values(self, tail: Tail) -> tuple[Numbers, int] | None:
        """Return the last `tail.length` numbers as whole ones, and what 1 has become.

        None where none has several parts, or they are too large.
        """
        rows = self.rows[self.finished - tail.length : self.finished]
        found = _values(rows)
        return found and (_unrolled(found[0], rows[:, 5], tail.period, found[1]), found[1])


def _values(rows: Numbers) -> tuple[Numbers, int] | None:
    _, _, whole, fraction, decimals, parts = rows.T
    most = int(decimals.max())
    if not most and (parts == 1).all():
        return None
    unit: int = 10**most
    if max(int(whole.max()), -int(whole.min())) >= _LARGEST // unit:
        return None
    return whole * unit + fraction * _POWERS[most - decimals], unit


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
