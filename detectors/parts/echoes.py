"""How much of the last words was said before, each run of them long enough to carry some bits."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from loopbench.detectors.parts.words import Hashes


class Size(NamedTuple):
    """How many words carry the bits: `words` of them, or one more for a part `rest` of them."""

    words: int
    rest: float


def size_of(tail: Hashes, bits: float) -> Size | None:
    """Return how many words as varied as these, shape (n,), carry the bits; None if all do not.

    One word over and over has no variety to measure by; the rules of equality see it.
    """
    n = len(tail)
    tail = np.sort(tail)
    edges = np.concatenate(([0], np.flatnonzero(tail[1:] != tail[:-1]) + 1, [n]))
    # In order: hashes differ from process to process, and so would the last digit of a sum.
    counts = np.sort(edges[1:] - edges[:-1])
    entropy = float(np.log2(n) - counts @ np.log2(counts) / n)
    if entropy * (n - 1) <= bits:
        return None
    words, rest = divmod(bits / entropy, 1)
    return Size(max(1, int(words)), rest)


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
    again, back = again[inside], back[inside]
    apart, same = again[1:] - again[:-1] > 1, back[1:] == back[:-1]
    breaks = np.count_nonzero(apart | ~same)
    return float(np.count_nonzero(apart & same) / breaks) if breaks >= FEWEST_BREAKS else 0.0


def _said_before(runs: Hashes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the runs that stand before, in order, and how far back the last such place is."""
    order = np.argsort(runs, kind="stable")
    same = runs[order[1:]] == runs[order[:-1]]
    again, before = order[1:][same], order[:-1][same]
    sequence = np.argsort(again)
    return again[sequence], (again - before)[sequence]


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
