"""Verbatim loops by example, and input that is none."""

from __future__ import annotations

import numpy as np
import pytest

from loopbench import detectors
from loopbench.detectors.suffix import Suffix, find_tail_loop
from loopbench.naming import UnknownNameError
from loopbench.types import LoopSpan


@pytest.mark.parametrize(
    ("ids", "span"),
    [
        ([9] * 5 + [1, 2] * 80, LoopSpan(start=5, end=165, period=2, repeats=80)),
        ([7] * 128, LoopSpan(start=0, end=128, period=1, repeats=128)),
        ([7] * 127, None),
        (list(range(100)) * 4, LoopSpan(start=0, end=400, period=100, repeats=4)),
        (list(range(100)) * 3 + list(range(99)), None),
        ([1, 2] * 80 + [3], None),
        ([], None),
    ],
)
def test_the_end_of_an_output(ids: list[int], span: LoopSpan | None) -> None:
    assert find_tail_loop(np.array(ids, np.int64), Suffix()) == span


def test_a_multiple_of_the_period_is_not_the_period() -> None:
    rule = Suffix(min_repeats=4, min_tokens=200)
    found = find_tail_loop(np.array([1, 2, 3] * 100), rule)
    assert found is not None
    assert found.period == 3


def test_a_loop_that_was_left_is_looped_but_not_terminal() -> None:
    verdict = detectors.get("suffix").scan([1, 2, 3] * 100 + list(range(10, 400)))
    assert verdict.looped
    assert not verdict.terminal
    assert verdict.period == 3


@pytest.mark.parametrize("ids", [[1.5, 2.0], [[1, 2], [3, 4]], [1, 2**70], ["a"], [[1], [2, 3]]])
def test_what_is_no_list_of_ids_is_refused(ids: list) -> None:
    with pytest.raises(TypeError, match="token ids"):
        detectors.get("suffix").scan(ids)


def test_negative_and_huge_ids_are_ids() -> None:
    assert detectors.get("suffix").scan([-1, 2**62] * 100).terminal


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"min_repeats": 1}, "min_repeats must be >= 2, got 1"),
        ({"min_tokens": 0}, "min_tokens must be >= 1, got 0"),
        ({"max_period": 0}, "max_period must be >= 1, got 0"),
    ],
)
def test_senseless_parameters_are_refused(parameters: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        detectors.get("suffix", **parameters)


def test_unknown_names_say_what_was_meant() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'suffix'"):
        detectors.get("sufix")
    with pytest.raises(UnknownNameError, match="Did you mean 'min_repeats'"):
        detectors.get("suffix", min_repeat=3)
