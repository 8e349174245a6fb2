"""Bounds on a mean that hold at every moment of a stream, however often one looks. Pure.

A gate that looks after every batch and stops when it likes what it sees must pay for the
looks. Betting does: whoever bets against "the mean is at most m" with fair odds cannot
expect to win, so a fortune of 1/α is as rare as α, whenever it is counted.

Everything here is about observations in [0, 1] that are exchangeable draws: outcomes of
prompts in random order, or means over the repeats of each prompt.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NODES = 256
"""Alternatives that the bets are spread over; more of them cost time and gain no power."""
_STEPS = 40
_LEAST = 1e-300
"""A limit below it is 0: a bet against so small a mean would overflow."""


class Counts(NamedTuple):
    """Observations as distinct values with how often each occurred: their order is no matter."""

    values: NDArray[np.float64]
    counts: NDArray[np.float64]
    """Need not be whole where a sample is imagined to grow."""

    @property
    def n(self) -> float:
        """Number of observations."""
        return float(self.counts.sum())

    @property
    def mean(self) -> float:
        """Mean of the observations."""
        return float(self.values @ self.counts) / self.n


def counts_of(observations: Sequence[float]) -> Counts:
    """Reduce observations in [0, 1].

    Parameters
    ----------
    observations
        Shape (n,), in any order.

    Raises
    ------
    ValueError
        If there is none, or one outside [0, 1].
    """
    import numpy as np

    data = np.asarray(observations, float)
    if data.size == 0:
        raise ValueError("a bound needs at least one observation")
    if not ((data >= 0) & (data <= 1)).all():
        raise ValueError("observations must lie between 0 and 1")
    values, counts = np.unique(data, return_counts=True)
    return Counts(values, counts.astype(float))


def log_fortune_above(seen: Counts, m: float) -> float:
    """Return the log of what bets against "the mean is at most `m`" have made of 1.

    Parameters
    ----------
    m
        Between 0 and 1, exclusive.

    Notes
    -----
    ∫ Π (1 + λ_q (x − m)) dF(q) with λ_q = (q − m) / (m (1 − m)) over the alternatives q in
    (m, 1): for outcomes 0 and 1 the likelihood ratio of q against m, for anything in [0, 1] a
    capital process of Waudby-Smith & Ramdas, "Estimating means of bounded random variables by
    betting", JRSS B 86 (2024), §4; the mixture over q is that of Robbins, "Statistical methods
    related to the law of the iterated logarithm", Ann. Math. Stat. 41 (1970). No factor is
    negative, since λ_q is at most 1 / m, and every factor has a mean of at most 1 where the
    mean of x is at most m: by Ville's inequality the fortune ever reaches 1 / α with
    probability at most α, whatever F is. F is even in log q: a bad checkpoint exceeds the
    threshold by some factor, and nothing is tuned to a rate that one expects.
    """
    return _log_mixture(seen, m, m ** (1 - _grid()))


def log_fortune_below(seen: Counts, m: float) -> float:
    """Return the log of what bets against "the mean is at least `m`" have made of 1.

    As `log_fortune_above` with q in (0, m), where F is Jeffreys' prior cut at m (arcsin √q is
    even): most of a good checkpoint's chance lies near 0.
    """
    import numpy as np

    return _log_mixture(seen, m, np.sin(_grid() * math.asin(math.sqrt(m))) ** 2)


def _grid() -> NDArray[np.float64]:
    import numpy as np

    return (np.arange(NODES) + 0.5) / NODES


def _log_mixture(seen: Counts, m: float, alternatives: NDArray[np.float64]) -> float:
    import numpy as np
    from scipy.special import logsumexp

    if not 0 < m < 1:
        raise ValueError(f"a mean to bet against lies between 0 and 1, got {m}")
    bets = (alternatives - m) / (m * (1 - m))
    # Rounding may leave a factor a hair below 0 where the bet is at its limit.
    factors = np.maximum(1 + np.outer(bets, seen.values - m), 0)
    with np.errstate(divide="ignore"):
        logs = np.log(factors)
    return float(logsumexp(logs @ seen.counts)) - math.log(NODES)


def p_above(seen: Counts, m: float) -> float:
    """Return an always-valid p-value for "the mean is at most `m`": small if it is above."""
    return math.exp(min(0.0, -log_fortune_above(seen, m)))


def p_below(seen: Counts, m: float) -> float:
    """Return an always-valid p-value for "the mean is at least `m`": small if it is below."""
    return math.exp(min(0.0, -log_fortune_below(seen, m)))


def lower_limit(seen: Counts, alpha: float) -> float:
    """Return the one-sided lower limit: every mean below it is refused at level `alpha`."""
    return _limit(seen, alpha, above=True)


def upper_limit(seen: Counts, alpha: float) -> float:
    """Return the one-sided upper limit: every mean above it is refused at level `alpha`."""
    return _limit(seen, alpha, above=False)


def _limit(seen: Counts, alpha: float, *, above: bool) -> float:
    """Bisect between the mean, which no bet refutes, and the end of the scale."""
    p = p_above if above else p_below
    kept, refused = seen.mean, 0.0 if above else 1.0
    for _ in range(_STEPS):
        middle = (kept + refused) / 2
        if not _LEAST < middle < 1:
            break
        if p(seen, middle) > alpha:
            kept = middle
        else:
            refused = middle
    # The refused side, so that a limit and a test at the same level never disagree.
    return refused
