"""Intervals for rates and means. Pure functions over numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Z95 = 1.959963984540054
"""Normal quantile at 0.975: all intervals are two-sided 95 %."""
RESAMPLES = 10_000
BOOTSTRAP_CELLS = 1_000_000
"""Numbers drawn at once: a bound on memory, not on the result."""


class Interval(NamedTuple):
    """A point estimate with its 95 % interval."""

    value: float
    low: float
    high: float


def wilson(successes: float, n: float) -> Interval:
    """Return a rate with its Wilson score interval.

    Parameters
    ----------
    successes, n
        Counts; an effective sample size need not be whole. `n` must be positive.

    Notes
    -----
    E. B. Wilson, "Probable inference, the law of succession, and statistical
    inference", JASA 22 (1927). Without continuity correction.
    """
    if not 0 <= successes <= n or n <= 0:
        raise ValueError(f"need 0 <= successes <= n and n > 0, got {successes} of {n}")
    rate, square = successes / n, Z95 * Z95
    centre = (rate + square / (2 * n)) / (1 + square / n)
    half = Z95 / (1 + square / n) * math.sqrt(rate * (1 - rate) / n + square / (4 * n * n))
    # Exactly 0 and 1 at the ends, where rounding would leave 1e-17 beyond the rate.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Interval(rate, low, high)


def clustered_rate(clusters: Sequence[Sequence[bool]]) -> Interval:
    """Return a rate whose observations come in clusters, such as repeats of one prompt.

    The Wilson interval at the effective sample size ``n / deff``, where the design
    effect is the variance of the ratio estimator over clusters against that of
    independent draws (Kish, "Survey Sampling", 1965, §6.5). Clusters of one give the
    plain Wilson interval. Where the rate is 0 or 1 the variance shows nothing about
    the clusters, and each cluster counts as one observation.

    Parameters
    ----------
    clusters
        Whether each observation is a hit, cluster by cluster; empty ones are left out.
    """
    clusters = [c for c in clusters if c]
    return rate_of_clusters([sum(c) for c in clusters], [len(c) for c in clusters])


def rate_of_clusters(hits_of: ArrayLike, sizes_of: ArrayLike) -> Interval:
    """Return `clustered_rate` from the hits and the size of each cluster, none of them empty.

    Parameters
    ----------
    hits_of, sizes_of
        Counts of shape (clusters,).
    """
    import numpy as np

    hits_in, sizes = np.asarray(hits_of, float), np.asarray(sizes_of, float)
    n, hits = int(sizes.sum()), int(hits_in.sum())
    if n == 0:
        raise ValueError("a rate needs at least one observation")
    if len(sizes) == n:
        return wilson(hits, n)
    rate = hits / n
    if hits in (0, n) or len(sizes) == 1:
        effective = float(len(sizes))
    else:
        between = float(np.cumsum((hits_in - rate * sizes) ** 2)[-1])
        variance = between * len(sizes) / (len(sizes) - 1) / n**2
        effective = rate * (1 - rate) / variance if variance else float(n)
        effective = min(max(effective, 1.0), float(n))
    return wilson(rate * effective, effective)


def mean_interval(values: ArrayLike) -> Interval:
    """Return a mean of scores in [0, 1] with a percentile-bootstrap interval.

    `RESAMPLES` resamples from a fixed seed, so that a table prints the same twice. One value
    tells nothing about spread: its interval is [0, 1].

    Parameters
    ----------
    values
        Scores of shape (n,), at least one.
    """
    import numpy as np

    data = np.asarray(values, float)
    if data.size == 0:
        raise ValueError("a mean needs at least one value")
    if data.size == 1:
        return Interval(float(data[0]), 0.0, 1.0)
    if np.ptp(data) == 0:
        # The bootstrap of a constant has no width; Wilson's has, and applies to any
        # variable in [0, 1], whose variance is at most that of a coin of the same mean.
        return wilson(float(data.sum()), data.size)
    # Not scipy's, which gives the same numbers: importing it takes longer than all else that
    # a run adds to its engine.
    rng = np.random.default_rng(0)
    rows = max(1, BOOTSTRAP_CELLS // data.size)
    means = [
        data[rng.integers(0, data.size, (min(rows, RESAMPLES - done), data.size))].mean(axis=1)
        for done in range(0, RESAMPLES, rows)
    ]
    low, high = np.percentile(np.concatenate(means), (2.5, 97.5))
    return Interval(float(data.mean()), float(low), float(high))


class Stratum(NamedTuple):
    """Early-stopped streams of one kind, and what their audit showed."""

    flagged: int
    audited: int
    escaped: int
    leaves: bool = True
    """Its streams are counted in the rate, and escapes leave it; otherwise escapes enter it."""


def corrected_rate(naive: Interval, n: int, strata: Sequence[Stratum]) -> Interval | None:
    """Correct a rate that counts every early-stopped stream for the share that escapes.

    Parameters
    ----------
    naive
        Rate with all flagged streams counted, of `n` outputs.
    n
        Number of outputs, those without a loop included.
    strata
        Per kind of loop, each with its own escape rate.

    Returns
    -------
    Interval or None
        None if some kind was flagged and never audited: then nothing can be said.

    Notes
    -----
    rate − Σ (flagged / n) · escape, with + for strata that were not counted. Limits by
    MOVER, the method of variance estimates recovery (Zou & Donner, Statistics in Medicine
    27, 2008), from the Wilson limits of the parts: honest at 0 escapes of few audits, where
    a delta method claims certainty.
    """
    value = naive.value
    below, above = (value - naive.low) ** 2, (naive.high - value) ** 2
    for stratum in strata:
        if stratum.flagged == 0:
            continue
        if stratum.audited == 0:
            return None
        weight, sign = stratum.flagged / n, 1 if stratum.leaves else -1
        if stratum.audited == stratum.flagged:
            # Nothing was left to estimate.
            value -= sign * weight * stratum.escaped / stratum.audited
            continue
        escape = wilson(stratum.escaped, stratum.audited)
        value -= sign * weight * escape.value
        further = (weight * (escape.high - escape.value)) ** 2
        nearer = (weight * (escape.value - escape.low)) ** 2
        below += further if stratum.leaves else nearer
        above += nearer if stratum.leaves else further
    value = min(1.0, max(0.0, value))
    return Interval(value, max(0.0, value - math.sqrt(below)), min(1.0, value + math.sqrt(above)))


def exact_limits(successes: int, n: int, alpha: float) -> Interval:
    """Return a rate with two one-sided exact limits, each at level `alpha`.

    Parameters
    ----------
    successes, n
        Whole counts; `n` must be positive.
    alpha
        Level of each limit, between 0 and 1.

    Notes
    -----
    C. J. Clopper & E. S. Pearson, "The use of confidence or fiducial limits illustrated in the
    case of the binomial", Biometrika 26 (1934). Each limit alone is missed with probability at
    most `alpha`; a gate needs one of them at a time.
    """
    from scipy.stats import binomtest

    def proportion(side: Literal["less", "greater"]) -> tuple[float, float]:
        result = binomtest(successes, n, alternative=side)
        low, high = result.proportion_ci(confidence_level=1 - alpha, method="exact")
        return float(low), float(high)

    return Interval(successes / n, proportion("greater")[0], proportion("less")[1])


def exact_p(
    successes: int, n: int, threshold: float, side: Literal["less", "greater"] = "greater"
) -> float:
    """Return the exact one-sided p-value of a rate against a threshold.

    Small for `greater` if so many successes would be rare at a rate of at most `threshold`.

    Parameters
    ----------
    successes, n
        Whole counts; `n` must be positive.
    threshold
        The rate to test against.
    side
        `greater` if the rate is suspected above the threshold, `less` if below.
    """
    from scipy.stats import binomtest

    return float(binomtest(successes, n, threshold, alternative=side).pvalue)


def clean_needed(threshold: float, alpha: float = 0.05) -> int:
    """Return how many observations without one success exclude a rate above `threshold`.

    The smallest n with (1 − threshold)ⁿ ≤ alpha: 299 for 1 % at 95 %.
    """
    if not 0 < threshold < 1:
        raise ValueError(f"a rate to exclude lies between 0 and 1, got {threshold}")
    return max(1, math.ceil(math.log(alpha) / math.log1p(-threshold) - 1e-9))


def fixed_design(threshold: float, hoped: float, alpha: float = 0.05, power: float = 0.9) -> int:
    """Return the sample size at which a rate of `hoped` is shown to be below `threshold`.

    The smallest n for which the exact test at level `alpha` does so with probability `power`.

    Parameters
    ----------
    threshold
        The rate that must be excluded.
    hoped
        The true rate, below it.
    alpha
        Level of the test.
    power
        Probability that it succeeds.
    """
    from scipy.stats import binom

    if not 0 <= hoped < threshold < 1:
        raise ValueError(f"need 0 <= hoped < threshold < 1, got {hoped} and {threshold}")
    # Sizes worth trying are those that allow one success more than the last.
    for allowed in range(10_000):
        low, high = allowed, 1
        while binom.cdf(allowed, high, threshold) > alpha:
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            if binom.cdf(allowed, middle, threshold) > alpha:
                low = middle
            else:
                high = middle
        if binom.cdf(allowed, high, hoped) >= power:
            return high
    raise ValueError(f"{hoped} is too close to {threshold} to be told apart")


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number, in the given order.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal
    of Statistics 6 (1979): rejecting those at most α makes one false rejection or more with
    probability at most α, however the tests depend on each other.

    Parameters
    ----------
    p_values
        Shape (tests,).
    """
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = largest
    return adjusted
