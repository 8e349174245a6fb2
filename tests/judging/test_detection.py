"""`loopbench.detect`: one output, judged from ids, from text, or from both."""

from __future__ import annotations

import doctest
from typing import Any, get_args

import numpy as np
import pytest
from circling import ROUND

import loopbench
from loopbench.detectors.parts.tokens import FALLBACK
from loopbench.judging import detection
from loopbench.judging.detection import detect
from loopbench.judging.rules import MEASURE
from loopbench.types import Finish, Outcome, Rule

COUNT = "".join(f"{i}. Lily lies.\n" for i in range(1, 80))
PROSE = " ".join(f"word{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(400))


def test_the_examples_of_the_docstring() -> None:
    assert doctest.testmod(detection).failed == 0
    assert doctest.testmod(detection).attempted >= 2


def test_it_is_the_function_of_the_package() -> None:
    assert loopbench.detect is detect


def test_ids_alone_show_verbatim_loops() -> None:
    found = detect([9] * 5 + [1, 2] * 80)
    assert (found.outcome, found.level, found.detector) == ("doom", "verbatim", "suffix")
    assert (found.onset, found.period, found.repeats) == (5, 2, 80)
    assert (found.tokens, found.tokenization) == (165, "given")


def test_counting_needs_the_text_of_the_ids() -> None:
    ids = list(range(len(COUNT) // 2))
    pieces = [COUNT[2 * i : 2 * i + 2] for i in ids]
    assert detect(ids).outcome == "truncated"
    assert detect(ids, text=pieces).level == "counter"
    assert detect(ids, text="".join(pieces)).level == "counter"


def test_a_text_alone_is_split_by_the_declared_fallback() -> None:
    found = detect(COUNT)
    assert (found.outcome, found.level, found.detector) == ("doom", "counter", "counter")
    assert found.tokenization == FALLBACK
    counter = next(v for v in found.verdicts if v.detector == "counter")
    assert (counter.template, counter.strides) == (". Lily lies.\n{}", [1.0])


FINISHES = ("stop", "length", "loop", "error", "unknown")
OUTCOMES: dict[str, dict[Finish, Outcome]] = {
    text: dict(zip(FINISHES, outcomes, strict=True))  # type: ignore[arg-type]
    for text, outcomes in {
        "so " * 100: ("recovered", "doom", "doom", "error", "doom"),
        # A count that ends by itself is a list.
        COUNT: ("clean", "doom", "doom", "error", "doom"),
        COUNT + PROSE: ("clean", "truncated", "doom", "error", "unknown"),
        PROSE: ("clean", "truncated", "doom", "error", "unknown"),
        "": ("clean", "truncated", "doom", "error", "unknown"),
    }.items()
}


@pytest.mark.parametrize("text", OUTCOMES, ids=["verbatim", "counter", "left", "prose", "empty"])
@pytest.mark.parametrize("finish", get_args(Finish))
def test_how_it_ended_is_part_of_the_outcome(text: str, finish: Finish) -> None:
    assert detect(text, finish=finish).outcome == OUTCOMES[text][finish]


def test_only_the_loop_that_explains_the_outcome_is_shown() -> None:
    found = detect(COUNT + PROSE, finish="length")
    assert (found.outcome, found.level, found.period) == ("truncated", None, None)
    assert found.at_end is None
    assert [v.repeats for v in found.verdicts if v.looped]
    listed = detect(COUNT, finish="stop")
    assert (listed.outcome, listed.level, listed.at_end) == ("clean", None, "counter")
    recovered = detect("so " * 200 + PROSE, finish="stop")
    assert (recovered.outcome, recovered.level, recovered.repeats) == ("recovered", "verbatim", 200)


def test_without_a_loop_nothing_is_reported() -> None:
    found = detect(PROSE)
    assert [v.looped for v in found.verdicts] == [False] * len(MEASURE)
    assert (found.level, found.detector, found.onset) == (None, None, None)
    assert (found.period, found.repeats) == (None, None)


def test_the_loop_at_the_end_goes_before_one_that_was_left() -> None:
    found = detect("so " * 200 + COUNT)
    assert (found.level, found.detector) == ("counter", "counter")


def test_the_strictest_loop_is_shown_whatever_the_order_of_the_rules() -> None:
    for finish, text in (
        ("stop", "so " * 200 + COUNT + PROSE), ("length", COUNT + PROSE + "so " * 200),
    ):  # fmt: skip
        for rules in (MEASURE, MEASURE[::-1]):
            found = detect(text, finish=finish, rules=rules)  # type: ignore[arg-type]
            assert (found.level, found.detector) == ("verbatim", "suffix")


def test_arrays_are_ids() -> None:
    assert detect(np.array([1, 2] * 80)).outcome == "doom"  # type: ignore[arg-type]


def test_other_rules() -> None:
    rule = Rule(detector="suffix", parameters={"min_repeats": 2, "min_tokens": 4})
    found = detect([1, 2, 1, 2], rules=[rule])
    assert found.outcome == "doom"
    assert [v.detector for v in found.verdicts] == ["suffix"]


@pytest.mark.parametrize("finish", ["stopp", "Stop", "eos", "", None])
def test_a_finish_that_is_none_is_refused(finish: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        detect("so " * 100, finish=finish)


def test_a_misspelt_finish_says_what_was_meant() -> None:
    with pytest.raises(ValueError, match=r"Unknown finish 'stopp'\. Did you mean 'stop'"):
        detect("so " * 100, finish="stopp")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ids", "text", "error"),
    [
        ([1.5], None, TypeError),
        ([[1]], None, TypeError),
        ([1, 2], ["a"], ValueError),
        ("a text", "another", ValueError),
    ],
)
def test_bad_ids_and_texts_are_refused(ids: Any, text: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        detect(ids, text=text)


def test_an_end_that_goes_round_is_circular_unless_it_is_a_loop() -> None:
    text = "".join(ROUND[:900])
    found = detect(text)
    assert (found.outcome, found.level, found.detector) == ("circular", "circular", "circular")
    assert found.onset is not None
    assert detect(text, finish="stop").outcome == "clean"
    assert detect(PROSE + text + PROSE).outcome == "truncated"
    # It says nothing new either way; the strictest level is told.
    for rules in (MEASURE, MEASURE[::-1]):
        looping = detect(text + "so it goes, " * 80, rules=rules)
        assert sum(v.terminal for v in looping.verdicts) == 2
        assert (looping.outcome, looping.level, looping.detector) == ("doom", "verbatim", "suffix")
