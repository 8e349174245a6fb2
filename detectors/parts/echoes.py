"""How much of the last words was said before, each run of them long enough to carry some bits."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from loopbench.detectors.parts.words import Hashes


class Seen(NamedTuple):
    """The words that are seen from some place in a text, by their numbers."""

    begin: int
    end: int


class Size(NamedTuple):
    """How many words carry the bits: `words` of them, or one more for a part `rest` of them."""

    words: int
    rest: float


def size_of(tail: Hashes, bits: float) -> Size | None:
    """Return how many words as varied as these, shape (n,), carry the bits; None if all do not.

    One word over and over has no variety to measure by; the rules of equality see it.
    """
    n = len(tail)
    tail = tail.copy()
    tail.sort()
    edges = np.empty(n + 1, np.bool_)
    edges[0] = edges[n] = True
    np.not_equal(tail[1:], tail[:-1], out=edges[1:n])
    places = edges.nonzero()[0]
    counts = places[1:] - places[:-1]
    # In order: hashes differ from process to process, and so would the last digit of a sum.
    counts.sort()
    logarithms = _logarithms(n)
    entropy = float(logarithms[n] - counts @ logarithms[counts] / n)
    if entropy * (n - 1) <= bits:
        return None
    words, rest = divmod(bits / entropy, 1)
    return Size(max(1, int(words)), rest)


@lru_cache(maxsize=16)
def _logarithms(most: int) -> NDArray[np.float64]:
    """Return the binary logarithms from 1 to `most`, each at its place."""
    return np.concatenate(([0.0], np.log2(np.arange(1, most + 1))))


_BASE = 0x9E3779B97F4A7C15
_ONE = np.uint64(1)


def _powers(size: int) -> tuple[Hashes, Hashes]:
    """Return `size` powers of an odd base and of its inverse, modulo 2**64, from the 0th on."""
    base, inverse = _known_powers(1 << size.bit_length())
    return base[:size], inverse[:size]


@cache
def _known_powers(size: int) -> tuple[Hashes, Hashes]:
    base, inverse = np.ones(size, np.uint64), np.ones(size, np.uint64)
    base[1:], inverse[1:] = _BASE, pow(_BASE, -1, 1 << 64)
    return np.cumprod(base), np.cumprod(inverse)


def _sums(words: Hashes) -> Hashes:
    """Return sums of the hashes times powers, from which any run of words has its hash."""
    sums = np.zeros(len(words) + 1, np.uint64)
    np.cumsum(words * _powers(len(words))[0], out=sums[1:])
    return sums


def _runs(sums: Hashes, size: int) -> Hashes:
    """Return the hash of every run of `size` words: equal runs have equal ones."""
    return (sums[size:] - sums[:-size]) * _powers(len(sums) - size)[1]


def _said_again(sums: Hashes, size: int, window: int) -> float:
    """Return the share of the last `window` runs that stand somewhere before."""
    runs = _runs(sums, size)
    # The lowest bit says whether a run begins in the window; such ones sort behind the others.
    runs &= ~_ONE
    runs[-window:] |= _ONE
    runs.sort()
    after = runs[1:]
    firsts = after[(after ^ runs[:-1]) > _ONE]
    return 1 - int(np.count_nonzero(firsts & _ONE) + (runs[0] & _ONE)) / window


def share_of(words: Hashes, bits: float, window: int, at_least: float = 0.0) -> float:
    """Return the share of the last `window` words, shape (n,), that are said again.

    0 where it is below `at_least`: that is often known from the first of two counts.

    Parameters
    ----------
    words
        Hashes, shape (n,).
    bits
        Information that a run must have.
    window
        Words that are looked at.
    at_least
        Below it the answer may be 0.
    """
    size = size_of(words[-window:], bits)
    if size is None:
        return 0.0
    sums = _sums(words)
    low = _said_again(sums, size.words, window)
    # Longer runs stand before less often, but for the one with which their window begins.
    if low + 1 / window < at_least:
        return 0.0
    share = low + size.rest * (_said_again(sums, size.words + 1, window) - low)
    return share if share >= at_least else 0.0


FEWEST_BREAKS = 5
"""With fewer, nothing can be said about how a text goes on behind them."""


def filled_in(words: Hashes, bits: float, window: int) -> float:
    """Return how much the last `window` words, shape (n,), are like a form filled in once more.

    The share of the places at which the repetition breaks off, behind which it goes on in the same
    earlier passage: there, words were exchanged. Who goes round goes on elsewhere.

    Parameters
    ----------
    words
        Hashes, shape (n,).
    bits
        Information that a run must have.
    window
        Words that are looked at.
    """
    size = size_of(words[-window:], bits)
    assert size, "what is said again has some variety"
    again, back = _said_before(_runs(_sums(words), size.words))
    inside = again >= len(words) - size.words + 1 - window
    return _as_form(again[inside], back[inside])


def _as_form(again: NDArray[np.int64], back: NDArray[np.int64]) -> float:
    """Return the share of breaks behind which what is said again goes on in the same passage."""
    apart, same = again[1:] - again[:-1] > 1, back[1:] == back[:-1]
    breaks = np.count_nonzero(apart | ~same)
    return float(np.count_nonzero(apart & same) / breaks) if breaks >= FEWEST_BREAKS else 0.0


class Recurrences:
    """What `share_of` and `filled_in` say anywhere in a whole text, with little work a place.

    Where each run of so many words last stood is found for many places at once, when first asked.

    Parameters
    ----------
    words
        Hashes of the whole text, shape (n,).
    reach
        No place is asked about with more words before it than so many.
    """

    _REACHES = 4
    """How much is found at once, in reaches."""

    def __init__(self, words: Hashes, reach: int) -> None:
        self._words, self._reach = words, reach
        self._step = self._REACHES * reach
        self._known: dict[tuple[int, int], NDArray[np.int64]] = {}

    def judge(self, seen: Seen, bits: float, window: int, at_least: float, filled: float) -> float:
        """Return `share_of` these words, 0 if `filled_in` is above `filled`.

        Parameters
        ----------
        seen
            The words up to a place.
        bits, window, at_least
            As for `share_of`.
        filled
            The most that what is said again may be like a form.
        """
        begin, end = seen
        size = size_of(self._words[end - window : end], bits)
        if size is None:
            return 0.0
        first, before = self._before(seen, size.words, window)
        again = (before >= begin).nonzero()[0]
        low = 1 - (len(before) - len(again)) / window
        # Longer runs stand before less often, but for the one with which their window begins.
        if low + 1 / window < at_least:
            return 0.0
        _, longer = self._before(seen, size.words + 1, window)
        high = 1 - int(np.count_nonzero(longer < begin)) / window
        share = low + size.rest * (high - low)
        if share < at_least:
            return 0.0
        if share and _as_form(again, first + again - before[again]) > filled:
            return 0.0
        return share

    def _before(self, seen: Seen, size: int, window: int) -> tuple[int, NDArray[np.int64]]:
        """Return the first of the last `window` runs, and where each of them last stood."""
        begin, end = seen
        beyond = end - size + 1
        first = max(begin, beyond - window)
        block, last = first // self._step, (beyond - 1) // self._step
        found = self._block(size, block)[first - block * self._step : beyond - block * self._step]
        if last > block:
            found = np.concatenate((found, self._block(size, last)[: beyond - last * self._step]))
        return first, found

    def _block(self, size: int, block: int) -> NDArray[np.int64]:
        known = self._known.get((size, block))
        if known is None:
            at = block * self._step
            begin = max(0, at - self._reach)
            words = self._words[begin : at + self._step + size - 1]
            known = last_before(_runs(_sums(words), size))[at - begin :] + begin
            self._known[size, block] = known
        return known


def _said_before(runs: Hashes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the runs that stand before, in order, and how far back the last such place is."""
    before = last_before(runs)
    again = (before >= 0).nonzero()[0]
    return again, again - before[again]


def last_before(runs: Hashes) -> NDArray[np.int64]:
    """Return for each run the last place before its own at which it stands, -1 for none."""
    # The place in the lowest bits: to sort numbers is ten times as fast as to sort places.
    low = np.uint64((1 << max(1, len(runs) - 1).bit_length()) - 1)
    placed = runs & ~low
    placed |= np.arange(len(runs), dtype=np.uint64)
    placed.sort()
    same = (placed[1:] ^ placed[:-1]) <= low
    places = (placed & low).view(np.int64)
    before = np.full(len(runs), -1)
    before[places[1:][same]] = places[:-1][same]
    return before


def echoes(words: Hashes, size: int, window: int) -> tuple[int, NDArray[np.int64]]:
    """Return where the window's repetition begins, and how far back each run stands before.

    Parameters
    ----------
    words
        Hashes, shape (n,).
    size
        Words of a run.
    window
        Words that are looked at.
    """
    runs = _runs(_sums(words), size)
    again, back = _said_before(runs)
    inside = again >= len(runs) - window
    if not inside.any():
        # Only the next longer run, which begins one word before, was seen.
        return len(runs) - window, np.array([window])
    return int(again[inside][0]), back[inside]
