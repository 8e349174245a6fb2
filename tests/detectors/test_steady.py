"""Steady counts in tables of literal numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loopbench.detectors.parts.periods import Tail
from loopbench.detectors.parts.steady import (
    Count,
    _search,
    _stands_still,
    extended,
    steady_count,
)


def count(
    values: list[int] | range, period: int = 1, repeats: int = 4, items: int = 16
) -> Count | None:
    array = np.array(values, np.int64)
    return steady_count(array, Tail(period, len(array)), repeats, items)


def test_one_number_per_row() -> None:
    assert count(range(5, 45)) == Count(1, 40, (1.0,))
    assert count(range(45, 5, -2)) == Count(1, 20, (-2.0,))


def test_more_is_demanded_than_there_is() -> None:
    assert count(range(16)) == Count(1, 16, (1.0,))
    assert count(range(16), items=17) is None
    assert count(range(16), period=5) is None
    assert count(range(16), repeats=17, items=1) is None


def test_a_block_of_several_numbers() -> None:
    values = [v for i in range(20) for v in (i, 7, 3 * i)]
    assert count(values, 3) == Count(3, 60, (1.0, 0.0, 3.0))


def test_a_cycle_of_rows() -> None:
    values = [v for i in range(30) for v in (i, (4, 9, 2)[i % 3])]
    assert count(values, 2) == Count(6, 60, (3.0, 0.0, 3.0, 0.0, 3.0, 0.0))


@pytest.mark.parametrize(("cycle", "found"), [(64, True), (65, False)])
def test_a_cycle_has_at_most_64_rows(cycle: int, found: bool) -> None:
    values = [v for i in range(5 * cycle) for v in (i, pow(i % cycle, 3, 101))]
    assert (count(values, 2) is not None) == found


@pytest.mark.parametrize(("counts", "found"), [(2, True), (4, True), (5, False)])
def test_at_most_four_counts_take_turns(counts: int, found: bool) -> None:
    values = [1_000 * which + i for i in range(12) for which in range(counts)]
    expected = Count(counts, len(values), (1.0,) * counts) if found else None
    assert count(values, repeats=4) == expected


def test_literals_that_cycle_beside_the_count() -> None:
    # Seven rows of two items per period; the day restarts within one of its blocks.
    values = [v for i in range(40) for v in (i, i % 30 + 1)]
    found = count(values, 14)
    assert found is not None
    assert found.block == 14
    assert found.length == 80
    assert found.strides == (7.0,) * 14


@pytest.mark.parametrize("stands", [[5] * 60, [5, 7, 9] * 20])
def test_what_stands_still_does_not_count(stands: list[int]) -> None:
    assert count(stands) is None


@pytest.mark.parametrize("every", [30, 12])
def test_rare_skips_are_slips(every: int) -> None:
    assert count([i + i // every for i in range(60)]) == Count(1, 60, (1.0,))


@pytest.mark.parametrize(("rows", "found"), [(16, False), (17, True), (24, True)])
def test_one_row_in_eight_may_slip(rows: int, found: bool) -> None:
    # Two skips in the last 16 steps, at no equal distance.
    values = [*range(50), *range(51, 56), *range(60, 69)]
    assert (count(values, items=rows) is not None) == found


def test_a_count_begins_after_what_is_no_slip() -> None:
    values = [0, 50, 120, 300, *range(310, 330), *range(331, 351)]
    assert count(values) == Count(1, 40, (1.0,))


def test_stalls_are_slips() -> None:
    assert count([*range(20), *range(19, 40)]) == Count(1, 41, (1.0,))


def test_a_fall_to_a_new_place_ends_the_count() -> None:
    assert count([*range(500, 540), *range(100, 120)]) == Count(1, 20, (1.0,))
    assert count([*range(500, 540), *range(100, 110)]) is None


def test_a_fall_to_an_old_place_is_a_slip() -> None:
    assert count([*range(100, 140), *range(110, 120)]) == Count(1, 50, (1.0,))


def test_a_carry_is_a_slip() -> None:
    values = [v for i in range(970, 1010) for v in divmod(i, 1000)]
    assert count(values, 2) == Count(2, 80, (0.0, 1.0))
    # The same with the row cut between the two.
    assert count(values[1:-1], 2) == Count(2, 78, (1.0, 0.0))


@pytest.mark.parametrize(("factor", "modulus"), [(37, 991), (389, 991), (613, 997), (37, 1000)])
def test_modular_sequences_are_no_counts(factor: int, modulus: int) -> None:
    for n in range(120, 400, 7):
        assert count([i * factor % modulus for i in range(n)], repeats=4, items=64) is None


def test_primes_and_squares_are_no_counts() -> None:
    assert count([i * i for i in range(100)]) is None
    assert count([i for i in range(2, 600) if all(i % d for d in range(2, i))]) is None


@pytest.mark.parametrize("every", [5, 7, 8])
def test_one_random_number_in_a_few_is_no_count(every: int) -> None:
    rng = np.random.default_rng(every)
    values = np.ones(400, np.int64)
    values[::every] = rng.integers(0, 1000, len(values[::every]))
    assert count(values.tolist()) is None


def test_literals_are_followed_over_changes_that_lasted() -> None:
    literals = np.array([9, *[1, 2] * 5, *[1, 3] * 4, *[4, 3] * 2])
    assert extended(literals, Tail(2, 4)) == Tail(2, 22)


def test_a_short_stretch_is_no_lasting_change() -> None:
    literals = np.array([*[1] * 9, *[2] * 3, *[3] * 5])
    assert extended(literals, Tail(1, 5)) == Tail(1, 5)


@given(
    rows=st.lists(st.lists(st.integers(-2, 2), min_size=3, max_size=3), max_size=12),
    grown=st.integers(0, 80),
    still=st.integers(4, 12),
    rule=st.sampled_from([(3, 1), (4, 12), (4, 30)]),
    period=st.sampled_from([1, 3]),
)
@example(rows=[], grown=80, still=6, rule=(3, 1), period=1)
@example(rows=[], grown=80, still=6, rule=(4, 12), period=3)
def test_what_stood_still_for_long_has_no_count(
    rows: list[list[int]], grown: int, still: int, rule: tuple[int, int], period: int
) -> None:
    table = np.cumsum([[0, 0, 0], *rows, *[[1, 0, 2]] * grown, *[[0, 0, 0]] * still], axis=0)
    numbers = table[:, :period].ravel()
    tail = Tail(period, len(numbers))
    if _stands_still(numbers, tail, *rule):
        assert _search(numbers, tail, *rule) is None


def test_a_count_that_stalled_for_a_moment_goes_on() -> None:
    assert count([*range(80), *[79] * 3]) is not None
    assert count([*range(80), *[79] * 5]) is None
