"""Intervals against scipy and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom, binomtest, bootstrap

from loopbench.statistics.intervals import (
    Interval,
    Stratum,
    clean_needed,
    clustered_rate,
    corrected_rate,
    exact_limits,
    exact_p,
    fixed_design,
    holm,
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


def test_the_design_effect_by_hand() -> None:
    # 4 of 8 in clusters of two with 2, 1, 1 and 0 hits: their deviations from the mean of one hit
    # are 1, 0, 0 and −1, so the rate's variance is (1 + 1) · 4/3 / 8² = 1/24. That of independent
    # draws is 1/4 of 1/n: 6 draws have it.
    clusters = [[True, True], [True, False], [False, True], [False, False]]
    assert clustered_rate(clusters) == pytest.approx(wilson(3, 6))
    # Two clusters that say the opposite: 1/4, the variance of one draw.
    assert clustered_rate([[True] * 10, [False] * 10]) == pytest.approx(wilson(0.5, 1))


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


def test_escapes_enter_or_leave_and_widen_by_mover() -> None:
    # Of 100 outputs 60 count, 40 of them flagged and 5 of 10 audited ones not lost; of 20 flagged
    # ones that do not count 2 of 4 come in: 0.6 − 0.4 · 0.5 + 0.2 · 0.5 = 0.5.
    naive, left, entered = wilson(60, 100), wilson(5, 10), wilson(2, 4)
    strata = [Stratum(40, 10, 5), Stratum(20, 4, 2, leaves=False)]
    below = (
        (naive.value - naive.low) ** 2
        + (0.4 * (left.high - left.value)) ** 2
        + (0.2 * (entered.value - entered.low)) ** 2
    )
    above = (
        (naive.high - naive.value) ** 2
        + (0.4 * (left.value - left.low)) ** 2
        + (0.2 * (entered.high - entered.value)) ** 2
    )
    expected = (0.5, 0.5 - below**0.5, 0.5 + above**0.5)
    assert corrected_rate(naive, 100, strata) == pytest.approx(expected)


def test_the_sides_of_a_correction_are_not_alike() -> None:
    naive, few = wilson(50, 100), wilson(1, 8)
    leaving = corrected_rate(naive, 100, [Stratum(40, 8, 1)])
    entering = corrected_rate(naive, 100, [Stratum(40, 8, 1, leaves=False)])
    assert leaving is not None and entering is not None
    assert (leaving.value, entering.value) == pytest.approx((0.45, 0.55))
    far, near = 0.4 * (few.high - few.value), 0.4 * (few.value - few.low)
    assert leaving.value - leaving.low == pytest.approx(math.hypot(far, naive.value - naive.low))
    assert leaving.high - leaving.value == pytest.approx(math.hypot(near, naive.high - naive.value))
    assert entering.value - entering.low == pytest.approx(math.hypot(near, naive.value - naive.low))
    assert entering.high - entering.value == pytest.approx(
        math.hypot(far, naive.high - naive.value)
    )


def test_a_corrected_rate_stays_a_rate_where_all_enter() -> None:
    corrected = corrected_rate(wilson(5, 10), 10, [Stratum(5, 2, 2, leaves=False)])
    assert corrected is not None
    assert (corrected.value, corrected.high) == (1, 1)
    assert corrected.low < 0.8


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


@settings(deadline=None)
@given(st.lists(st.lists(st.booleans(), max_size=4), min_size=1).filter(any))
def test_clusters_narrow_no_interval(clusters: list[list[bool]]) -> None:
    flat = [hit for cluster in clusters for hit in cluster]
    value, low, high = clustered_rate(clusters)
    assert value == pytest.approx(sum(flat) / len(flat))
    assert 0 <= low <= value <= high <= 1
    plain = wilson(sum(flat), len(flat))
    assert low <= plain.low + 1e-12
    assert high >= plain.high - 1e-12


def test_a_rate_at_the_end_counts_clusters() -> None:
    assert clustered_rate([[False] * 5] * 8) == wilson(0, 8)
    assert clustered_rate([[True] * 5] * 8) == wilson(8, 8)
    assert clustered_rate([[True, False, True]]).value == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="at least one observation"):
        clustered_rate([[], []])


@pytest.mark.parametrize("repeats", [2, 4, 8])
def test_agreeing_repeats_are_worth_about_the_number_of_clusters(repeats: int) -> None:
    value, low, high = clustered_rate([[i % 4 == 0] * repeats for i in range(100)])
    assert value == 0.25
    assert high - low == pytest.approx(wilson(25, 100).high - wilson(25, 100).low, rel=0.02)


@pytest.mark.parametrize("n", [200, 300])  # resamples in full batches, and one of a single one
def test_a_mean_is_scipys_bootstrap_whatever_the_batches(n: int) -> None:
    values = np.random.default_rng(5).random(n)
    whole = bootstrap(
        (values,), np.mean, method="percentile", n_resamples=10_000, rng=np.random.default_rng(0)
    ).confidence_interval
    interval = mean_interval(list(values))
    assert (interval.low, interval.high) == pytest.approx((whole.low, whole.high), abs=1e-12)
    assert mean_interval(list(values)) == interval
    with pytest.raises(ValueError, match="at least one value"):
        mean_interval([])


def test_mean_intervals_cover() -> None:
    rng = np.random.default_rng(6)
    covered = 0
    for _ in range(60):
        interval = mean_interval(list(rng.beta(2, 3, 40)))
        covered += interval.low <= 0.4 <= interval.high
    assert covered / 60 >= 0.88


@settings(deadline=None)
@given(st.integers(1, 300), st.data())
def test_corrected_rates_are_rates(n: int, data: st.DataObject) -> None:
    doomed = data.draw(st.integers(0, n))
    strata, left = [], doomed
    for _ in range(2):
        flagged = data.draw(st.integers(0, left))
        audited = data.draw(st.integers(min(1, flagged), flagged))
        strata.append(Stratum(flagged, audited, data.draw(st.integers(0, audited))))
        left -= flagged
    naive = wilson(doomed, n)
    corrected = corrected_rate(naive, n, strata)
    assert corrected is not None
    assert 0 <= corrected.low <= corrected.value <= corrected.high <= 1
    assert corrected.value <= naive.value
    assert corrected_rate(naive, n, [*strata, Stratum(1, 0, 0)]) is None
    assert corrected_rate(naive, n, [*strata, Stratum(0, 0, 0)]) == corrected


def test_a_full_audit_of_full_escape_leaves_the_rest() -> None:
    corrected = corrected_rate(wilson(30, 100), 100, [Stratum(20, 20, 20), Stratum(10, 10, 0)])
    assert corrected is not None
    assert corrected.value == pytest.approx(0.1)


@pytest.mark.parametrize(("k", "n"), [(0, 299), (3, 40), (40, 40), (1, 1)])
def test_exact_limits_are_beta_quantiles(k: int, n: int) -> None:
    value, low, high = exact_limits(k, n, 0.05)
    assert value == k / n
    assert low == pytest.approx(beta.ppf(0.05, k, n - k + 1) if k else 0.0, abs=1e-9)
    assert high == pytest.approx(beta.ppf(0.95, k + 1, n - k) if k < n else 1.0, abs=1e-9)


def test_each_exact_limit_has_the_level_that_is_asked() -> None:
    _, low, high = exact_limits(3, 40, 0.01)
    assert (low, high) == pytest.approx((beta.ppf(0.01, 3, 38), beta.ppf(0.99, 4, 37)), abs=1e-9)


def test_exact_limits_and_p_values_agree() -> None:
    for k in range(0, 41, 4):
        _, low, high = exact_limits(k, 40, 0.05)
        for threshold in (0.03, 0.2, 0.5, 0.8):
            assert (exact_p(k, 40, threshold) <= 0.05) == (low >= threshold)
            assert (exact_p(k, 40, threshold, "less") <= 0.05) == (high <= threshold)


@pytest.mark.parametrize("n", [20, 96, 300])
def test_exact_limits_cover_as_they_promise(n: int) -> None:
    limits = [exact_limits(k, n, 0.05) for k in range(n + 1)]
    for true in (0.01, 0.1, 0.5):
        chances = binom.pmf(np.arange(n + 1), n, true)
        for missed in ([i.low > true for i in limits], [i.high < true for i in limits]):
            assert chances[missed].sum() <= 0.05 + 1e-9


def test_how_many_clean_ones_exclude_a_rate() -> None:
    assert clean_needed(0.01) == 299
    assert clean_needed(0.05) == 59
    assert clean_needed(0.01, alpha=0.01) == 459
    assert clean_needed(0.5, alpha=0.25) == 2  # 0.5² is 0.25, however the logarithms are rounded
    assert clean_needed(0.99) == 1
    assert exact_limits(0, 299, 0.05).high <= 0.01 < exact_limits(0, 298, 0.05).high
    for threshold in (0.0, 1.0, -1.0):
        with pytest.raises(ValueError, match="between 0 and 1"):
            clean_needed(threshold)


def test_a_fixed_design_has_its_power() -> None:
    assert fixed_design(0.01, 0.0) == 299
    n = fixed_design(0.01, 0.001)
    assert n == 473
    passing = [k for k in range(5) if exact_p(k, n, 0.01, "less") <= 0.05]
    assert binom.cdf(max(passing), n, 0.001) >= 0.9
    for threshold, hoped in ((0.01, 0.02), (0.01, 0.01), (1.0, 0.5), (0.5, -0.1)):
        with pytest.raises(ValueError, match="hoped < threshold"):
            fixed_design(threshold, hoped)


def test_holm_on_the_example_of_his_paper() -> None:
    assert holm([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_nothing_and_bonferroni(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    for before, after in zip(p_values, adjusted, strict=True):
        assert before <= after <= min(1.0, len(p_values) * max(p_values) + 1e-12)
    assert adjusted[p_values.index(min(p_values))] == min(1.0, len(p_values) * min(p_values))
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    assert [adjusted[i] for i in order] == sorted(adjusted)
