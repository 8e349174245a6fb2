"""The period core against a brute-force reference, on random and on treacherous words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from words import (
    DOUBLING,
    FIBONACCI,
    THUE_MORSE,
    nested,
    powers_of_powers,
    words,
)

from loopbench.detectors.parts.periods import Tail, periodic_length, tail_period


def holds_over(word: list[int], period: int) -> int:
    """Return the length of the longest end of the word with this period, one by one."""
    length = period
    while length < len(word) and word[-1 - length] == word[-1 - length + period]:
        length += 1
    return length


def brute_force(
    word: list[int], min_repeats: int, min_length: int, max_period: int | None = None
) -> Tail | None:
    top = len(word) // min_repeats
    for period in range(1, top + 1 if max_period is None else min(top, max_period) + 1):
        length = holds_over(word, period)
        if length >= max(min_repeats * period, min_length):
            return Tail(period, length)
    return None


def array(word: list[int]) -> np.ndarray:
    return np.array(word, np.int64)


@given(words() | powers_of_powers(), st.integers(2, 6), st.integers(1, 200))
@example(FIBONACCI, 2, 1)
@example(FIBONACCI, 3, 50)
@example(FIBONACCI, 4, 1)
@example(THUE_MORSE, 2, 1)
@example(DOUBLING, 3, 4)
@example(nested(4, 4), 4, 1)
@example((nested(3, 4) * 4)[:-3], 4, 20)
@example(([0] * 127 + [1]) * 5 + [0] * 127, 4, 128)
def test_the_tail_is_what_brute_force_finds(
    word: list[int], min_repeats: int, min_length: int
) -> None:
    expected = brute_force(word, min_repeats, min_length)
    assert tail_period(array(word), min_repeats, min_length) == expected


@pytest.mark.parametrize("word", [FIBONACCI, THUE_MORSE, DOUBLING, nested(4, 4)])
@pytest.mark.parametrize("min_repeats", [2, 3, 4])
def test_every_prefix_of_a_treacherous_word(word: list[int], min_repeats: int) -> None:
    for end in range(1, len(word), 7):
        prefix = word[:end]
        assert tail_period(array(prefix), min_repeats, 9) == brute_force(prefix, min_repeats, 9)


@given(words(), st.integers(1, 12))
def test_a_longest_period_only_leaves_out_longer_ones(word: list[int], longest: int) -> None:
    expected = brute_force(word, 2, 1, longest)
    assert tail_period(array(word), 2, 1, longest) == expected


@given(words(), st.integers(2, 5))
def test_the_period_is_primitive_and_its_length_cannot_be_extended(
    word: list[int], min_repeats: int
) -> None:
    tail = tail_period(array(word), min_repeats, 8)
    if tail is None:
        return
    block = word[-tail.period :]
    for divisor in range(1, tail.period):
        assert tail.period % divisor or block != block[:divisor] * (tail.period // divisor)
    end = word[-tail.length :]
    assert end[tail.period :] == end[: -tail.period]
    before = len(word) - tail.length - 1
    assert before < 0 or word[before] != word[before + tail.period]


@pytest.mark.parametrize(
    ("word", "tail"),
    [
        ([], None),
        ([5], None),
        ([5, 5], Tail(period=1, length=2)),
        ([1, 2, 1, 2], Tail(period=2, length=4)),
        ([2, 1, 2, 1, 2], Tail(period=2, length=5)),
        ([3, 1, 1], Tail(period=1, length=2)),
        ([1, 1, 2, 1, 1, 2], Tail(period=3, length=6)),
        ([1, 2, 3, 1, 2], None),
    ],
)
def test_squares_by_hand(word: list[int], tail: Tail | None) -> None:
    assert tail_period(array(word), 2, 1) == tail


@given(words().filter(bool), st.data())
def test_counting_a_period_may_stop_early(word: list[int], data: st.DataObject) -> None:
    period = data.draw(st.integers(1, len(word)))
    enough = data.draw(st.integers(period, len(word) + 5))
    length = holds_over(word, period)
    assert periodic_length(array(word), period) == length
    assert periodic_length(array(word), period, enough) == min(length, enough)
