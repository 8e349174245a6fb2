"""All maximal runs against a search one element at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from words import (
    DOUBLING,
    FIBONACCI,
    THUE_MORSE,
    brute_force_runs,
    nested,
    powers_of_powers,
    words,
)

from loopbench.detectors.parts import anywhere
from loopbench.detectors.parts.anywhere import Run, find_runs, outermost


def array(word: list[int]) -> np.ndarray:
    return np.array(word, np.int64)


@pytest.mark.parametrize(
    ("word", "runs"),
    [
        ([], []),
        ([5], []),
        ([5, 5], []),
        ([5, 5, 5], [Run(1, 0, 3)]),
        ([9, 5, 5, 5, 5, 8], [Run(1, 1, 5)]),
        ([1, 2] * 3 + [1], [Run(2, 0, 7)]),
        ([1, 2, 3] * 2 + [1, 2], []),
        ([1, 1, 1, 2] * 3, [Run(1, 0, 3), Run(4, 0, 12), Run(1, 4, 7), Run(1, 8, 11)]),
        ([1, 1, 1, 2, 2, 2], [Run(1, 0, 3), Run(1, 3, 6)]),
        ([1, 2, 1, 2, 1, 2, 2, 2], [Run(2, 0, 6), Run(1, 5, 8)]),
        ([-(2**63), 2**63 - 1] * 3, [Run(2, 0, 6)]),
    ],
)
def test_cubes_by_hand(word: list[int], runs: list[Run]) -> None:
    assert find_runs(array(word), 3, 1) == runs


@given(
    words() | powers_of_powers(),
    st.integers(2, 6),
    st.integers(1, 200),
    st.none() | st.integers(1, 40),
)
@example(FIBONACCI, 2, 1, None)
@example(FIBONACCI, 3, 1, None)
@example(FIBONACCI, 3, 50, None)
@example(FIBONACCI, 4, 1, None)
@example(THUE_MORSE, 2, 1, None)
@example(THUE_MORSE * 4, 3, 128, None)
@example(DOUBLING, 3, 1, None)
@example(nested(4, 4), 4, 1, None)
@example(nested(3, 4) * 4, 3, 20, None)
@example(([0] * 127 + [1]) * 5 + [0] * 130, 4, 128, None)
def test_the_runs_are_what_brute_force_finds(
    word: list[int], min_repeats: int, min_length: int, max_period: int | None
) -> None:
    expected = brute_force_runs(word, min_repeats, min_length, max_period)
    assert find_runs(array(word), min_repeats, min_length, max_period) == expected


@pytest.mark.parametrize("repeats", [3, 4])
@pytest.mark.parametrize("period", [1, 2, 63, 64, 65, 129, 130, 131, 1000])
@pytest.mark.parametrize("head", [0, 1, 33, 77])
def test_a_run_that_just_satisfies_the_rule(period: int, repeats: int, head: int) -> None:
    before, after = list(range(-head, 0)), list(range(5000, 5050))
    length = max(repeats * period, 128)
    run = [i % period for i in range(length)]
    whole, short = array(before + run + after), array(before + run[:-1] + after)
    assert find_runs(whole, repeats, 128) == [Run(period, head, head + length)]
    assert find_runs(short, repeats, 128) == []


@given(words() | powers_of_powers(), st.integers(3, 5), st.integers(1, 40))
def test_fingerprints_that_all_collide_cost_time_but_change_nothing(
    word: list[int], min_repeats: int, min_length: int
) -> None:
    class Blind(anywhere.Fingerprints):
        def of_windows(self, window: int) -> anywhere.Prints:
            return np.zeros_like(super().of_windows(window))

    expected = brute_force_runs(word, min_repeats, min_length)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(anywhere, "Fingerprints", Blind)
        assert find_runs(array(word), min_repeats, min_length) == expected


def test_thue_morse_words_do_not_collide() -> None:
    # A polynomial over single letters modulo a power of two takes a long Thue-Morse word
    # and its complement for equal.
    word = array([i.bit_count() & 1 for i in range(1 << 13)])
    marks = anywhere.Fingerprints(word, 3).of_windows(1 << 11)
    letters = word.astype(np.uint8).tobytes()
    windows = {letters[at : at + (1 << 11)] for at in range(len(marks))}
    assert len(np.unique(marks)) == len(windows)


@pytest.mark.parametrize("min_repeats", [3, 4, 7])
@pytest.mark.parametrize("min_length", [1, 5, 128, 1000])
def test_levels_cover_every_period_and_meet_every_run(min_repeats: int, min_length: int) -> None:
    covered = 0
    for level in anywhere._levels(min_repeats, min_length, 5000):
        assert level.above == covered
        covered = level.window
        for period in range(level.above + 1, level.window + 1):
            length = max(min_repeats * period, min_length)
            assert level.window + level.stride <= length - period + 1
        assert 1 <= level.stride <= level.window <= 2 * level.stride + 1
    assert covered >= 5000


def test_long_words_have_the_runs_that_show_when_every_period_is_tried() -> None:
    rng = np.random.default_rng(5)
    blocks = [np.tile(rng.integers(0, 3, rng.integers(1, 300)), 2 + i % 4) for i in range(40)]
    word = np.concatenate(blocks).astype(np.int64)
    runs = find_runs(word, 2, 100)
    expected = [run for run in runs if run.end - run.start >= 3 * run.period]
    assert 20 < len(expected) < len(runs)
    assert find_runs(word, 3, 100) == expected


def test_of_nested_runs_the_outermost_stays() -> None:
    runs = find_runs(array(([1] * 3 + [2]) * 3 + [1] * 6), 3, 1)
    assert runs == [
        Run(1, 0, 3), Run(4, 0, 15), Run(1, 4, 7), Run(1, 8, 11), Run(1, 12, 18),
    ]  # fmt: skip
    assert outermost(runs) == [Run(4, 0, 15), Run(1, 12, 18)]
    assert outermost([]) == []
