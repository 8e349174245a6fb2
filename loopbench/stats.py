"""Intervals for rates and means. Pure functions over numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

Z95 = 1.959963984540054
"""Normal quantile at 0.975: all intervals are two-sided 95 %."""


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
    """
    clusters = [c for c in clusters if c]
    n = sum(map(len, clusters))
    hits = sum(map(sum, clusters))
    if n == 0:
        raise ValueError("a rate needs at least one observation")
    if len(clusters) == n:
        return wilson(hits, n)
    rate = hits / n
    if hits in (0, n) or len(clusters) == 1:
        effective = float(len(clusters))
    else:
        between = sum((sum(c) - rate * len(c)) ** 2 for c in clusters)
        variance = between * len(clusters) / (len(clusters) - 1) / n**2
        effective = rate * (1 - rate) / variance if variance else float(n)
        effective = min(max(effective, 1.0), float(n))
    return wilson(rate * effective, effective)


def mean_interval(values: Sequence[float]) -> Interval:
    """Return a mean of scores in [0, 1] with a percentile-bootstrap interval.

    10,000 resamples from a fixed seed, so that a table prints the same twice. One value
    tells nothing about spread: its interval is [0, 1].
    """
    import numpy as np
    from scipy import stats

    data = np.asarray(values, float)
    if data.size == 0:
        raise ValueError("a mean needs at least one value")
    if data.size == 1:
        return Interval(float(data[0]), 0.0, 1.0)
    if np.ptp(data) == 0:
        # The bootstrap of a constant has no width; Wilson's has, and applies to any
        # variable in [0, 1], whose variance is at most that of a coin of the same mean.
        return wilson(float(data.sum()), data.size)
    result = stats.bootstrap(
        (data,),
        np.mean,
        method="percentile",
        n_resamples=10_000,
        batch=max(1, 1_000_000 // data.size),  # a bound on memory, not on the result
        rng=np.random.default_rng(0),
    )
    low, high = result.confidence_interval
    return Interval(float(data.mean()), float(low), float(high))


class Stratum(NamedTuple):
    """Early-stopped streams of one kind, and what their audit showed."""

    flagged: int
    audited: int
    escaped: int


def corrected_rate(naive: Interval, n: int, strata: Sequence[Stratum]) -> Interval | None:
    """Correct a rate that counts every early-stopped stream for the share that escapes.

    Parameters
    ----------
    naive
        Rate with all flagged streams counted, of `n` outputs.
    strata
        Per kind of loop, each with its own escape rate.

    Returns
    -------
    Interval or None
        None if some kind was flagged and never audited: then nothing can be said.

    Notes
    -----
    rate − Σ (flagged / n) · escape. Limits by MOVER, the method of variance estimates
    recovery (Zou & Donner, Statistics in Medicine 27, 2008), from the Wilson limits of
    the parts: honest at 0 escapes of few audits, where a delta method claims certainty.
    """
    value = naive.value
    below, above = (value - naive.low) ** 2, (naive.high - value) ** 2
    for stratum in strata:
        if stratum.flagged == 0:
            continue
        if stratum.audited == 0:
            return None
        weight = stratum.flagged / n
        if stratum.audited == stratum.flagged:
            # Nothing was left to estimate.
            value -= weight * stratum.escaped / stratum.audited
            continue
        escape = wilson(stratum.escaped, stratum.audited)
        value -= weight * escape.value
        below += (weight * (escape.high - escape.value)) ** 2
        above += (weight * (escape.value - escape.low)) ** 2
    value = max(0.0, value)
    return Interval(value, max(0.0, value - math.sqrt(below)), min(1.0, value + math.sqrt(above)))
