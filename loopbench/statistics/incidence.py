"""How often each of several fates has come true by a time, where one precludes the others. Pure.

An output that ends by itself will never loop. A Kaplan–Meier estimate that takes it for censored
pretends that it might have looped later, and overstates the share that loops.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from loopbench.statistics.intervals import Z95
from loopbench.types import Struct

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_ROUNDING = 1e-12
"""Shares so near to 0 or 1 are 0 or 1."""


class Curve(Struct, frozen=True):
    """Share that one event has befallen, with pointwise 95 % limits; each of shape (times,)."""

    share: list[float]
    low: list[float]
    high: list[float]


class Incidence(Struct, frozen=True):
    """Cumulative incidence of competing events: right-continuous step functions of time."""

    times: list[float]
    """Where a step may be, in the unit of the observations, ascending from 0."""
    free: list[float]
    """Share that nothing has befallen yet; with the shares of all curves it adds up to 1."""
    curves: dict[str, Curve]
    """One for each event."""


def aalen_johansen(
    times: Sequence[float], kinds: Sequence[str | None], events: Sequence[str], until: float = 0.0
) -> Incidence:
    """Return the Aalen–Johansen estimate of the cumulative incidence of every event.

    Parameters
    ----------
    times
        When the observation of each subject ended, at least 0, of shape (n,).
    kinds
        The event that ended it, of shape (n,); None where it was censored on the right.
    events
        Every event that there is.
    until
        A time that the curves should reach, where no observation is as long.

    Raises
    ------
    ValueError
        If a time is negative or not finite, or an event is not among `events`.

    Notes
    -----
    O. O. Aalen and S. Johansen, "An empirical transition matrix for non-homogeneous Markov chains
    based on censored observations", Scandinavian Journal of Statistics 5 (1978). Whoever is
    censored at the time of an event is at risk of it. Subjects are taken to be independent.

    Without censoring the shares are the empirical ones, and their variances binomial; with one
    event they are 1 − Kaplan–Meier, and their variances Greenwood's.
    """
    import numpy as np

    knots, counts = _counted(np.asarray(times, float), kinds, events, until)
    gone = np.cumsum(counts, axis=1) - counts
    risk = np.maximum(len(times) - gone.sum(axis=0), 1.0)  # where nobody is left, nothing happens
    happened = counts[1:].sum(axis=0)
    free = np.cumprod(1 - happened / risk)
    before = np.append(1.0, free[:-1])
    known = len(times) - gone[0]
    curves = {}
    for event, count in zip(events, counts[1:], strict=True):
        share = np.cumsum(before * count / risk)
        variance = _variance(share, before, count, happened, risk)
        low, high = _limits(share, variance, known)
        curves[event] = Curve(share=share.tolist(), low=low.tolist(), high=high.tolist())
    return Incidence(times=knots.tolist(), free=free.tolist(), curves=curves)


def _counted(
    times: Floats, kinds: Sequence[str | None], events: Sequence[str], until: float
) -> tuple[Floats, Floats]:
    """Return the distinct times, with 0 and `until`, and what happened at each.

    Shapes (times,) and (1 + events, times): first how many were censored, then those of each event.
    """
    import numpy as np

    if times.size != len(kinds):
        raise ValueError(f"need as many times as kinds, got {times.size} and {len(kinds)}")
    if not (np.isfinite(times) & (times >= 0)).all():
        raise ValueError("times must be finite and at least 0")
    rows = {kind: row for row, kind in enumerate((None, *events))}
    if unknown := set(kinds) - set(rows):
        raise ValueError(f"no such event: {sorted(map(str, unknown))}; there are {list(events)}")
    knots = np.unique(np.append(times, [0.0, until]))
    cells = np.array([rows[kind] for kind in kinds], int) * knots.size
    cells += np.searchsorted(knots, times)
    counts = np.bincount(cells, minlength=len(rows) * knots.size).astype(float)
    return knots, counts.reshape(len(rows), knots.size)


def _variance(
    share: Floats, before: Floats, count: Floats, happened: Floats, risk: Floats
) -> Floats:
    """Return the variance of a cumulative incidence by the delta method.

    Parameters
    ----------
    share
        The cumulative incidence F at each of the times t₁ < t₂ < …, of shape (times,).
    before
        Share that nothing has befallen just before each time.
    count, happened
        Events of this kind, and of any kind, at each time.
    risk
        Subjects at risk at each time.

    Notes
    -----
    J. J. Gaynor et al., "On the use of cause-specific failure and conditional failure
    probabilities", JASA 88 (1993); E. Marubini and M. G. Valsecchi, "Analysing Survival Data from
    Clinical Trials and Observational Studies" (1995), chapter 10. With d events of any kind and
    e of this one among n at risk, S before, the sum over tⱼ ≤ t of

        (F(t) − Fⱼ)² d / (n (n − d)) + S² e (n − e) / n³ − 2 (F(t) − Fⱼ) S e / n²

    Multiplied out, it is made of running sums.
    """
    import numpy as np

    # Where nobody is left, nothing follows: F(t) − Fⱼ is 0 from there on.
    left = np.where(happened < risk, risk - happened, np.inf)
    total = happened / (risk * left)
    mixed = before * count / risk**2
    own = before**2 * count * (risk - count) / risk**3
    variance = (
        share**2 * np.cumsum(total)
        - 2 * share * np.cumsum(share * total + mixed)
        + np.cumsum(share**2 * total + own + 2 * share * mixed)
    )
    return np.maximum(variance, 0.0)


def _limits(share: Floats, variance: Floats, known: Floats) -> tuple[Floats, Floats]:
    """Return pointwise 95 % limits, symmetric on the scale log(−log(1 − F)). Shapes (times,).

    The transformation of J. D. Kalbfleisch and R. L. Prentice, "The Statistical Analysis of
    Failure Time Data" (1980), as for Kaplan–Meier curves. Where nothing or everything has
    happened, the estimated variance is 0 and would claim certainty: there the limits are Wilson's,
    of as many subjects as were not censored before (`known`).
    """
    import numpy as np

    inside = (share > _ROUNDING) & (share < 1 - _ROUNDING)
    within = np.where(inside, share, 0.5)
    log_free = np.log1p(-within)
    spread = Z95 * np.sqrt(variance) / ((1 - within) * -log_free)
    slack = Z95**2 / (known + Z95**2)
    nothing = share <= _ROUNDING
    low = np.where(nothing, 0.0, 1 - slack)
    high = np.where(nothing, slack, 1.0)
    return (
        np.where(inside, -np.expm1(log_free * np.exp(-spread)), low),
        np.where(inside, -np.expm1(log_free * np.exp(spread)), high),
    )
