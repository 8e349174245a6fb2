"""Comparing two runs prompt by prompt: tests and intervals for paired data. Pure.

The same prompt is hard for both checkpoints: pairing takes that out of the noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from loopbench.statistics.intervals import Interval, wilson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RESAMPLES = 10_000
ROUNDING = 1e-9
"""Scores that differ by less are equal: means of the same numbers may be summed in two orders."""


def mcnemar(gained: int, lost: int) -> float:
    """Return the exact two-sided p-value of McNemar's test.

    Parameters
    ----------
    gained, lost
        Pairs in which only the second, and only the first, is a hit. Pairs that agree say
        nothing about a change.

    Notes
    -----
    Q. McNemar, "Note on the sampling error of the difference between correlated proportions or
    percentages", Psychometrika 12 (1947); exact: the discordant pairs are tosses of a fair coin.
    """
    from scipy.stats import binomtest

    if gained + lost == 0:
        return 1.0
    return float(binomtest(gained, gained + lost, 0.5).pvalue)


def paired_difference(both: int, gained: int, lost: int, neither: int) -> Interval:
    """Return the difference of two paired rates, second less first, with its 95 % interval.

    Parameters
    ----------
    both, gained, lost, neither
        Pairs in which both sides, only the second, only the first, and no side is a hit.

    Notes
    -----
    Method 10 of R. G. Newcombe, "Improved confidence intervals for the difference between
    binomial proportions based on paired data", Statistics in Medicine 17 (1998): the Wilson
    limits of both rates, put together as MOVER does and with their correlation taken into
    account, which is damped because small tables exaggerate it.
    """
    n = both + gained + lost + neither
    if n == 0:
        raise ValueError("a difference needs at least one pair")
    first, second = wilson(both + lost, n), wilson(both + gained, n)
    phi = _correlation(both, gained, lost, neither)
    difference = second.value - first.value

    def reach(up: float, down: float) -> float:
        return math.sqrt(max(0.0, up * up - 2 * phi * up * down + down * down))

    below = reach(second.value - second.low, first.high - first.value)
    above = reach(second.high - second.value, first.value - first.low)
    return Interval(difference, max(-1.0, difference - below), min(1.0, difference + above))


def _correlation(both: int, gained: int, lost: int, neither: int) -> float:
    margins = (both + gained) * (lost + neither) * (both + lost) * (gained + neither)
    if margins == 0:
        return 0.0
    cross = float(both * neither - gained * lost)
    if cross > 0:
        cross = max(cross - (both + gained + lost + neither) / 2, 0.0)
    return cross / math.sqrt(margins)


def paired_bootstrap(first: Sequence[float], second: Sequence[float]) -> Interval:
    """Return the mean difference of paired scores, second less first, with its 95 % interval.

    The bias-corrected accelerated bootstrap over pairs (Efron, "Better bootstrap confidence
    intervals", JASA 82, 1987), from a fixed seed. Where fewer than two pairs differ, there is
    no spread to resample and the limits are those of a proportion of pairs that differ fully.

    Parameters
    ----------
    first, second
        Scores of the same prompts, both of shape (pairs,).
    """
    import numpy as np
    from scipy.stats import bootstrap

    if len(first) != len(second) or not first:
        raise ValueError(f"need as many scores on both sides, got {len(first)}, {len(second)}")
    difference = _differences(first, second)
    mean, n = float(difference.mean()), difference.size
    if np.count_nonzero(difference) < 2 or np.ptp(difference) < ROUNDING:
        # A bootstrap would claim certainty; rule out what so few pairs cannot.
        slack = wilson(0, n).high
        return Interval(mean, max(-1.0, mean - slack), min(1.0, mean + slack))
    result = bootstrap(
        (difference,),
        np.mean,
        method="BCa",
        n_resamples=RESAMPLES,
        batch=max(1, 1_000_000 // n),
        rng=np.random.default_rng(0),
    )
    low, high = result.confidence_interval
    return Interval(mean, float(low), float(high))


def _differences(first: Sequence[float], second: Sequence[float]) -> NDArray[np.float64]:
    """Return second less first; what is left of rounding is no difference."""
    import numpy as np

    difference = np.asarray(second, float) - np.asarray(first, float)
    return np.where(np.abs(difference) < ROUNDING, 0.0, difference)


def sign_flip(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the two-sided p-value of "swapping the members of a pair changes nothing".

    Fisher's randomisation test on the differences: exact up to thirteen pairs that differ,
    from 10,000 random flips with a fixed seed beyond. On outcomes 0 and 1 it is McNemar's.

    Parameters
    ----------
    first, second
        Scores of the same prompts, both of shape (pairs,).
    """
    import numpy as np
    from scipy.stats import permutation_test

    difference = _differences(first, second)
    difference = difference[difference != 0]  # a pair that agrees flips to itself
    if difference.size < 2:
        return 1.0
    result = permutation_test(
        (difference,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=1_000,
        rng=np.random.default_rng(0),
    )
    return float(result.pvalue)
