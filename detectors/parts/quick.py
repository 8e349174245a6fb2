"""Counts at the end of an output that are known without a search, from the runs it lies in.

`steady_count` gives the same for these; everything else is left to it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from loopbench.detectors.parts.anywhere import Run
from loopbench.detectors.parts.periods import Ints, Tail
from loopbench.detectors.parts.prefixes import Prefix, WholeItems
from loopbench.detectors.parts.steady import SLIP_EVERY, Count, extended


class _Followed(NamedTuple):
    """A run of the literals, and what its numbers do."""

    run: Run
    period: int
    start: int
    """Item from which the period holds but for changes that lasted."""
    unsteady: int
    """First item whose number does not go on as the two before it."""
    changes: Ints
    """Items whose number is not what it was a period ago."""


class Answer(NamedTuple):
    """What is known at a checkpoint: a count, or that there is none."""

    loop: Count | None


class KnownCounts:
    """Answers looks at the checkpoints of one output from the runs of its literals.

    Parameters
    ----------
    runs
        Every run of the literals that may satisfy the rule.
    looks, covered
        The checkpoints, by index, and the items that the pattern must cover at each.
    """

    def __init__(
        self, runs: list[Run], whole: WholeItems, looks: Ints, covered: Ints, min_repeats: int
    ) -> None:
        self._whole = whole
        self._numbers = whole.numbers
        known = whole.known[looks]
        self._unsettled = np.ones(len(looks), np.bool_)
        self._run = np.full(len(looks), -1)
        self._rows = np.zeros(len(looks), np.int64)
        self._followed: list[_Followed] = []
        # By period: the shortest that is long enough counts.
        for period, start, end in sorted(runs):
            needed = np.maximum(min_repeats * period, np.maximum(covered, min_repeats))
            mine = (self._run < 0) & (end >= known) & (known - start >= needed)
            if not mine.any():
                continue
            self._run[mine] = len(self._followed)
            run = _follow(whole, Run(period, start, end))
            self._followed.append(run)
            demanded = np.maximum(min_repeats, -(-covered // period))
            rows = (known - run.start) // period
            answered = mine & (demanded <= rows)
            self._rows[answered] = rows[answered]
            # Rows that stood still for as long as is looked at are no count, whatever
            # was before.
            still = np.maximum(demanded, SLIP_EVERY + 1)
            last = np.concatenate(([-1], run.changes))[np.searchsorted(run.changes, known)]
            self._unsettled[answered & (still < rows) & (last < known - still * period)] = False

    def all_verbatim(self) -> bool:
        """Whether every look is inside the exact repetition of a text, so that nothing counts.

        True only where it is so, even if the literals are no more than fingerprints.
        """
        return bool(self._rows.all()) and all(
            followed.start == followed.run.start and self._whole.verbatim(followed.run)
            for followed in self._followed
        )

    @property
    def unsettled(self) -> Ints:
        """The looks that may find a count."""
        return np.flatnonzero(self._unsettled)

    def at(self, look: int, items: Prefix) -> Answer | None:
        """Return what is known at a look, None where a search has to say."""
        rows = int(self._rows[look])
        if not rows:
            return None
        run, k = self._followed[self._run[look]], items.size
        p = run.period
        if not items.open_rest_fits(k - p):
            return Answer(None)
        if k > run.unsteady:
            return None
        steps = self._numbers[k - p : k] - self._numbers[k - 2 * p : k - p]
        if not steps.any():
            return Answer(None)
        return Answer(Count(p, rows * p, tuple(float(step) for step in steps)))


def _follow(whole: WholeItems, run: Run) -> _Followed:
    period, start, end = run
    tail = extended(whole.literals[:end], Tail(period, end - start))
    start = end - tail.length
    numbers = whole.numbers[start:end]
    steps = numbers[period:] - numbers[:-period]
    bends = np.flatnonzero(steps[period:] != steps[:-period])
    unsteady = int(bends[0]) + start + 2 * period if bends.size else end
    return _Followed(run, period, start, unsteady, np.flatnonzero(steps) + start + period)
