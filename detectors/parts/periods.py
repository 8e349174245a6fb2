"""The period of the end of a sequence: the exact core of every tail rule. Pure numpy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

_BLOCK = 1 << 18
"""Most elements compared in one numpy call, so that memory stays small."""


class Tail(NamedTuple):
    """The last `length` elements have `period` as their smallest period."""

    period: int
    length: int


def tail_period(
    t: Ints, min_repeats: int, min_length: int, max_period: int | None = None
) -> Tail | None:
    """Find the smallest period of a long enough end of `t`.

    An end of length L has period p if each of its elements equals the one p before it.
    It is long enough if ``L >= max(min_repeats * p, min_length)``.

    Parameters
    ----------
    t
        The sequence, shape (n,).
    min_repeats
        At least 2.
    min_length
        In elements.
    max_period
        Longer periods are not looked for.

    Returns
    -------
    Tail or None
        The smallest such period with the full length over which it holds. The period is
        primitive: by the theorem of Fine and Wilf (1965) a proper divisor that also
        generated the block would hold over the same end, and would have been found first.

    Notes
    -----
    Lags that survive are compared over windows of doubling width, all at once. A window
    of width w that repeats at distances under w/2 is itself periodic, so its occurrences
    are either multiples of a shorter candidate, which is tried first, or at most 2n/w
    many: each doubling costs O(n / min_repeats) and the whole O(n log n / min_repeats).
    """
    n = len(t)
    if n < max(min_length, min_repeats):
        return None
    top = n // min_repeats
    if max_period is not None:
        top = min(top, max_period)
    lags, width = _first_lags(t, top, min_repeats, min_length)
    while lags.size:
        shortest = int(lags[0])
        length = periodic_length(t, shortest, max(min_repeats * shortest, min_length))
        if length >= max(min_repeats * shortest, min_length):
            return Tail(shortest, periodic_length(t, shortest))
        # Where the period breaks is the place that tells the other lags apart: without
        # it, the inside of every earlier run of that period would survive for long.
        lags = _over_the_break(t, lags[1:], length, min_repeats, min_length)
        for offsets in (np.array([length]), np.arange(width, 2 * width)):
            lags = _agreeing(t, lags, offsets, min_repeats, min_length)
        width *= 2
    return None


def _first_lags(t: Ints, top: int, min_repeats: int, min_length: int) -> tuple[Ints, int]:
    """Return the lags up to `top` at which the last elements recur, and how many these are.

    This is all that most looks at ordinary text do, so it takes few calls.
    """
    n = len(t)
    # The rule demands so much of every lag p: max(min_repeats * p, min_length) - p at least.
    demanded = max(min_repeats - 1, -(-(min_repeats - 1) * min_length // min_repeats))
    same = t[n - 1 - top : n - 1] == t[n - 1]
    if demanded > 1:
        same &= t[n - 2 - top : n - 2] == t[n - 2]
    lags = np.flatnonzero(same[::-1]) + 1
    width = min(demanded, 8)
    for offset in range(2, width):
        if not lags.size:
            break
        lags = lags[t[n - 1 - offset - lags] == t[n - 1 - offset]]
    return lags, width


def _over_the_break(t: Ints, lags: Ints, length: int, min_repeats: int, min_length: int) -> Ints:
    """Keep the lags that also match where an end of this length begins, if they must."""
    at = len(t) - 1 - length
    if not lags.size or at < 0:
        return lags
    # Longer lags, and those of which no more is demanded, do not reach over it.
    same = t[at + np.minimum(lags, length)] == t[at]
    same |= (lags > length) | (np.maximum(min_repeats * lags, min_length) <= length)
    return np.asarray(lags[same])


def _agreeing(t: Ints, lags: Ints, offsets: Ints, min_repeats: int, min_length: int) -> Ints:
    """Keep the lags that also match at these offsets from the end."""
    n = len(t)
    offsets = offsets[offsets < n]
    if not lags.size or not offsets.size:
        return lags
    kept = []
    step = max(1, _BLOCK // offsets.size)
    for first in range(0, lags.size, step):
        part = lags[first : first + step, None]
        # Only what the rule demands of a lag is compared: beyond it nothing need match.
        demanded = np.maximum(min_repeats * part, min_length) - part
        earlier = n - 1 - offsets[None, :] - part
        same = t[np.maximum(earlier, 0)] == t[n - 1 - offsets][None, :]
        kept.append(part[(same | (offsets[None, :] >= demanded)).all(axis=1), 0])
    return np.concatenate(kept)


def periodic_length(t: Ints, period: int, enough: int | None = None) -> int:
    """Return the length of the longest end of `t` that has this period.

    With `enough`, counting may stop as soon as that length is reached.

    Parameters
    ----------
    t
        Shape (n,).
    period
        In elements.
    enough
        A length at which counting may stop.
    """
    n = len(t)
    limit = n - period if enough is None else min(n - period, enough - period)
    matched, chunk = 0, 64
    while matched < limit:
        chunk = min(chunk, limit - matched)
        high = n - matched
        same = t[high - chunk : high] == t[high - chunk - period : high - period]
        if not same.all():
            return matched + int(np.argmin(same[::-1])) + period
        matched += chunk
        chunk *= 2
    return matched + period
