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
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from loopbench.detectors.parts.lyndon import all_runs
from loopbench.detectors.parts.periods import Ints

Prints = NDArray[np.uint32]

_BLOCK = 1 << 16
"""Most comparisons held at once, so that they stay in the cache."""
BASE = 0x9E3779B1
INVERSE = pow(BASE, -1, 1 << 32)
_KEPT = 1 << 20
"""Most powers that are kept."""
_MIX = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93)


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
        At least 2. From 3 on the method below applies; with 2, `lyndon.all_runs` finds the
        stretches, about ten times slower.
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
    O(n log n) simple operations on any input, short of one that is built to make the
    fingerprints collide.
    """
    n = len(t)
    longest = n // min_repeats
    if max_period is not None:
        longest = min(longest, max_period)
    found: list[Run] = []
    if n < min_length or longest < 1:
        return found
    if min_repeats < 3:
        return _of_all(t, min_repeats, min_length, longest)
    prints: dict[int, Fingerprints] = {}
    for level in _levels(min_repeats, min_length, longest):
        gram = min(level.window, 3)
        if gram not in prints:
            prints[gram] = Fingerprints(t, gram)
        marks = prints[gram].of_windows(level.window)
        lags = _first_recurrences(marks, level, longest)
        for lag, start, end in _groups(lags, level, 0):
            if not _holds(t, lag, start, end):
                _correct(t, lags, marks, level, start, end, longest)
        for lag, start, end in _groups(lags, level, level.above):
            run = _extended(t, lag, start, end, level.stride)
            if run.end - run.start >= max(min_repeats * lag, min_length):
                found.append(run)
    return sorted(found, key=lambda run: (run.start, run.period))


def _of_all(t: Ints, min_repeats: int, min_length: int, longest: int) -> list[Run]:
    runs = all_runs(t)
    period, length = runs[:, 0], runs[:, 2] - runs[:, 1]
    enough = (length >= np.maximum(min_repeats * period, min_length)) & (period <= longest)
    found = [Run(*run) for run in runs[enough].tolist()]
    return sorted(found, key=lambda run: (run.start, run.period))


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
        # The least L - p over the level, where L >= min_repeats * p and L >= min_length.
        shortest = -(-(min_repeats - 1) * min_length // min_repeats)
        room = max((min_repeats - 1) * (above + 1), shortest)
        window = 2 * (room + 1) // 3
        yield Level(above, window, room - window + 1)


class Fingerprints:
    """Rolling fingerprints of all windows of a sequence, equal where the windows are.

    A polynomial over mixed n-grams, modulo 2**32. Over single elements it would collide on
    every Thue-Morse word; over the mixed n-grams of more than two it does not.
    """

    def __init__(self, t: Ints, gram: int) -> None:
        self._gram = gram
        raw = t.view(np.uint64)
        count = len(t) - gram + 1
        mixed = raw[:count] * np.uint64(_MIX[0])
        for i in range(1, gram):
            mixed += raw[i : count + i] * np.uint64(_MIX[i])
        mixed ^= mixed >> np.uint64(29)
        mixed *= np.uint64(_MIX[3])
        terms = (mixed >> np.uint64(32)).astype(np.uint32)
        terms *= powers(BASE, count)
        self._sums = np.zeros(count + 1, np.uint32)
        np.cumsum(terms, out=self._sums[1:], dtype=np.uint32)
        self._inverse = powers(INVERSE, count)
        self._out = np.empty(count, np.uint32)

    def of_windows(self, window: int) -> Prints:
        """Return the fingerprint of each window; valid until the next call."""
        grams = window - self._gram + 1
        count = max(0, len(self._sums) - grams)
        out = self._out[:count]
        np.subtract(self._sums[grams:], self._sums[:count], out=out)
        out *= self._inverse[:count]
        return out


_powers: dict[int, Prints] = {}


def powers(base: int, count: int) -> Prints:
    """Return the powers of a base from 0 on, modulo 2**32; kept for the next call."""
    known = _powers.get(base)
    if known is None or len(known) < count:
        known = np.full(max(count, 1 << 15), base, np.uint32)
        known[0] = 1
        np.cumprod(known, out=known, dtype=np.uint32)
        if count <= _KEPT:
            _powers[base] = known
    return known[:count]


def _first_recurrences(marks: Prints, level: Level, longest: int) -> Ints:
    """Return for each window the lag at which its fingerprint first recurs, 0 for none."""
    widest = min(level.window, longest)
    anchors = marks[:: level.stride]
    lags = np.zeros(len(anchors), np.int64)
    whole = 0
    if len(marks) > widest:
        rows = sliding_window_view(marks, widest + 1)[:: level.stride, 1:]
        whole = len(rows)
        step = max(1, _BLOCK // widest)
        for at in range(0, whole, step):
            end = min(at + step, whole)
            same = rows[at:end] == anchors[at:end, None]
            if same.any():
                first = same.argmax(axis=1)
                hit = same[np.arange(len(same)), first]
                lags[at:end] = (first + 1) * hit
    for index in range(whole, len(anchors)):
        at = index * level.stride
        same = marks[at + 1 : at + 1 + widest] == marks[at]
        if same.any():
            lags[index] = int(same.argmax()) + 1
    return lags


def _groups(lags: Ints, level: Level, above: int) -> Iterator[Run]:
    """Join neighbouring windows with one lag: where it holds from `start` to `end`."""
    edges = np.flatnonzero(np.diff(lags, prepend=-1, append=-1))
    for first, beyond in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        lag = int(lags[first])
        if lag > above:
            yield Run(lag, first * level.stride, (beyond - 1) * level.stride + level.window)


def _holds(t: Ints, lag: int, start: int, end: int) -> bool:
    return np.array_equal(t[start:end], t[start + lag : end + lag])


def _correct(
    t: Ints, lags: Ints, marks: Prints, level: Level, start: int, end: int, longest: int
) -> None:
    """Replace the lags of the windows from `start` to `end` by true recurrences."""
    window = level.window
    for at in range(start, end - window + 1, level.stride):
        ahead = marks[at + 1 : at + 1 + min(window, longest)]
        proposed = (int(i) + 1 for i in np.flatnonzero(ahead == marks[at]))
        true = (lag for lag in proposed if _holds(t, lag, at, at + window))
        lags[at // level.stride] = next(true, 0)


def _extended(t: Ints, lag: int, start: int, end: int, stride: int) -> Run:
    """Return the maximal run around a stretch over which `lag` holds.

    Less than a stride is missing at either side, else the next window would be inside.
    """
    low = max(0, start - stride)
    before = t[low:start] != t[low + lag : start + lag]
    if before.any():
        low = start - int(before[::-1].argmax())
    high = min(len(t) - lag, end + stride)
    after = t[end:high] != t[end + lag : high + lag]
    if after.any():
        high = end + int(after.argmax())
    return Run(lag, low, high + lag)
