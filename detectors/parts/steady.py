"""Steady counts at the end of a list of items. Pure numpy.

Items are laid out as a table of rows, one period each. Over a cycle of rows every number
must stay or advance by its usual step; rows that do not are slips, and must be rare.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from loopbench.detectors.parts.periods import Tail, periodic_length

MAX_CYCLE = 64
"""Most rows under one running number before the rows themselves repeat."""
SLIP_EVERY = 8
"""One row in so many may be off (skipped, stalled, rolled over)."""
LASTING = 4
"""Repetitions that literals must have shown for a change of theirs to be a slip."""
_INTERLEAVED = 4
"""Most counts that may take turns under equal literals ("1, 100, 2, 101")."""
_MOST_TRIED = 4
"""Most cycles of several rows that are tried, so that the cost is bounded."""
_GLANCE = 16
"""Last rows of which three in four must be steady, unless fewer are demanded and all are."""

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Count(NamedTuple):
    """A steady count at the end of a list of items."""

    block: int
    """Items per block."""
    length: int
    """Items over which it holds, a multiple of a row."""
    strides: tuple[float, ...]
    """Step of every number of a block from one block to the next."""


def extended(literals: Numbers, tail: Tail) -> Tail:
    """Follow a periodic end of the literals back over changes that lasted.

    The new month in a list of dates is such a change: one block of new literals, before
    which the same period held for at least `LASTING` blocks.
    """
    period, length = tail
    while True:
        before = len(literals) - length  # the item before which the change began, at most
        if before < 1:
            break
        earlier = periodic_length(literals[:before], period) if before > period else 0
        if earlier < LASTING * period:
            break
        length += earlier
    return Tail(period, length)


def steady_count(
    numbers: Numbers, periodic: Tail, min_repeats: int, min_items: int
) -> Count | None:
    """Find the shortest cycle in which every number stays or advances by a constant step.

    Parameters
    ----------
    numbers
        The number of each item, shape (n,).
    periodic
        Period and length of the literals' periodic end: its rows, one period each, form
        the table that is searched.
    min_repeats
        Blocks needed, at least 3.
    min_items
        Items over which the count must hold.

    Returns
    -------
    Count or None
        None also where no number advances: that is a verbatim loop.
    """
    if _stands_still(numbers, periodic, min_repeats, min_items):
        return None
    return _search(numbers, periodic, min_repeats, min_items)


def _stands_still(numbers: Numbers, periodic: Tail, min_repeats: int, min_items: int) -> bool:
    """Whether no row has changed for so long that there is no count, as in a verbatim loop.

    Most of the last steps are zero then, which makes zero the usual one, and the rows that
    are demanded make it: what `_search` finds out too, thirty times slower.
    """
    period, length = periodic
    rows = max(min_repeats, _ceil(min_items, period), SLIP_EVERY // 2 + 2)
    still = rows * period
    return length >= still and periodic_length(numbers, period, still) == still


def _search(numbers: Numbers, periodic: Tail, min_repeats: int, min_items: int) -> Count | None:
    period, length = periodic
    for width, cycle in _layouts(numbers, periodic, min_repeats, min_items):
        rows = length // width
        table = numbers[len(numbers) - rows * width :].reshape(rows, width)
        block = max(period, width * cycle)
        held = _held(table, cycle, _ceil(max(min_repeats * block, min_items), width))
        if held is None:
            continue
        if not held.rows:
            if cycle == 1:
                return None  # so it does over every cycle
            continue
        if held.strides.any():
            turns = block // (width * cycle)
            steps = np.tile(held.strides.ravel() * turns, turns)
            return Count(block, held.rows * width, tuple(float(s) for s in steps))
        if width == period:
            # What stands still over one cycle does so over its multiples and divisors.
            return None
    return None


def _ceil(a: int, b: int) -> int:
    return -(-a // b)


class _Held(NamedTuple):
    rows: int
    """0 where the count would hold, had it not restarted."""
    strides: Numbers


def _held(table: Numbers, cycle: int, demanded: int) -> _Held | None:
    """Return over how many rows, counted from the end, the count holds; None if too few."""
    if demanded > len(table):
        return None
    strides, usual = _strides(table, cycle)
    tolerant = bool(usual.all())
    if not tolerant:
        strides = table[-cycle:] - table[-2 * cycle : -cycle]
    off = _off(table[len(table) - _window(demanded, cycle, len(table)) :], cycle, strides)
    off_rows: Flags = np.any(off, axis=1)
    slips = tolerant and SLIP_EVERY * int(np.count_nonzero(off_rows)) <= len(off_rows)
    if not slips and off_rows[len(off_rows) - (demanded - cycle) :].any():
        return None
    restart = 0
    # Long tables are followed to their beginning only if their end is worth it.
    for rows in sorted({demanded, len(table)}):
        restart = _last_restart(table, rows, cycle, strides, strides)
        if cycle > _INTERLEAVED:
            # Over some cycle a modular sequence advances steadily too, by what remains.
            nearby, _ = _strides(table, 1)
            ahead = nearby * (strides != 0)
            restart = max(restart, _last_restart(table, rows, 1, nearby, ahead))
        if len(table) - restart < demanded:
            return _Held(0, strides)
    held = _span(_off(table[restart:], cycle, strides), slips) + cycle
    if held < demanded:
        return None
    return _Held(held, strides)


def _window(demanded: int, cycle: int, rows: int) -> int:
    """Return the last rows that decide: as many as demanded, or enough for one slip."""
    return min(max(demanded, (SLIP_EVERY + 1) * cycle), rows)


def _strides(table: Numbers, cycle: int) -> tuple[Numbers, Flags]:
    """Return each number's median step over the last blocks, and whether it is usual.

    Slips are for all numbers of a block to share, so each must have a usual step. Without
    this, one random number in a block of eight would pass for a count that slips.
    """
    blocks = min(SLIP_EVERY, len(table) // cycle - 1)
    recent = table[len(table) - (blocks + 1) * cycle :].reshape(blocks + 1, cycle, -1)
    steps = recent[1:] - recent[:-1]
    strides: Numbers = np.sort(steps, axis=0)[blocks // 2]  # a majority is the median
    return strides, 2 * np.sum(steps == strides, axis=0) > blocks


def _per_row(strides: Numbers, rows: int) -> Numbers:
    """Repeat what is known of each row of a block for `rows` rows that end with a block.

    One row is left as it is, for numpy to broadcast.
    """
    if len(strides) == 1:
        return strides
    return strides[(np.arange(rows) - rows) % len(strides)]


def _off(table: Numbers, cycle: int, strides: Numbers) -> Flags:
    """Return which numbers did not make their usual step; `cycle` rows fewer than given."""
    steps = table[cycle:] - table[:-cycle]
    return np.asarray(steps != _per_row(strides, len(steps)))


def _span(off: Flags, slips: bool) -> int:
    """Return the longest end whose rows are off at most once in `SLIP_EVERY`, or never."""
    back: Flags = np.any(off, axis=1)[::-1]
    if not slips:
        return int(np.argmax(back)) if back.any() else len(back)
    fine = (np.cumsum(back) * SLIP_EVERY <= np.arange(1, len(back) + 1)) & ~back
    return int(len(fine) - np.argmax(fine[::-1])) if fine.any() else 0


def _last_restart(table: Numbers, rows: int, lag: int, strides: Numbers, ahead: Numbers) -> int:
    """Return the last row at which a number fell back to a new place, 0 if there is none.

    Against `ahead`, that is, and not by its usual step, in the last `rows` rows. A count
    may skip or stall, but one that falls back must retrace its steps, as the day of the
    month does, or carry, as minutes do into hours: the number to its left changes at the
    same moment. Else modular sequences, which go on to say new things, would count.
    """
    first = len(table) - rows
    steps = table[first + lag :] - table[first:-lag]
    off = steps != _per_row(strides, len(steps))
    fell = off & (np.sign(steps) * np.sign(_per_row(ahead, len(steps))) < 0)
    fell.ravel()[1:] &= ~off.ravel()[:-1]
    for at, column in np.argwhere(fell)[::-1]:
        row = first + lag + at
        if not _was_there(table[:row, column], table[row, column]):
            return int(row)
    return 0


def _was_there(before: Numbers, value: np.int64) -> bool:
    high, size = len(before), 64  # a count that retraces its steps was there recently
    while high > 0:
        if (before[max(0, high - size) : high] == value).any():
            return True
        high, size = high - size, 2 * size
    return False


def _layouts(
    numbers: Numbers, periodic: Tail, min_repeats: int, min_items: int
) -> Iterator[tuple[int, int]]:
    """Yield the promising widths and cycles of a table, shortest cycle first.

    Rows are as wide as the period of the literals. Where nothing fits, the literals may
    cycle beside the count (days of the week beside days of the month): then rows are as
    narrow as some divisor of their period.
    """
    period, length = periodic
    rows = length // period
    most = min(MAX_CYCLE, rows // min_repeats)
    if most >= 1:
        demanded = np.maximum(min_repeats * np.arange(most + 1), _ceil(min_items, period))
        needed = _window(int(demanded[-1]), most, rows)
        table = numbers[len(numbers) - needed * period :].reshape(needed, period)
        for cycle in _promising(_hashed(table), demanded):
            yield period, cycle
    if period > 1:
        widths = np.arange(1, period // 2 + 1)
        widths = widths[period % widths == 0]
        ends = len(numbers) - 1 - np.arange(_GLANCE)[:, None]
        # The literals hold over at least two periods, which is as far as this looks.
        ends = ends[ends[:, 0] - 2 * widths[-1] >= len(numbers) - length]
        bent = numbers[ends] - 2 * numbers[ends - widths] + numbers[ends - 2 * widths] != 0
        for width in widths[SLIP_EVERY * bent.sum(axis=0) <= 2 * len(ends)]:
            yield int(width), 1


def _hashed(table: Numbers) -> Numbers:
    """Return one number per row: a linear map, so rows that advance steadily still do.

    Arithmetic wraps. A collision makes a row look steadier than it is, never less.
    """
    width = table.shape[1]
    if width == 1:
        return table[:, 0]
    weights = np.arange(1, width + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    weights ^= weights >> np.uint64(29)
    weights *= np.uint64(0xBF58476D1CE4E5B9)
    weights ^= weights >> np.uint64(32)
    return np.asarray(table @ weights.view(np.int64))


def _promising(rows: Numbers, demanded: NDArray[np.int64]) -> Iterator[int]:
    """Yield the cycles that `_held` might accept, from 1 to ``len(demanded) - 1``.

    Many cycles are looked at in one sweep, so that lists of unrelated numbers cost little.
    A row that is off bends the sequence at most twice, so its bends are bounded too.
    """
    size, back = len(rows), rows[::-1]
    cycles = np.arange(1, min(len(demanded) - 1, size // 3) + 1)
    known = size - 2 * cycles
    glance = _bent(back, cycles, min(_GLANCE, size))
    fine = np.count_nonzero(glance, axis=1) * SLIP_EVERY <= 2 * np.minimum(_GLANCE, known)
    enough = np.minimum(known, demanded[cycles] - 2 * cycles)
    fine |= (np.argmax(glance, axis=1) >= enough) | ~glance.any(axis=1)
    cycles = cycles[fine]
    tried: list[tuple[float, int]] = []
    for low, high in pairwise((0, 1, 8, 32, MAX_CYCLE)):
        group = cycles[(cycles > low) & (cycles <= high)]
        if not group.size:
            continue
        first, last = int(group[0]), int(group[-1])
        bent = _bent(back, group, _window(int(demanded[last]), last, size) - 2 * first)
        for cycle, row in zip(group.tolist(), bent, strict=True):
            least = int(demanded[cycle])
            window = _window(least, cycle, size)
            bends = np.count_nonzero(row[: window - 2 * cycle])
            if SLIP_EVERY * bends <= 2 * (window - cycle) or not row[: least - 2 * cycle].any():
                tried.append((bends / window, cycle))
        if high == 1 and tried:
            yield 1
            tried.clear()
    # Shortest first, unless there are many: then the least bent.
    yield from sorted(cycle for _, cycle in sorted(tried)[:_MOST_TRIED])


def _bent(back: Numbers, cycles: Numbers, width: int) -> Flags:
    """Return which of the last rows bend, shape (cycles, width); False where unknown."""
    size = int(cycles.max(initial=0)) * 2 + width
    padded = np.zeros(size, np.int64)
    padded[: len(back)] = back[:size]
    # What `sliding_window_view` would return, without its fixed cost.
    windows = np.ndarray((size - width + 1, width), np.int64, padded.data, 0, (8, 8))
    bent = windows[0] - 2 * windows[cycles] + windows[2 * cycles] != 0
    bent &= np.arange(width) < (len(back) - 2 * cycles)[:, None]
    return np.asarray(bent)
