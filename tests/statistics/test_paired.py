"""Paired tests and intervals: published values, scipy, and coverage by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, bootstrap, permutation_test

from loopbench.statistics.intervals import wilson
from loopbench.statistics.paired import mcnemar, paired_bootstrap, paired_difference, sign_flip


def test_mcnemar_tosses_the_discordant_pairs() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 5) == pytest.approx(1.0)
    assert mcnemar(8, 1) == pytest.approx(2 * binom.cdf(1, 9, 0.5))
    assert mcnemar(1, 8) == mcnemar(8, 1)


def test_mcnemar_is_exact() -> None:
    rng = np.random.default_rng(3)
    wrong = sum(mcnemar(k, 20 - k) <= 0.05 for k in rng.binomial(20, 0.5, 2000))
    assert wrong / 2000 <= 0.05


def test_the_interval_of_a_difference_is_newcombes() -> None:
    # Table II of Newcombe (1998): 20, 12, 2, 16 by method 10.
    interval = paired_difference(20, 12, 2, 16)
    assert interval == pytest.approx((0.2, 0.0562, 0.3292), abs=5e-5)


@pytest.mark.parametrize(
    "cells",
    [
        (0, 5, 0, 15),  # an empty margin: no correlation is defined
        (2, 1, 1, 1),  # a d − b c = 1, all of which the continuity correction takes
        (3, 2, 2, 1),  # a d − b c < 0 would not be corrected; here it is −1
    ],
)
def test_the_correlation_of_small_tables_is_damped(cells: tuple[int, int, int, int]) -> None:
    a, b, c, d = cells
    phi = -1 / (5 * 3 * 5 * 3) ** 0.5 if cells == (3, 2, 2, 1) else 0.0
    first, second = wilson(a + c, a + b + c + d), wilson(a + b, a + b + c + d)
    down, up = second.value - second.low, first.high - first.value
    value, low, _ = paired_difference(*cells)
    assert value == pytest.approx(second.value - first.value)
    assert low == pytest.approx(value - (down**2 - 2 * phi * down * up + up**2) ** 0.5, abs=1e-12)


def test_the_difference_turns_with_its_sides() -> None:
    value, low, high = paired_difference(30, 9, 4, 57)
    assert paired_difference(30, 4, 9, 57) == pytest.approx((-value, -high, -low))
    assert paired_difference(0, 0, 0, 30).low < -0.05  # nothing seen is not certainty
    with pytest.raises(ValueError, match="at least one pair"):
        paired_difference(0, 0, 0, 0)


@pytest.mark.parametrize(("both", "gained", "lost"), [(0.4, 0.1, 0.05), (0.02, 0.03, 0.01)])
def test_intervals_of_differences_cover(both: float, gained: float, lost: float) -> None:
    rng = np.random.default_rng(4)
    cells = rng.multinomial(100, [both, gained, lost, 1 - both - gained - lost], 1500)
    covered = 0
    for row in cells:
        _, low, high = paired_difference(*(int(cell) for cell in row))
        covered += low <= gained - lost <= high
    assert covered / 1500 >= 0.94


@given(*[st.integers(0, 40)] * 4)
def test_a_difference_lies_inside_its_interval(a: int, b: int, c: int, d: int) -> None:
    if a + b + c + d:
        value, low, high = paired_difference(a, b, c, d)
        assert -1 <= low <= value + 1e-12
        assert value - 1e-12 <= high <= 1


def test_flipping_signs_of_outcomes_is_mcnemar() -> None:
    first, second = [0] * 8 + [1] + [1] * 20, [1] * 8 + [0] + [1] * 20
    assert sign_flip(first, second) == pytest.approx(mcnemar(8, 1))
    assert sign_flip([0.3, 0.4], [0.3, 0.4]) == 1.0
    assert sign_flip([0.3, 0.4], [0.3, 0.9]) == 1.0  # one pair shows nothing


def test_two_pairs_have_four_flips() -> None:
    assert sign_flip([0, 0], [0.5, 0.9]) == pytest.approx(2 / 4)
    assert sign_flip([0, 0, 0], [0.5, 0.9, 0.1]) == pytest.approx(2 / 8)


@pytest.mark.parametrize("pairs", [13, 14])
def test_flips_are_scipys_from_a_fixed_seed(pairs: int) -> None:
    first, second = np.random.default_rng(7).random((2, pairs))
    expected = permutation_test(
        (second - first,),
        np.mean,
        permutation_type="samples",
        n_resamples=10_000,
        rng=np.random.default_rng(0),
    )
    assert sign_flip(list(first), list(second)) == expected.pvalue
    assert len(expected.null_distribution) == (2**13 if pairs == 13 else 10_000)


def test_flipping_signs_is_exact() -> None:
    rng = np.random.default_rng(5)
    wrong = sum(sign_flip(*rng.random((2, 8))) <= 0.05 for _ in range(150))
    assert wrong / 150 <= 0.1


def test_bootstrap_intervals_of_differences_cover() -> None:
    rng = np.random.default_rng(6)
    covered = 0
    for _ in range(60):
        first = rng.beta(2, 2, 50)
        second = np.clip(first + rng.normal(0.05, 0.1, 50), 0, 1)
        _, low, high = paired_bootstrap(list(first), list(second))
        covered += low <= 0.05 <= high
    assert covered / 60 >= 0.88


@pytest.mark.parametrize("differ", [2, 40])
def test_bootstrap_is_scipys_bca_from_a_fixed_seed(differ: int) -> None:
    difference = np.zeros(40)
    difference[:differ] = np.random.default_rng(8).uniform(0.1, 0.9, differ)
    expected = bootstrap(
        (difference,), np.mean, method="BCa", n_resamples=10_000, rng=np.random.default_rng(0)
    ).confidence_interval
    interval = paired_bootstrap([0.0] * 40, list(difference))
    assert interval == pytest.approx((difference.mean(), *expected), abs=1e-12)


def test_bootstrap_claims_no_certainty() -> None:
    value, low, high = paired_bootstrap([0.5] * 30, [0.5] * 30)
    assert value == 0
    assert low == pytest.approx(-0.1135, abs=1e-3)
    assert high == -low
    assert paired_bootstrap([0.0] * 4, [1.0] * 4).low < 0.6
    with pytest.raises(ValueError, match="as many scores"):
        paired_bootstrap([0.1], [0.1, 0.2])
    with pytest.raises(ValueError, match="as many scores"):
        paired_bootstrap([], [])


def test_rounding_is_no_difference() -> None:
    assert sign_flip([0.1 + 0.2] * 9, [0.3] * 9) == 1.0
    assert paired_bootstrap([0, 0, 1, 0], [1e-300, 0, 1, 1e-300]).high > 0.4


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=12))
def test_bootstrap_answers_for_every_input(pairs: list[tuple[float, float]]) -> None:
    first, second = map(list, zip(*pairs, strict=True))
    value, low, high = paired_bootstrap(first, second)
    assert -1 <= low <= high <= 1
    assert value == pytest.approx(np.mean(second) - np.mean(first), abs=1e-12)
    assert 0 < sign_flip(first, second) <= 1
