"""The five-way outcome: every finish reason against every kind of verdict."""

from __future__ import annotations

from typing import get_args

import pytest

from loopbench.outcome import classify, doom_level
from loopbench.types import Finish, Level, Outcome, Verdict


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
    "near, left": [verdict("circular")],
    "near, terminal": [verdict("circular", terminal=True)],
}

TABLE: dict[str, dict[Finish, Outcome]] = {
    name: dict(zip(("stop", "length", "loop", "error"), outcomes, strict=True))
    for name, outcomes in {
        "none": ("clean", "truncated", "doom", "error"),
        "nothing found": ("clean", "truncated", "doom", "error"),
        "left": ("recovered", "truncated", "doom", "error"),
        "left counter": ("recovered", "truncated", "doom", "error"),
        "terminal": ("recovered", "doom", "doom", "error"),
        "terminal counter": ("recovered", "doom", "doom", "error"),
        "one left, one terminal": ("recovered", "doom", "doom", "error"),
        # Near loops have a column of their own and never make an output doomed.
        "near, left": ("clean", "truncated", "doom", "error"),
        "near, terminal": ("clean", "truncated", "doom", "error"),
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
    assert doom_level([counter, verbatim]) == "verbatim"
    assert doom_level([verdict("verbatim"), counter]) == "counter"


@pytest.mark.parametrize("verdicts", ["none", "nothing found", "left", "near, terminal"])
def test_no_terminal_loop_no_level(verdicts: str) -> None:
    assert doom_level(VERDICTS[verdicts]) is None
