"""Intervals against scipy and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from loopbench.stats import (
    Interval,
    Stratum,
    clustered_rate,
    corrected_rate,
    mean_interval,
    wilson,
)


@pytest.mark.parametrize("n", [1, 7, 96, 200, 5000])
def test_wilson_is_scipys(n: int) -> None:
    for k in {0, 1, n // 3, n - 1, n}:
        expected = binomtest(k, n).proportion_ci(method="wilson")
        assert wilson(k, n) == pytest.approx((k / n, expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("n", range(1, 60))
def test_the_ends_are_exact(n: int) -> None:
    assert wilson(0, n).low == 0.0
    assert wilson(n, n).high == 1.0


def test_nothing_seen_is_not_zero() -> None:
    assert wilson(0, 200).high == pytest.approx(0.0188, abs=1e-4)


@pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5), (0, 0)])
def test_impossible_counts_are_refused(k: int, n: int) -> None:
    with pytest.raises(ValueError, match=f"got {k} of {n}"):
        wilson(k, n)


def test_clusters_of_one_are_independent() -> None:
    assert clustered_rate([[True], [False], [False]]) == wilson(1, 3)


def test_repeats_that_always_agree_add_nothing() -> None:
    once = clustered_rate([[i % 3 == 0] for i in range(30)])
    thrice = clustered_rate([[i % 3 == 0] * 3 for i in range(30)])
    assert thrice.low == pytest.approx(once.low, abs=0.01)
    assert thrice.high == pytest.approx(once.high, abs=0.01)


def test_repeats_that_always_disagree_narrow_no_further_than_their_number() -> None:
    assert clustered_rate([[True, False]] * 20) == wilson(20, 40)


def test_clustered_intervals_cover() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(400):
        chances = rng.beta(0.6, 1.4, 60)  # prompts differ: mean 0.3
        interval = clustered_rate([list(rng.random(4) < p) for p in chances])
        covered += interval.low <= 0.3 <= interval.high
    assert covered / 400 >= 0.93


def test_means_stay_inside_the_scale() -> None:
    assert mean_interval([0.5]) == (0.5, 0.0, 1.0)
    assert mean_interval([0.0] * 20).low == 0.0
    assert mean_interval([0.0] * 20).high == pytest.approx(wilson(0, 20).high)
    value, low, high = mean_interval([0.1, 0.9, 0.5, 0.4] * 5)
    assert value == pytest.approx(0.475)
    assert low < value < high


def test_correction_needs_an_audit() -> None:
    assert corrected_rate(wilson(5, 10), 10, [Stratum(5, 0, 0)]) is None
    assert corrected_rate(wilson(5, 10), 10, []) == pytest.approx(wilson(5, 10))


def test_a_full_audit_corrects_exactly() -> None:
    corrected = corrected_rate(wilson(50, 100), 100, [Stratum(20, 20, 5)])
    assert corrected is not None
    assert corrected.value == pytest.approx(0.45)


def test_no_escape_in_a_few_audits_is_not_certainty() -> None:
    naive = wilson(50, 100)
    corrected = corrected_rate(naive, 100, [Stratum(50, 5, 0)])
    assert corrected is not None
    assert corrected.value == naive.value
    assert corrected.low < naive.low - 0.1
    assert corrected.high == pytest.approx(naive.high)


def test_corrected_intervals_cover() -> None:
    rng, n, flagged, escapes, covered = np.random.default_rng(2), 300, 0.4, 0.2, 0
    for _ in range(500):
        stopped = rng.binomial(n, flagged)
        audited = min(stopped, 20)
        corrected = corrected_rate(
            wilson(stopped, n), n, [Stratum(stopped, audited, rng.binomial(audited, escapes))]
        )
        assert isinstance(corrected, Interval)
        covered += corrected.low <= flagged * (1 - escapes) <= corrected.high
    assert covered / 500 >= 0.93
