"""Cumulative incidence: by hand, against scipy and plain counts, and by simulation."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import CensoredData, ecdf

from loopbench.statistics.incidence import Curve, Incidence, aalen_johansen
from loopbench.statistics.intervals import Z95, wilson

KINDS = ("loop", "end", "cut")
observations = st.lists(st.tuples(st.integers(0, 12), st.sampled_from(KINDS)), min_size=1)
censored = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from([*KINDS, None])), min_size=1, max_size=40
)


def estimate(pairs: list[tuple[int, str | None]], until: float = 0.0) -> Incidence:
    return aalen_johansen([t for t, _ in pairs], [kind for _, kind in pairs], KINDS, until)


def limits(share: float, variance: float) -> tuple[float, float]:
    """Return the limits on the scale log(−log(1 − F)), from their definition."""
    middle = math.log(-math.log(1 - share))
    spread = Z95 * math.sqrt(variance) / abs((1 - share) * math.log(1 - share))
    return tuple(1 - math.exp(-math.exp(middle + way * spread)) for way in (-1, 1))


def test_six_outputs_by_hand() -> None:
    # at  at risk  what        free before  loop              end
    # 1   6        loop        1            1/6               0
    # 2   5        end         5/6          1/6               5/6 · 1/5 = 1/6
    # 2   5        (censored: at risk of what happens at 2, gone afterwards)
    # 3   3        loop        2/3          1/6 + 2/9 = 7/18  1/6
    # 4   2        (censored)  4/9          7/18              1/6
    # 5   1        end         4/9          7/18              1/6 + 4/9 = 11/18
    found = estimate(
        [(1, "loop"), (2, "end"), (2, None), (3, "loop"), (4, None), (5, "end")], until=6
    )
    half, late = Fraction(1, 6), Fraction(7, 18)
    assert found.times == [0, 1, 2, 3, 4, 5, 6]
    assert found.curves["loop"].share == pytest.approx(
        [*map(float, (0, half, half, late, late, late, late))]
    )
    assert found.curves["end"].share == pytest.approx(
        [*map(float, (0, 0, half, half, half, Fraction(11, 18), Fraction(11, 18)))]
    )
    assert found.curves["cut"].share == [0] * 7
    assert found.free == pytest.approx([1, 5 / 6, 2 / 3, 4 / 9, 4 / 9, 0, 0])

    # The variance of 7/18 at 3, term by term, where F(3) − F(1) = F(3) − F(2) = 2/9:
    #   at 1: (2/9)² / (6 · 5) + 1 · 5/6³ − 2 · 2/9 · 1/6²
    #   at 2: (2/9)² / (5 · 4)
    #   at 3: (2/3)² · 2/3³
    ninths = Fraction(2, 9) ** 2
    variance = (
        ninths / 30 + Fraction(5, 216) - Fraction(1, 81) + ninths / 20 + Fraction(4, 9) * 2 / 27
    )
    assert variance == Fraction(31, 648)
    low, high = limits(float(late), float(variance))
    assert found.curves["loop"].low[3] == pytest.approx(low)
    assert found.curves["loop"].high[3] == pytest.approx(high)


def test_with_one_kind_of_event_it_is_one_less_kaplan_meier() -> None:
    rng = np.random.default_rng(1)
    times, seen = rng.integers(1, 60, 80), rng.random(80) < 0.6
    found = aalen_johansen(times.tolist(), ["loop" if s else None for s in seen], ["loop"])
    curve = found.curves["loop"]
    free = ecdf(CensoredData(uncensored=times[seen], right=times[~seen])).sf
    band = free.confidence_interval(0.95, method="log-log")
    inside = (free.probabilities > 0) & (free.probabilities < 1)
    assert found.times[1:] == free.quantiles.tolist()
    assert curve.share[1:] == pytest.approx(1 - free.probabilities)
    for mine, scipys in ((curve.low, band.high), (curve.high, band.low)):
        assert np.array(mine[1:])[inside] == pytest.approx(1 - scipys.probabilities[inside])


@settings(deadline=None)
@given(observations)
def test_without_censoring_it_counts(pairs: list[tuple[int, str]]) -> None:
    n, found = len(pairs), estimate(pairs)
    for kind, curve in found.curves.items():
        for at, share, low, high in zip(
            found.times, curve.share, curve.low, curve.high, strict=True
        ):
            hits = sum(t <= at and k == kind for t, k in pairs)
            assert share == pytest.approx(hits / n, abs=1e-12)
            if 0 < hits < n:
                expected = limits(hits / n, hits * (n - hits) / n**3)
            else:
                expected = wilson(hits, n)[1:]
            assert (low, high) == pytest.approx(expected, abs=1e-9)


@settings(deadline=None)
@given(censored)
def test_every_share_has_its_place(pairs: list[tuple[int, str | None]]) -> None:
    found = estimate(pairs, until=20)
    assert (found.times[0], found.times[-1]) == (0, 20)
    total = np.sum([found.free, *(curve.share for curve in found.curves.values())], axis=0)
    assert total == pytest.approx(np.ones(len(found.times)), abs=1e-12)
    for curve in found.curves.values():
        share, low, high = (np.array(v) for v in (curve.share, curve.low, curve.high))
        assert (np.diff(share) >= 0).all()
        assert (low >= 0).all() and (high <= 1).all()
        assert (low <= share + 1e-12).all() and (share <= high + 1e-12).all()


def test_nothing_seen_is_not_zero() -> None:
    found = estimate([(9, "cut")] * 150 + [(5, None)] * 50)
    never = found.curves["loop"]
    assert never.share[-1] == never.low[-1] == 0
    assert never.high == pytest.approx([wilson(0, 200).high] * 2 + [wilson(0, 150).high])
    assert found.curves["cut"].low[-1] == pytest.approx(wilson(150, 150).low)
    assert estimate([]).curves["end"] == Curve(share=[0], low=[0], high=[1])


def test_known_incidences_are_met_and_their_limits_hold() -> None:
    # Loops come at rate 1, ends at rate 3, and observation stops at rate 1: by t, a share
    # (1 − e^−4t) / 4 has looped. With ends taken for censored it would be 1 − e^−t.
    rng = np.random.default_rng(5)
    runs, n, at = 300, 120, np.array([0.1, 0.3, 0.6])
    known = (1 - np.exp(-4 * at)) / 4
    shares, overstated, covered = [], [], []
    for _ in range(runs):
        loop, end, stop = rng.exponential([[1], [1 / 3], [1]], (3, n))
        first = np.argmin([loop, end, stop], axis=0)
        times = np.minimum(np.minimum(loop, end), stop)
        kinds = np.array(["loop", "end", None], object)[first].tolist()
        found = aalen_johansen(times.tolist(), kinds, ["loop", "end"])
        alone = [kind if kind == "loop" else None for kind in kinds]
        censoring = aalen_johansen(times.tolist(), alone, ["loop"])
        places = np.searchsorted(found.times, at, side="right") - 1
        share, low, high = (
            np.array(v)[places]
            for v in (
                found.curves["loop"].share,
                found.curves["loop"].low,
                found.curves["loop"].high,
            )
        )
        shares.append(share)
        overstated.append(np.array(censoring.curves["loop"].share)[places])
        covered.append((low <= known) & (known <= high))
    assert np.mean(shares, axis=0) == pytest.approx(known, abs=0.01)
    assert np.mean(overstated, axis=0) == pytest.approx(1 - np.exp(-at), abs=0.02)
    coverage = np.mean(covered, axis=0)
    assert ((coverage >= 0.92) & (coverage <= 0.98)).all()


@pytest.mark.parametrize(
    ("times", "kinds", "message"),
    [
        ([1, 2], ["loop"], "as many times as kinds"),
        ([-1], ["loop"], "at least 0"),
        ([math.nan], ["loop"], "finite"),
        ([1], ["doom"], "no such event"),
    ],
)
def test_what_is_no_observation_is_refused(times: list, kinds: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        aalen_johansen(times, kinds, KINDS)
