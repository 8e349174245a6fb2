"""The outcome: every finish reason against every kind of verdict."""

from __future__ import annotations

from typing import get_args

import pytest

from loopbench.judging.outcome import circled, classify, stuck_level
from loopbench.types import Finish, Level, LoopSpan, Outcome, Verdict


def verdict(level: Level, looped: bool = True, terminal: bool = False) -> Verdict:
    return Verdict(detector=level, version=1, level=level, looped=looped, terminal=terminal)


VERDICTS = {
    "none": [],
    "nothing found": [verdict("verbatim", looped=False), verdict("counter", looped=False)],
    "left": [verdict("verbatim"), verdict("counter", looped=False)],
    "left counter": [verdict("counter")],
    "terminal": [verdict("verbatim", terminal=True)],
    "terminal counter": [verdict("verbatim", looped=False), verdict("counter", terminal=True)],
    "one left, one terminal": [verdict("verbatim"), verdict("counter", terminal=True)],
    "circular, left": [verdict("circular")],
    "circular": [verdict("circular", terminal=True)],
    "both": [verdict("circular", terminal=True), verdict("verbatim", terminal=True)],
    "left a loop, then circular": [verdict("verbatim"), verdict("circular", terminal=True)],
}

TABLE: dict[str, dict[Finish, Outcome]] = {
    name: dict(zip(("stop", "length", "loop", "error", "unknown"), outcomes, strict=True))
    for name, outcomes in {
        "none": ("clean", "truncated", "doom", "error", "unknown"),
        "nothing found": ("clean", "truncated", "doom", "error", "unknown"),
        "left": ("recovered", "truncated", "doom", "error", "unknown"),
        # A count that it left is a list.
        "left counter": ("clean", "truncated", "doom", "error", "unknown"),
        "terminal": ("recovered", "doom", "doom", "error", "doom"),
        "terminal counter": ("clean", "doom", "doom", "error", "doom"),
        "one left, one terminal": ("recovered", "doom", "doom", "error", "doom"),
        # Only a rule for circular ends can have stopped it.
        "circular, left": ("clean", "truncated", "circular", "error", "unknown"),
        "circular": ("clean", "circular", "circular", "error", "unknown"),
        # A verbatim loop says nothing new either; the strictest level decides.
        "both": ("recovered", "doom", "doom", "error", "doom"),
        "left a loop, then circular": (
            "recovered",
            "circular",
            "circular",
            "error",
            "unknown",
        ),
    }.items()
}


@pytest.mark.parametrize("verdicts", VERDICTS)
@pytest.mark.parametrize("finish", get_args(Finish))
def test_the_outcome_table(finish: Finish, verdicts: str) -> None:
    assert classify(finish, VERDICTS[verdicts]) == TABLE[verdicts][finish]


@pytest.mark.parametrize("finish", get_args(Finish))
def test_the_order_of_verdicts_does_not_matter(finish: Finish) -> None:
    for verdicts in VERDICTS.values():
        assert classify(finish, iter(verdicts[::-1])) == classify(finish, verdicts)


def test_the_strictest_terminal_level_is_reported() -> None:
    verbatim, counter = verdict("verbatim", terminal=True), verdict("counter", terminal=True)
    circular = verdict("circular", terminal=True)
    assert stuck_level([circular, counter, verbatim]) == "verbatim"
    assert stuck_level([circular, verdict("verbatim"), counter]) == "counter"
    assert stuck_level([verdict("verbatim"), circular]) == "circular"


@pytest.mark.parametrize("verdicts", ["none", "nothing found", "left", "circular, left"])
def test_no_terminal_loop_no_level(verdicts: str) -> None:
    assert stuck_level(VERDICTS[verdicts]) is None


def stretches(*ends: int, terminal: bool) -> Verdict:
    spans = [LoopSpan(start=0, end=end, period=10, repeats=1) for end in ends]
    return Verdict(
        detector="circular", version=1, level="circular",
        looped=bool(spans), terminal=terminal, spans=spans,
    )  # fmt: skip


def test_circled_is_a_stretch_that_was_left() -> None:
    assert circled([verdict("verbatim", terminal=True)]) is None
    assert circled([stretches(terminal=False)]) is False
    assert circled([stretches(90, terminal=True)]) is False
    assert circled([stretches(90, terminal=False)]) is True
    assert circled([stretches(40, 90, terminal=True)]) is True
