"""Verbatim loops by example, their invariants, and input that is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from words import brute_force_runs, powers_of_powers, words

from loopbench import detectors
from loopbench.detectors.suffix import Suffix, find_tail_loop
from loopbench.types import LoopSpan

PROSE = list(range(100, 500))


@pytest.mark.parametrize(
    ("ids", "span"),
    [
        ([9] * 5 + [1, 2] * 80, LoopSpan(start=5, end=165, period=2, repeats=80)),
        ([2] * 5 + [1, 2] * 80, LoopSpan(start=4, end=165, period=2, repeats=80)),
        ([1, 2, 3] * 50 + [1], LoopSpan(start=0, end=151, period=3, repeats=50)),
        ([1, 2, 3] * 100, LoopSpan(start=0, end=300, period=3, repeats=100)),
        ([7] * 128, LoopSpan(start=0, end=128, period=1, repeats=128)),
        ([7] * 127, None),
        (list(range(100)) * 4, LoopSpan(start=0, end=400, period=100, repeats=4)),
        (list(range(100)) * 3 + list(range(99)), None),
        ([1, 2] * 80 + [3], None),
        ([1, 2] * 40 + [3] + [1, 2] * 40, None),
        ([], None),
        ([1], None),
        (np.array([1, 2] * 80, np.int32), LoopSpan(start=0, end=160, period=2, repeats=80)),
    ],
)
def test_the_end_of_an_output(ids: list[int], span: LoopSpan | None) -> None:
    assert find_tail_loop(ids, Suffix()) == span


@pytest.mark.parametrize("period", [1, 2, 31, 32, 33, 500, 4000])
def test_any_period_is_found_at_its_onset(period: int) -> None:
    repeats = max(4, -(-128 // period))
    ids = [-1] * 5 + list(range(period)) * repeats
    verdict = detectors.get("suffix").scan(ids)
    assert verdict.terminal
    assert verdict.spans == [LoopSpan(start=5, end=len(ids), period=period, repeats=repeats)]


def test_a_longest_period_hides_longer_loops() -> None:
    ids = list(range(100)) * 5
    assert detectors.get("suffix", max_period=100).scan(ids).terminal
    assert not detectors.get("suffix", max_period=99).scan(ids).looped


def test_a_loop_that_was_left_is_looped_but_not_terminal() -> None:
    verdict = detectors.get("suffix").scan([9] * 5 + [1, 2, 3] * 100 + PROSE)
    assert verdict.looped
    assert not verdict.terminal
    assert (verdict.onset, verdict.period) == (5, 3)


def test_a_loop_that_was_left_ends_where_it_was_left() -> None:
    verdict = detectors.get("suffix").scan([1, 2] * 90 + PROSE)
    assert verdict.spans == [LoopSpan(start=0, end=180, period=2, repeats=90)]


@pytest.mark.parametrize("at", [1, 5_000, 70_000, 99_990])
def test_a_short_loop_far_into_a_long_output_is_found(at: int) -> None:
    prose = list(range(100_000))
    verdict = detectors.get("suffix").scan(prose[:at] + [-1, -2] * 64 + prose[at:])
    assert not verdict.terminal
    assert verdict.spans == [LoopSpan(start=at, end=at + 128, period=2, repeats=64)]


def test_a_short_loop_that_ends_a_longer_one_is_the_terminal_one() -> None:
    block = [1] * 150 + [2] * 50
    verdict = detectors.get("suffix").scan(block * 5 + [1] * 140)
    assert verdict.spans == [
        LoopSpan(start=0, end=1140, period=200, repeats=5),
        LoopSpan(start=1000, end=1140, period=1, repeats=140),
    ]
    assert (verdict.terminal, verdict.onset, verdict.period) == (True, 1000, 1)


@given(words() | powers_of_powers(), st.integers(2, 5), st.integers(1, 60))
def test_spans_are_the_outermost_runs_and_the_terminal_one(
    word: list[int], min_repeats: int, min_tokens: int
) -> None:
    runs = brute_force_runs(word, min_repeats, min_tokens)
    outer = [
        (period, start, end)
        for period, start, end in runs
        if not any((a, b) != (start, end) and a <= start and end <= b for _, a, b in runs)
    ]
    at_end = [run for run in runs if run[2] == len(word)]
    terminal = min(at_end, default=None)
    verdict = detectors.get("suffix", min_repeats=min_repeats, min_tokens=min_tokens).scan(word)
    spans = [(span.period, span.start, span.end) for span in verdict.spans]
    assert verdict.terminal == (terminal is not None)
    if terminal is not None:
        assert spans[-1] == terminal
    assert spans == sorted({*outer, *([terminal] if terminal else [])}, key=lambda run: run[1])


def test_of_neighbouring_loops_the_longest_is_reported() -> None:
    verdict = detectors.get("suffix").scan([1, 2] * 500 + [2] * 170 + PROSE)
    assert [span.period for span in verdict.spans] == [2, 1]
    assert (verdict.onset, verdict.period) == (0, 2)


def test_a_loop_made_of_loops_takes_their_place() -> None:
    verdict = detectors.get("suffix").scan(([1] * 150 + [2] * 50) * 6)
    assert verdict.spans == [LoopSpan(start=0, end=1200, period=200, repeats=6)]


@given(
    st.lists(st.integers(0, 9), max_size=60),
    st.lists(st.integers(0, 9), min_size=1, max_size=20),
    st.permutations(range(10)),
)
def test_what_ids_mean_does_not_matter(
    head: list[int], block: list[int], renamed: list[int]
) -> None:
    suffix, ids = detectors.get("suffix"), head + block * 40 + head
    assert suffix.scan(ids) == suffix.scan([renamed[i] for i in ids])


def test_negative_and_huge_ids_are_ids() -> None:
    assert detectors.get("suffix").scan([-(2**63), 2**63 - 1] * 100).terminal


BAD_IDS: list[Any] = [
    [1.5, 2.0],
    np.array([1.0, 2.0]),
    [[1, 2], [3, 4]],
    [[1], [2, 3]],
    [1, 2**70],
    ["a"],
    [None],
    [True, False],
    "text",
]


@pytest.mark.parametrize("ids", BAD_IDS, ids=repr)
def test_what_is_no_list_of_ids_is_refused(ids: Any) -> None:
    with pytest.raises(TypeError, match="token ids"):
        detectors.get("suffix").scan(ids)


@pytest.mark.parametrize("ids", [[1.5] * 40, [2**70] * 40, ["a"] * 40])
def test_the_watcher_refuses_them_at_its_next_look(ids: Any) -> None:
    with pytest.raises(TypeError, match="token ids"):
        detectors.get("suffix").watch().push(ids)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"min_repeats": 1}, "min_repeats must be >= 2, got 1"),
        ({"min_tokens": 0}, "min_tokens must be >= 1, got 0"),
        ({"max_period": 0}, "max_period must be >= 1, got 0"),
        ({"max_period": -3}, "max_period must be >= 1, got -3"),
    ],
)
def test_senseless_parameters_are_refused(parameters: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        detectors.get("suffix", **parameters)
