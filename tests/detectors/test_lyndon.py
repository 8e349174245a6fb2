"""All runs from two repeats on, against a search one element at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from words import (
    DOUBLING,
    FIBONACCI,
    THUE_MORSE,
    brute_force_runs,
    nested,
    powers_of_powers,
    words,
)

from loopbench.detectors.parts.lyndon import all_runs


@pytest.mark.parametrize(
    ("word", "runs"),
    [
        ([], []),
        ([5], []),
        ([5, 5], [[1, 0, 2]]),
        ([1, 2, 1], []),
        ([2, 1, 2, 1], [[2, 0, 4]]),
        ([1, 2, 2, 1, 2, 2, 1], [[1, 1, 3], [1, 4, 6], [3, 0, 7]]),
    ],
)
def test_squares_by_hand(word: list[int], runs: list[list[int]]) -> None:
    assert all_runs(np.array(word, np.int64)).tolist() == runs


@given(words() | powers_of_powers())
@example(FIBONACCI)
@example(THUE_MORSE)
@example(DOUBLING)
@example(nested(4, 4))
@example([0] * 100)
@example(list(range(100)))
@settings(max_examples=150, deadline=None)
def test_the_runs_are_what_brute_force_finds(word: list[int]) -> None:
    expected = brute_force_runs(word, 2, 2)
    assert [tuple(run) for run in all_runs(np.array(word, np.int64)).tolist()] == sorted(expected)
    assert len(expected) < max(1, len(word))
