"""Where in a whole output a look for a counter loop can find one; most outputs have no such place.

A look at a checkpoint finds a loop only if literals repeat there at least four times, or did so
until lately (`counter._periodic`), and if their numbers do not stand still (`steady`). Both are
known from the items of the whole output. How many of these are complete at a checkpoint is known
but for those of the last characters, so all that may be are tried. What is left out finds nothing;
what is not may still find nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from loopbench.detectors.parts.anywhere import Run, find_runs
from loopbench.detectors.parts.items import COMMA, Items
from loopbench.detectors.parts.numerals import REACH
from loopbench.detectors.parts.rewound import Rewound
from loopbench.detectors.parts.stamps import Stamps
from loopbench.detectors.parts.steady import LASTING, SLIP_EVERY

Ints = NDArray[np.int64]

Flags = NDArray[np.bool_]

_FAR = -(1 << 40)
_NEVER = np.iinfo(np.int64).max


def worth_a_look(
    items: Rewound, stamps: Sequence[Stamps], ends: Ints, min_repeats: int, min_tokens: int
) -> Ints:
    """Return the checkpoints at which there may be a counter loop.

    Parameters
    ----------
    items, stamps
        Of the output.
    ends
        Tokens at each checkpoint.
    min_repeats, min_tokens
        Of the rule.
    """
    repeats = min(min_repeats, LASTING)
    literals, edges, pieces = items.literals, items.edges, items.pieces
    if len(literals) < repeats:
        return ends[:0]
    chars = pieces.ends[ends - 1]
    least, most = edges[1:].searchsorted(chars - REACH), edges[1:].searchsorted(chars, "right")
    # Items that begin in the last `min_tokens` tokens, or before the first of them.
    since = ends - min_tokens
    before = edges[:-1].searchsorted(pieces.ends[np.maximum(since, 0)], "right")
    before[since < 0] = 0
    # How many of the last literals have stood before, at most.
    recurring = most - 1 - np.where(least > 0, items.last_new[least - 1], -1)
    places = (2 * recurring >= np.maximum(least - before, 2)).nonzero()[0]
    # All numbers of items that may be complete at one of these places.
    counts = (most - least)[places] + 1
    at = np.repeat(places, counts)
    complete = least[at] + np.arange(len(at)) - np.repeat(np.cumsum(counts) - counts, counts)
    covered = np.maximum(complete - before[at], 0)
    worth = _may_count(items, complete, covered, min_repeats)
    worth |= _may_count_in_parts(items, stamps, complete, covered, min_repeats)
    return np.asarray(ends[np.unique(at[worth])])


def _may_count(items: Items, complete: Ints, covered: Ints, min_repeats: int) -> Flags:
    """Return whether so many items may end in a count of the numbers each by itself."""
    literals, repeats = items.literals, min(min_repeats, LASTING)
    runs = find_runs(literals, repeats, repeats) if complete.size else []
    worth = np.zeros(len(complete), np.bool_)
    if runs:
        fine = (
            _first_of(runs, len(literals), min_repeats)[complete] <= complete - covered
        ).nonzero()
        complete, covered = complete[fine], covered[fine]
        still, period = _standing_still(runs, items.numbers, min_repeats)
        period = period[complete]
        rows = -(-covered // np.maximum(period, 1))
        rows = np.maximum(rows, max(min_repeats, SLIP_EVERY // 2 + 2))
        worth[fine] = (period == 0) | (still[complete] < rows * period)
    return worth


def _may_count_in_parts(
    items: Items, stamps: Sequence[Stamps], complete: Ints, covered: Ints, min_repeats: int
) -> Flags:
    """Return whether so many items may end in a count of numbers of several parts."""
    literals, repeats = items.literals, min(min_repeats, LASTING)
    worth = np.zeros(len(complete), np.bool_)
    joint = np.where(literals <= COMMA, np.arange(len(literals)), _FAR)
    last_joint = np.concatenate(([_FAR], np.maximum.accumulate(joint)))[complete]
    joined = (complete - last_joint <= np.maximum(covered, 2)).nonzero()[0]
    if not joined.size:
        return worth
    complete, covered = complete[joined], covered[joined]
    # How commas are read matters only where there are some.
    for reading in stamps if (literals == COMMA).any() else stamps[:1]:
        rows = reading.read().rows
        runs = find_runs(np.ascontiguousarray(rows[:, 0]), repeats, repeats)
        first = rows[:, 1]
        begin = _first_of(runs, len(rows), min_repeats)[first.searchsorted(complete)]
        worth[joined] |= begin <= first.searchsorted(complete - covered)
    return worth


def _reach(run: Run, min_repeats: int) -> int:
    """Return up to how many items a run may be what a look finds, or what came before that.

    After a lasting change of the literals less than `min_repeats` periods will do, and the run that
    was before it has `LASTING` of them.
    """
    return run.end + min_repeats * (run.end - run.start) // LASTING


def _first_of(runs: list[Run], items: int, min_repeats: int) -> Ints:
    """Return for each number of items the first item of the runs that a look may find."""
    first = np.full(items + 1, _NEVER)
    for run in reversed(runs):
        first[run.start + 1 : _reach(run, min_repeats)] = run.start
    return first


def _standing_still(runs: list[Run], numbers: Ints, min_repeats: int) -> tuple[Ints, Ints]:
    """Return, where only one run matters, over how many items its numbers are periodic too.

    And its period; 0 where several runs matter, or the literals are not periodic to the end.
    """
    still = np.zeros(len(numbers) + 1, np.int64)
    period = np.zeros(len(numbers) + 1, np.int64)
    matter = np.zeros(len(numbers) + 1, np.int64)
    for run in runs:
        matter[run.start + 1 : _reach(run, min_repeats)] += 1
        inside = slice(run.start + min_repeats * run.period, run.end + 1)
        size = np.arange(inside.start, inside.stop)
        ours = numbers[run.start : run.end]
        moved = np.zeros(len(ours) - run.period + 1, np.int64)
        changes = (ours[run.period :] != ours[: -run.period]).nonzero()[0] + 1
        moved[changes] = run.start + changes
        since = np.maximum(np.maximum.accumulate(moved), run.start)
        still[inside] = size - since[size - run.start - run.period]
        period[inside] = run.period
    period[matter != 1] = 0
    return still, period
