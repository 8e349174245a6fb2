"""All maximal periodic stretches of a sequence, at once. Pure numpy, exact.

Let a stretch of length L have primitive period p, and look at a window of w >= p elements
in it that ends at least p before its end. The window recurs p further on, and nowhere
between: two periods over w + p elements would have a common divisor (Fine and Wilf 1965).
So the *first* recurrence of one window tells the period. Windows lie every s elements;
where w + s <= L - p + 1, one of them is inside. Periods are taken in levels, each with its
w and s, and every window is compared with the next w positions: about 2n comparisons of
fingerprints a level. Fingerprints only propose: what they say is equal is compared, and a
false proposal is replaced by the next true recurrence.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from loopbench.detectors.parts.periods import Ints

Prints = NDArray[np.uint32]

_BLOCK = 1 << 16
"""Most comparisons held at once, so that they stay in the cache."""
_BASE = 0x9E3779B1
_INVERSE = pow(_BASE, -1, 1 << 32)
_MANY = 8
"""Neighbouring windows that are compared, or left out, as one stretch, from so many on."""
_KEPT = 1 << 20
"""Most powers that are kept."""
_MIX = (0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F, 0x165667B1)


class Run(NamedTuple):
    """Elements `start` to `end` (exclusive) have `period` as their smallest period."""

    period: int
    start: int
    end: int


class Level(NamedTuple):
    """The periods from `above` + 1 to `window`, and how stretches with them are met."""

    above: int
    window: int
    stride: int


def find_runs(
    t: Ints, min_repeats: int, min_length: int, max_period: int | None = None
) -> list[Run]:
    """Find every maximal periodic stretch that is long enough.

    Parameters
    ----------
    t
        The sequence, shape (n,).
    min_repeats
        At least 2. From 3 on the method below applies; with 2, where some window recurs, every
        period is tried.
    min_length
        In elements.
    max_period
        Longer periods are not looked for.

    Returns
    -------
    list of Run
        By start, then by period: exactly those (p, a, b) for which ``t[a:b]`` has the
        primitive period p, ``b - a >= max(min_repeats * p, min_length)``, and neither
        ``t[a-1:b]`` nor ``t[a:b+1]`` has period p.

    Notes
    -----
    From 3 repeats on O(n log n) simple operations on any input, short of one that is built to
    make the fingerprints collide; O(n^2) with 2.
    """
    n = len(t)
    longest = n // min_repeats
    if max_period is not None:
        longest = min(longest, max_period)
    if n < min_length or longest < 1:
        return []
    begin, end = _recurring(t, _room(min_repeats, min_length), longest)
    if begin == end:
        return []
    search = _of_all if min_repeats < 3 else _of_levels
    found = [
        Run(period, begin + first, begin + beyond)
        for period, first, beyond in search(t[begin:end], min_repeats, min_length, longest)
    ]
    return sorted(found, key=lambda run: (run.start, run.period))


def _recurring(t: Ints, room: int, longest: int) -> tuple[int, int]:
    """Return the bounds of a stretch with every run in it: between windows that recur.

    Most outputs have no such window, which this finds out in a few passes. In a run, every
    window that ends a period before its end recurs; of those that begin every `stride`
    elements one is there.
    """
    window = 2 * (room + 1) // 3
    stride = room - window + 1
    marks = Fingerprints(t, min(window, 3)).of_windows(window)
    # Few of the others look like one of the windows at the strides.
    short = (marks >> np.uint32(16)).astype(np.intp)
    known = np.zeros(1 << 16, np.bool_)
    known[short[::stride]] = True
    places = known.take(short).nonzero()[0]
    by_mark = marks[places].astype(np.uint64) << np.uint64(32)
    by_mark |= places.view(np.uint64)
    by_mark.sort()
    # The neighbours of one mark lie as far apart as it takes to recur.
    lags = by_mark[1:] - by_mark[:-1]
    again = (lags <= longest).nonzero()[0]
    if not again.size:
        return 0, 0
    at = by_mark.astype(np.uint32)
    begin, last = int(at[again].min()), int(at[again + 1].max())
    return max(0, begin - stride + 1), min(len(t), last + window + stride)


def _of_levels(t: Ints, min_repeats: int, min_length: int, longest: int) -> list[Run]:
    longest = min(longest, len(t) // min_repeats)
    found: list[Run] = []
    prints: dict[int, Fingerprints] = {}
    for level in _levels(min_repeats, min_length, longest):
        # Two runs share less than both their periods together: none of those that are left
        # fits beside one that is nearly everything.
        beside = (min_repeats - 2) * (level.above + 1)
        if any(len(t) - (run.end - run.start) <= beside for run in found):
            break
        gram = min(level.window, 3)
        if gram not in prints:
            prints[gram] = Fingerprints(t, gram)
        marks = prints[gram].of_windows(level.window)
        lags = _first_recurrences(marks, level, longest, found)
        if not lags.any():
            continue
        _verify(t, lags, marks, level, longest)
        first, beyond = _groups(lags, level.above)
        start, end = first * level.stride, (beyond - 1) * level.stride + level.window
        lag = lags[first]
        needed = np.maximum(min_repeats * lag, min_length)
        for bound in (end - start + lag + 2 * level.stride, None):
            if bound is None:
                start, end = _extended(t, lag, start, end, level.stride)
                bound = end - start
            enough = bound >= needed
            lag, start, end, needed = lag[enough], start[enough], end[enough], needed[enough]
        found += map(Run, lag.tolist(), start.tolist(), end.tolist())
    return found


def _of_all(t: Ints, min_repeats: int, min_length: int, longest: int) -> list[Run]:
    n = len(t)
    found: dict[tuple[int, int], int] = {}
    for period in range(1, min(longest, n // min_repeats) + 1):
        needed = max(min_repeats * period, min_length) - period
        same = np.zeros(n - period + 1, np.bool_)
        np.equal(t[period:], t[:-period], out=same[:-1])
        # One of every `needed` places lies inside a stretch that is long enough.
        if not same[needed - 1 :: needed].any():
            continue
        beyond = np.flatnonzero(~same)
        start = np.concatenate(([0], beyond[:-1] + 1))
        for i in np.flatnonzero(beyond - start >= needed).tolist():
            # The same stretch has every multiple of its period too, which comes later.
            found.setdefault((int(start[i]), int(beyond[i]) + period), period)
    return [Run(period, start, end) for (start, end), period in found.items()]


def outermost(runs: list[Run]) -> list[Run]:
    """Leave out every run that lies wholly inside another one.

    Parameters
    ----------
    runs
        By start, as `find_runs` returns them; no two cover the same stretch.
    """
    kept: list[Run] = []
    for run in sorted(runs, key=lambda run: (run.start, -run.end)):
        if not kept or run.end > kept[-1].end:
            kept.append(run)
    return kept


def _levels(min_repeats: int, min_length: int, longest: int) -> Iterator[Level]:
    """Cover the periods up to `longest`; a window is compared with about two strides of lags."""
    window = 0
    while window < longest:
        above = window
        room = _room(min_repeats, min_length, above + 1)
        window = 2 * (room + 1) // 3
        yield Level(above, window, room - window + 1)


def _room(min_repeats: int, min_length: int, period: int = 1) -> int:
    """Return the least L - p over periods p from `period` on, L as `find_runs` demands it."""
    return max((min_repeats - 1) * period, -(-(min_repeats - 1) * min_length // min_repeats))


class Fingerprints:
    """Rolling fingerprints of all windows of a sequence, equal where the windows are.

    A polynomial over mixed n-grams, modulo 2**32. Over single elements it would collide on
    every Thue-Morse word; over the mixed n-grams of more than two it does not.
    """

    def __init__(self, t: Ints, gram: int) -> None:
        self._gram = gram
        raw = t.astype(np.uint32)  # elements that differ further up look alike, which costs time
        count = len(t) - gram + 1
        terms = raw[:count] * np.uint32(_MIX[0])
        for i in range(1, gram):
            terms += raw[i : count + i] * np.uint32(_MIX[i])
        terms ^= terms >> np.uint32(15)
        terms *= np.uint32(_MIX[3])
        terms *= _powers(_BASE, count)
        self._sums = np.zeros(count + 1, np.uint32)
        terms.cumsum(out=self._sums[1:], dtype=np.uint32)
        self._inverse = _powers(_INVERSE, count)
        self._out = np.empty(count, np.uint32)

    def of_windows(self, window: int) -> Prints:
        """Return the fingerprint of each window; valid until the next call."""
        grams = window - self._gram + 1
        count = max(0, len(self._sums) - grams)
        out = self._out[:count]
        np.subtract(self._sums[grams:], self._sums[:count], out=out)
        out *= self._inverse[:count]
        return out


_known: dict[int, Prints] = {}


def _powers(base: int, count: int) -> Prints:
    """Return the powers of a base from 0 on, modulo 2**32; kept for the next call."""
    known = _known.get(base)
    if known is None or len(known) < count:
        known = np.full(max(count, 1 << 15), base, np.uint32)
        known[0] = 1
        np.cumprod(known, out=known, dtype=np.uint32)
        if count <= _KEPT:
            _known[base] = known
    return known[:count]


def _first_recurrences(marks: Prints, level: Level, longest: int, known: list[Run]) -> Ints:
    """Return for each window the lag at which its fingerprint first recurs, 0 for none.

    0 for windows inside known runs, too: they recur after those shorter periods.
    """
    widest = min(level.window, longest)
    stride = level.stride
    # The last windows have fewer places after them; what lies past the end is none.
    padded = np.zeros(len(marks) + widest, np.uint32)
    padded[: len(marks)] = marks
    lags = np.zeros(-(-len(marks) // stride), np.int64)
    for first, beyond in _outside(known, level, len(lags)):
        _recurrences(padded[first * stride :], lags[first:beyond], widest, stride)
    lags[lags + stride * _indices(len(lags)) >= len(marks)] = 0
    return lags


def _outside(known: list[Run], level: Level, windows: int) -> Iterator[tuple[int, int]]:
    """Yield the stretches of windows between known runs, as (first, beyond)."""
    at = 0
    for period, start, end in sorted(known, key=lambda run: run.start):
        first = -(-start // level.stride)
        beyond = (end - period - level.window) // level.stride + 1
        if beyond - max(first, at) >= _MANY:  # fewer are not worth a stretch of their own
            if first > at:
                yield at, first
            at = beyond
    if at < windows:
        yield at, windows


def _recurrences(marks: Prints, lags: Ints, widest: int, stride: int) -> None:
    """Fill in the lags of as many windows, each of which has `widest` places after it."""
    size = marks.itemsize
    # What `sliding_window_view` would return, without its fixed cost.
    rows = np.ndarray((len(lags), widest), marks.dtype, marks.data, size, (size * stride, size))
    step = max(1, _BLOCK // widest)
    for at in range(0, len(lags), step):
        end = min(at + step, len(lags))
        same = rows[at:end] == marks[at * stride : (end - 1) * stride + 1 : stride, None]
        first = same.argmax(axis=1)
        hits = same[_indices(end - at), first].nonzero()[0]
        if hits.size:
            lags[at + hits] = first[hits] + 1


@lru_cache(maxsize=64)
def _indices(count: int) -> Ints:
    return np.arange(count)


def _groups(lags: Ints, above: int) -> tuple[Ints, Ints]:
    """Join neighbours with one lag greater than `above`: the first of each group, the next."""
    edges = (lags[1:] != lags[:-1]).nonzero()[0] + 1
    first = np.concatenate(([0], edges))
    beyond = np.concatenate((edges, [len(lags)]))
    kept = lags[first] > above
    return first[kept], beyond[kept]


def _verify(t: Ints, lags: Ints, marks: Prints, level: Level, longest: int) -> None:
    """Replace each lag that only the fingerprints propose by the next true recurrence."""
    window, stride = level.window, level.stride
    first, beyond = _groups(lags, 0)
    many = beyond - first >= _MANY
    false: list[int] = []
    for a, b in zip(first[many].tolist(), beyond[many].tolist(), strict=True):
        start, end, lag = a * stride, (b - 1) * stride + window, int(lags[a])
        if not np.array_equal(t[start:end], t[start + lag : end + lag]):
            false += range(a, b)
    single = lags > 0
    for a, b in zip(first[many].tolist(), beyond[many].tolist(), strict=True):
        single[a:b] = False
    proposed = np.flatnonzero(single)
    t = np.ascontiguousarray(t)
    windows = np.ndarray((len(t) - window + 1, window), np.int64, t.data, 0, (8, 8))
    step = max(1, _BLOCK // window)
    for at in range(0, len(proposed), step):
        part = proposed[at : at + step]
        places = part * stride
        true = (windows[places] == windows[places + lags[part]]).all(axis=1)
        false += part[~true].tolist()
    for index in false:
        lags[index] = _next_recurrence(t, marks, index * stride, window, longest)


def _next_recurrence(t: Ints, marks: Prints, at: int, window: int, longest: int) -> int:
    ahead = marks[at + 1 : at + 1 + min(window, longest)]
    for lag in (np.flatnonzero(ahead == marks[at]) + 1).tolist():
        if np.array_equal(t[at : at + window], t[at + lag : at + lag + window]):
            return int(lag)
    return 0


def _extended(t: Ints, lags: Ints, starts: Ints, ends: Ints, stride: int) -> tuple[Ints, Ints]:
    """Return where the maximal runs around stretches over which lags hold start and end.

    Less than a stride is missing at either side, else the next window would be inside.
    """
    low, high = np.empty_like(lags), np.empty_like(lags)
    step = max(1, _BLOCK // stride)
    offsets = np.arange(stride)
    last = len(t) - 1
    for at in range(0, len(lags), step):
        part = slice(at, at + step)
        lag, start, end = lags[part, None], starts[part, None], ends[part, None]
        before = start - 1 - offsets
        differ = t[np.maximum(before, 0)] != t[np.maximum(before, 0) + lag]
        differ |= before < 0
        low[part] = np.where(differ.any(axis=1), differ.argmax(axis=1), stride)
        after = end + offsets
        differ = t[np.minimum(after, last)] != t[np.minimum(after + lag, last)]
        differ |= after + lag > last
        high[part] = np.where(differ.any(axis=1), differ.argmax(axis=1), stride)
    return starts - low, ends + high + lags
