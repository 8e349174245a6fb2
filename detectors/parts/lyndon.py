"""All runs of a sequence from two repeats on, by its Lyndon roots. Pure numpy, exact."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Names = NDArray[np.int32]


def all_runs(t: Ints) -> NDArray[np.int64]:
    """Find every run: each maximal stretch with a primitive period, repeated at least twice.

    Parameters
    ----------
    t
        The sequence, shape (n,).

    Returns
    -------
    ndarray, shape (number of runs, 3)
        Period, start and end (exclusive) of each, by period, then start. Fewer than n
        (Bannai et al. 2017, the "runs theorem").

    Notes
    -----
    Every run contains, at a position other than its start, the longest Lyndon word that
    begins there in one of the two orders of the alphabet, as long as its period (Bannai et
    al. 2017, lemma 3.5). Those words end where the next smaller, or greater, suffix begins;
    ranks of suffixes and the longest common extensions come from the names of all blocks of
    2**k elements (Karp, Miller and Rosenberg 1972). O(n log n) numpy operations and sorts on
    any input.
    """
    n = len(t)
    if n < 2:
        return np.empty((0, 3), np.int64)
    names = _block_names(t)
    ranks = names[-1][:n].tolist()
    i = np.arange(n)
    smaller, greater = _next_smaller(ranks), _next_smaller([-rank for rank in ranks])
    # The end counts as smaller than any element, so a word may end there in one order only.
    ends = greater < n
    found = []
    for first, second in ((i, smaller), (i[ends], greater[ends])):
        period = second - first
        end = second + _extension(names, first, second, forward=True)
        start = first - _extension(names, first - 1, second - 1, forward=False)
        runs = np.stack([period, start, end], axis=1)
        found.append(runs[end - start >= 2 * period])
    return np.unique(np.concatenate(found), axis=0)


def _block_names(t: Ints) -> list[Names]:
    """Name the blocks of 1, 2, 4, … elements at every position: equal blocks, equal names.

    Names of one length are in the order of the blocks, a shorter one at the end of the
    sequence before its continuations; the last names are all different. Each array has one
    more entry, equal to no name, for the position after the end.
    """
    n = len(t)
    names = []
    current = np.unique(t, return_inverse=True)[1].astype(np.int64)
    width = 1
    while True:
        names.append(np.append(current, -1).astype(np.int32))
        if int(current.max()) == n - 1:
            return names
        after = np.zeros(n, np.int64)
        after[: max(0, n - width)] = current[width:] + 1
        current = np.unique(current * (n + 1) + after, return_inverse=True)[1].astype(np.int64)
        width *= 2


def _next_smaller(values: list[int]) -> Ints:
    """Return for each position the next one with a smaller value, n where there is none."""
    n = len(values)
    beyond = [n] * n
    for i in range(n - 2, -1, -1):
        j = i + 1
        # Each step follows a link that no later search needs again: O(n) in all.
        while j < n and values[j] > values[i]:
            j = beyond[j]
        beyond[i] = j
    return np.array(beyond, np.int64)


def _extension(names: list[Names], left: Ints, right: Ints, forward: bool) -> Ints:
    """Return how far the elements from `left` on, and from `right` on, agree."""
    length = np.zeros(len(left), np.int64)
    for k in range(len(names) - 1, -1, -1):
        width = 1 << k
        a, b = (
            (left + length, right + length)
            if forward
            else (left - length - width + 1, right - length - width + 1)
        )
        inside = (a >= 0) & (b < len(names[k]))
        same = names[k][np.where(inside, a, 0)] == names[k][np.where(inside, b, -1)]
        length += width * (same & inside)
    return length
