"""Always-valid bounds: against closed forms, and by simulation with a look after every prompt."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from loopbench.statistics.sequential import (
    Counts,
    counts_of,
    log_fortune_above,
    log_fortune_below,
    lower_limit,
    p_above,
    p_below,
    upper_limit,
)

ALPHA = 0.05


def coins(hits: int, n: int) -> Counts:
    return counts_of([1.0] * hits + [0.0] * (n - hits))


@pytest.mark.parametrize(("hits", "n", "m"), [(0, 100, 0.01), (3, 40, 0.02), (9, 20, 0.3)])
def test_a_fortune_is_the_mixed_likelihood_ratio(hits: int, n: int, m: float) -> None:
    def ratio(q: float) -> float:
        return math.exp(hits * math.log(q / m) + (n - hits) * (math.log1p(-q) - math.log1p(-m)))

    # The priors in closed form: log q is uniform above m, arcsin(sqrt(q)) below.
    above, _ = quad(lambda u: ratio(m**u), 1e-9, 1, limit=200)
    end = math.asin(math.sqrt(m))
    below, _ = quad(lambda angle: ratio(math.sin(angle) ** 2) / end, 1e-9, end, limit=200)
    assert log_fortune_above(coins(hits, n), m) == pytest.approx(math.log(above), abs=0.01)
    assert log_fortune_below(coins(hits, n), m) == pytest.approx(math.log(below), abs=0.01)


def test_clean_prompts_that_exclude_one_percent() -> None:
    # A fixed number needs 299; looking all the time costs a quarter more.
    assert p_below(coins(0, 376), 0.01) > ALPHA
    assert p_below(coins(0, 377), 0.01) <= ALPHA


def test_a_few_dooms_are_enough_against_one_percent() -> None:
    assert p_above(coins(1, 4), 0.01) > ALPHA
    assert p_above(coins(2, 4), 0.01) < 0.01
    assert p_above(coins(8, 8), 0.01) < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("true", [0.01, 0.2])
def test_rates_are_never_refused_more_often_than_alpha_while_one_watches(true: float) -> None:
    """False fail and false pass at the threshold itself, which is the worst case."""
    rng = np.random.default_rng(11)
    hits = np.cumsum(rng.random((400, 300)) < true, axis=1)
    top = int(hits[:, -1].max())
    looks = range(1, 301)
    above = np.array([[log_fortune_above(coins(k, n), true) if k <= n else 0.0
                       for k in range(top + 1)] for n in looks[::3]])  # fmt: skip
    below = np.array([[log_fortune_below(coins(k, n), true) if k <= n else 0.0
                       for k in range(top + 1)] for n in looks[::3]])  # fmt: skip
    seen = hits[:, ::3]
    for fortunes in (above, below):
        reached = fortunes[np.arange(100)[None, :], seen] >= -math.log(ALPHA)
        # 400 runs: 0.05 and three standard errors are 0.083.
        assert reached.any(axis=1).mean() <= 0.083


@pytest.mark.slow
def test_scores_are_never_refused_more_often_than_alpha_while_one_watches() -> None:
    rng = np.random.default_rng(12)
    wrong_above = wrong_below = 0
    for _ in range(150):
        scores = rng.beta(0.5, 1.5, 120)  # mean 0.25
        looks = [counts_of(scores[:n]) for n in range(5, 121, 5)]
        wrong_above += any(p_above(seen, 0.25) <= ALPHA for seen in looks)
        wrong_below += any(p_below(seen, 0.25) <= ALPHA for seen in looks)
    assert wrong_above / 150 <= 0.1
    assert wrong_below / 150 <= 0.1


@pytest.mark.slow
def test_limits_cover_at_every_look() -> None:
    rng = np.random.default_rng(13)
    missed = 0
    for _ in range(40):
        values = (rng.random(80) < 0.3).astype(float)
        looks = [counts_of(values[:n]) for n in range(16, 81, 16)]
        missed += any(
            not lower_limit(seen, ALPHA / 2) <= 0.3 <= upper_limit(seen, ALPHA / 2)
            for seen in looks
        )
    assert missed / 40 <= 0.1


def test_power_grows_with_the_sample() -> None:
    assert upper_limit(coins(0, 40), ALPHA) > upper_limit(coins(0, 400), ALPHA) > 0.0
    low, high = lower_limit(coins(200, 400), ALPHA), upper_limit(coins(200, 400), ALPHA)
    assert 0.41 < low < 0.5 < high < 0.59


def test_what_speaks_for_a_mean_is_no_more_than_one() -> None:
    assert p_above(coins(0, 100), 0.5) == 1.0
    assert p_below(coins(100, 100), 0.5) == 1.0
    # So near the end, some alternatives round to 1, and a bet on them loses all it has.
    assert p_above(coins(1, 2), 1 - 2**-53) == 1.0


def test_the_ends_of_the_scale() -> None:
    assert lower_limit(coins(0, 50), ALPHA) == 0.0
    assert upper_limit(coins(50, 50), ALPHA) == 1.0
    assert lower_limit(counts_of([1.0]), ALPHA) > 0.0


def test_a_mean_too_small_to_bet_against_has_a_limit() -> None:
    for tiny in (5e-324, 2.2e-309, 1e-301, 1e-299):
        seen = counts_of([tiny])
        assert 0 <= lower_limit(seen, ALPHA) <= tiny
        assert tiny < upper_limit(seen, ALPHA) <= 1


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=30),
    st.sampled_from([0.01, 0.05, 0.2]),
    st.floats(0.002, 0.998),
)
def test_limits_and_tests_agree(values: list[float], alpha: float, m: float) -> None:
    seen = counts_of(values)
    low, high = lower_limit(seen, alpha), upper_limit(seen, alpha)
    assert 0 <= low <= seen.mean + 1e-12
    assert seen.mean - 1e-12 <= high <= 1
    # The limits themselves are refused, if there is something to refuse.
    assert low == 0 or p_above(seen, low) <= alpha
    assert high == 1 or p_below(seen, high) <= alpha
    if m < low - 1e-9:
        assert p_above(seen, m) <= alpha
    elif low + 1e-9 < m:
        assert p_above(seen, m) > alpha
    if m > high + 1e-9:
        assert p_below(seen, m) <= alpha
    elif m < high - 1e-9:
        assert p_below(seen, m) > alpha


def test_the_order_does_not_matter_and_counts_are_enough() -> None:
    seen = counts_of([0.5, 0.0, 0.5, 1.0])
    assert (list(seen.values), list(seen.counts)) == ([0.0, 0.5, 1.0], [1, 2, 1])
    assert (seen.n, seen.mean) == (4, 0.5)


@pytest.mark.parametrize("values", [[], [1.5], [-0.1], [float("nan")]])
def test_what_is_no_observation_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match=r"observation"):
        counts_of(values)


@pytest.mark.parametrize("m", [0.0, 1.0, 1.5])
def test_a_bet_needs_a_mean_inside_the_scale(m: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        p_above(coins(1, 2), m)
