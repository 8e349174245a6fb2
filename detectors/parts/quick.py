"""Counts at the end of an output that are known without a search, from the runs it lies in.

`steady_count` gives the same for these; everything else is left to it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from loopbench.detectors.parts.anywhere import Run
from loopbench.detectors.parts.periods import Ints, Tail
from loopbench.detectors.parts.prefixes import Prefix
from loopbench.detectors.parts.steady import SLIP_EVERY, Count, extended


class _Followed(NamedTuple):
    """A run of the literals, and what its numbers do."""

    period: int
    start: int
    """Item from which the period holds but for changes that lasted."""
    unsteady: int
    """First item whose number does not go on as the two before it."""
    changes: Ints
    """Items whose number is not what it was a period ago."""


class Answer(NamedTuple):
    """What is known at a checkpoint: a count, or that there is none."""

    count: Count | None


class KnownCounts:
    """Answers looks at the checkpoints of one output from the runs of its literals."""

    def __init__(self, runs: list[Run], literals: Ints, numbers: Ints, min_repeats: int) -> None:
        self._table = np.array(runs, np.int64).reshape(-1, 3)
        self._literals = literals
        self._numbers = numbers
        self._min_repeats = min_repeats
        self._followed: dict[int, _Followed] = {}

    def at(self, items: Prefix, covered: int) -> Answer | None:
        """Return what is known at a checkpoint, None where a search has to say.

        Parameters
        ----------
        covered
            Items that the pattern must cover.
        """
        k, repeats = items.size, self._min_repeats
        period, start, end = self._table.T
        fits = (end >= k) & (k - start >= np.maximum(repeats * period, max(covered, repeats)))
        chosen = np.flatnonzero(fits)
        if not chosen.size:
            return None
        run = self._follow(int(chosen[np.argmin(period[chosen])]))
        p = run.period
        demanded = max(repeats, -(-covered // p))
        rows = (k - run.start) // p
        if demanded > rows:
            return None
        if not items.open_rest_fits(k - p):
            return Answer(None)
        if k <= run.unsteady:
            steps = self._numbers[k - p : k] - self._numbers[k - 2 * p : k - p]
            if not steps.any():
                return Answer(None)
            return Answer(Count(p, rows * p, tuple(float(step) for step in steps)))
        # Rows that stood still for as long as is looked at are no count, whatever was before.
        still = max(demanded, SLIP_EVERY + 1)
        last = int(np.searchsorted(run.changes, k)) - 1
        if still < rows and (last < 0 or run.changes[last] < k - still * p):
            return Answer(None)
        return None

    def _follow(self, index: int) -> _Followed:
        if index not in self._followed:
            p, start, end = self._table[index].tolist()
            tail = extended(self._literals[:end], Tail(p, end - start))
            start = end - tail.length
            numbers = self._numbers[start:end]
            steps = numbers[p:] - numbers[:-p]
            changes = np.flatnonzero(steps) + start + p
            bends = np.flatnonzero(steps[p:] != steps[:-p])
            unsteady = int(bends[0]) + start + 2 * p if bends.size else end
            self._followed[index] = _Followed(p, start, unsteady, changes)
        return self._followed[index]
