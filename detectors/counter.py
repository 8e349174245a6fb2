"""Counter loops (L1): the end is periodic once its steadily advancing numbers are abstracted.

"57. Lily lies.\\n58. Lily lies.", "203, 204, 205", "Step 71:\\nd = 100\\nStep 72:\\nd = 100",
cycles of several statements under one running number. Needs the text of the tokens.

Folding all digits alike would call tables and long arithmetic loops; here each number
must stay or advance by a constant step, and at least one must advance. Does not see
counters spelled in words, or lists whose statements differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loopbench.detectors.items import Items
from loopbench.detectors.periods import Tail, tail_period
from loopbench.detectors.streaming import (
    TailLoop,
    TailWatcher,
    check_rule,
    scan_tail,
    tail_verdict,
)
from loopbench.types import LoopSpan, Verdict

_MAX_CYCLE = 64
"""Most lines under one running number before the lines themselves repeat."""
_SLIP_EVERY = 8
"""A count may slip (skip, roll over) once in so many lines and still be the same count."""
_MAX_TEMPLATE = 400
"""Longest template kept in a verdict, in characters."""

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Counter:
    """At least `min_repeats` blocks over at least `min_tokens` tokens, up to the end.

    Parameters
    ----------
    min_repeats
        Whole repetitions of the block, at least 3: a step shows in its second repetition
        and is confirmed by the third.
    min_tokens
        Length of the looping stretch in tokens.
    """

    min_repeats: int = 4
    min_tokens: int = 128

    name = "counter"
    version = 1

    def __post_init__(self) -> None:
        check_rule(self.min_repeats, self.min_tokens)
        if self.min_repeats < 3:
            raise ValueError(f"min_repeats must be >= 3, got {self.min_repeats}")

    def scan(self, ids: Sequence[int], text: str | Sequence[str] | None = None) -> Verdict:
        """Judge a whole output; without a text there is nothing to find."""
        loops, terminal = scan_tail(_Stream(self), ids, text)
        return tail_verdict(self.name, self.version, "counter", loops, terminal)

    def watch(self) -> TailWatcher:
        """Return fresh state for one stream."""
        return TailWatcher(_Stream(self))


class _Stream:
    def __init__(self, rule: Counter) -> None:
        self._rule = rule
        self._items = Items()

    def extend(self, ids: NDArray[np.int64], pieces: Sequence[str]) -> None:
        self._items.extend(pieces)

    def tail(self) -> TailLoop | None:
        items, rule = self._items, self._rule
        items.parse()
        literals = items.literals.view
        # The pattern must cover the demanded tokens: a short run of like literals at the
        # very end may be just the inside of one longer block.
        covered = items.count_after_token(items.tokens - rule.min_tokens)
        periodic = tail_period(literals, rule.min_repeats, max(covered, rule.min_repeats))
        if periodic is None or not items.open_rest_fits(len(literals) - periodic.period):
            return None
        count = steady_count(items.numbers.view, periodic, rule.min_repeats)
        if count is None:
            return None
        start = items.token_of(len(literals) - count.rows * periodic.period)
        if items.tokens - start < rule.min_tokens:
            return None
        return self._describe(periodic.period, count, start)

    def _describe(self, width: int, count: Count, start: int) -> TailLoop:
        items = self._items
        n = len(items.literals.view)
        block = width * count.cycle
        period = max(1, items.token_of(n - 1) - items.token_of(n - 1 - block))
        template = "".join(items.text_of(n - block + i) + "{}" for i in range(block))
        return TailLoop(
            LoopSpan(
                start=start, end=items.tokens, period=period, repeats=count.rows // count.cycle
            ),
            template=template[:_MAX_TEMPLATE],
            strides=count.strides,
        )


@dataclass(frozen=True)
class Count:
    """A steady count at the end of a table of numbers."""

    cycle: int
    """Rows per block."""
    rows: int
    """Rows over which it holds."""
    strides: tuple[float, ...]
    """Step of every number of a block from one block to the next."""


def steady_count(numbers: Numbers, periodic: Tail, min_repeats: int) -> Count | None:
    """Find the shortest cycle in which every number stays or advances by a constant step.

    Parameters
    ----------
    numbers
        The number of each item, shape (n,).
    periodic
        Period and length of the literals' periodic end: its rows, one period each, form
        the table that is searched.
    min_repeats
        Blocks needed.

    Returns
    -------
    Count or None
        None also where no number advances: that is a verbatim loop.
    """
    rows = periodic.length // periodic.period
    table = numbers[len(numbers) - rows * periodic.period :].reshape(rows, periodic.period)
    for cycle in _promising(table, min(_MAX_CYCLE, rows // min_repeats)):
        bad = np.any(table[2 * cycle :] - 2 * table[cycle:-cycle] + table[: -2 * cycle], axis=1)[
            ::-1
        ]
        held = _held(bad, cycle)
        if held + 2 * cycle < min_repeats * cycle:
            continue
        strides = _strides(table[len(table) - held - 2 * cycle :], cycle)
        if strides is None:
            continue
        if strides.any():
            return Count(cycle, held + 2 * cycle, tuple(float(s) for s in strides.ravel()))
        return None
    return None


def _strides(table: Numbers, cycle: int) -> NDArray[np.float64] | None:
    """Return the usual step over the last blocks, for each number of a block.

    None if some number has none: slips are for all numbers of a block to share. Without
    this, one random number in a block of four would pass for a count that slips.
    """
    steps = table[cycle:] - table[:-cycle]
    blocks = min(_SLIP_EVERY, len(steps) // cycle)
    recent = steps[len(steps) - blocks * cycle :].reshape(blocks, cycle, table.shape[1])
    strides = np.median(recent, axis=0)
    usual = 2 * np.sum(recent == strides, axis=0) > blocks
    return np.asarray(strides) if usual.all() else None


def _promising(table: Numbers, most: int) -> list[int]:
    """Return the cycles up to `most` that hold in half of the last rows, shortest first.

    A cheap filter, one gather for all cycles, so that lists of unrelated numbers cost
    little; `_held` decides.
    """
    if most < 1:
        return []
    cycles = np.arange(1, most + 1)
    ends = len(table) - 1 - np.arange(6)
    first = ends[None, :] - 2 * cycles[:, None]
    known = first >= 0
    a = table[np.maximum(first, 0)]
    b = table[np.maximum(first + cycles[:, None], 0)]
    c = table[np.broadcast_to(np.maximum(ends, 0), first.shape)]
    steady = ~np.any(a - 2 * b + c, axis=2) & known
    return [int(c) for c in cycles[steady.sum(axis=1) * 2 >= known.sum(axis=1)]]


def _held(bad: NDArray[np.bool_], cycle: int) -> int:
    """Return over how many rows, counted from the end, the steps are steady.

    A slip spoils two second differences, so up to one row in four may be bad once there
    are enough good ones; without them the first bad row ends the count.
    """
    clean = int(np.argmax(bad)) if bad.any() else len(bad)
    good = np.cumsum(~bad)
    seen = np.arange(1, len(bad) + 1)
    slipped = (good >= 6 * cycle) & (good * _SLIP_EVERY >= (_SLIP_EVERY - 2) * seen) & ~bad
    return max(clean, int(seen[slipped].max(initial=0)))


DETECTOR = Counter
