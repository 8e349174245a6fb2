"""What a report counts: first loops, fates, waste, starters."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest
from fakes import record
from going_round import CIRCULAR, circular
from looping_runs import VERBATIM, few, said

from loopbench.report.numbers import (
    Crossed,
    Starter,
    Tokens,
    fate,
    incidence,
    onsets,
    outcome_by_grade,
    starters,
    tokens,
    visible,
)
from loopbench.results.observations import Observation, first_loop, observation_of, shown_verdict
from loopbench.types import Outcome, Record


def observed(*records: Record) -> list[Observation]:
    return [observation_of(one) for one in records]


def test_under_one_budget_fates_are_counted() -> None:
    records = [
        record("a", "doom", level="verbatim", onset=10),
        record("b", "clean", tokens=20),
        record("c", "recovered", level="verbatim", onset=30),
        record("d", "truncated", tokens=1000),
        record("e", "error", tokens=1),
    ]
    found = incidence(observed(*records))
    assert found.times == [0, 10, 20, 30, 1000]
    assert found.free == pytest.approx([1, 0.75, 0.5, 0.25, 0])
    assert found.curves["loop"].share == pytest.approx([0, 0.25, 0.25, 0.5, 0.5])
    assert found.curves["end"].share == pytest.approx([0, 0, 0.25, 0.25, 0.25])
    assert found.curves["cut"].share == pytest.approx([0, 0, 0, 0, 0.25])


def test_the_curves_reach_the_budget_even_of_nothing() -> None:
    assert incidence(observed(record("b", "clean", tokens=20))).times == [0, 20, 1000]
    every = incidence(observed(*(record(k, "doom", level="verbatim", onset=0) for k in "ab")))
    assert every.curves["loop"].share == [1, 1]
    assert incidence(observed(record("e", "error"))).free == [1]


def test_what_a_smaller_budget_cut_is_censored() -> None:
    small = record("s", "truncated", tokens=50, budget=50)
    large = [
        record("x", "doom", level="verbatim", onset=80, budget=100),
        record("y", "truncated", tokens=100, budget=100),
    ]
    assert fate(observation_of(small), 100) == (50, None)
    assert fate(observation_of(small), 50) == (50, "cut")
    found = incidence(observed(small, *large))
    assert {kind: curve.share[-1] for kind, curve in found.curves.items()} == pytest.approx(
        {"loop": 0.5, "end": 0, "circular": 0, "cut": 0.5}
    )


def test_the_first_loop_counts_whatever_came_after() -> None:
    gone = record("x", "truncated", level="counter", onset=40, tokens=1000)
    assert first_loop(gone) == 40
    assert fate(observation_of(gone), 1000) == (40, "loop")
    assert onsets(observed(gone)) == []  # it is not doomed
    assert first_loop(record("c", "clean")) is None
    stopped = record("s", "doom", level="verbatim", onset=7, finish="loop", tokens=90)
    assert fate(observation_of(stopped), 1000) == (7, "loop")
    # Stopped by a rule that is not among those that measured.
    assert fate(observation_of(record("t", "doom", finish="loop", tokens=90)), 1000) == (90, "loop")


def test_an_end_that_goes_round_is_a_fate_of_its_own() -> None:
    round_ = record("r", "circular", level="circular", onset=300, tokens=1000)
    assert first_loop(round_) is None  # verbatim and counter loops only
    assert fate(observation_of(round_), 1000) == (1000, "circular")
    assert fate(observation_of(round_), 2000) == (1000, None)  # a larger budget was not tried
    stopped = record("s", "circular", level="circular", onset=300, tokens=700, finish="loop")
    assert fate(observation_of(stopped), 2000) == (700, "circular")
    found = incidence(observed(round_, stopped, record("t", "truncated", tokens=1000)))
    assert found.times == [0, 700, 1000]
    assert found.curves["circular"].share == pytest.approx([0, 1 / 3, 2 / 3])
    assert found.curves["cut"].share == pytest.approx([0, 0, 1 / 3])
    assert found.free[-1] == pytest.approx(0)


def test_a_circular_output_is_shown_by_its_end_whatever_it_left_before() -> None:
    left = said("x", VERBATIM + CIRCULAR, finish="length")
    assert left.outcome == "circular"
    assert [(v.level, v.looped, v.terminal) for v in left.verdicts] == [
        ("verbatim", True, False),
        ("counter", False, False),
        ("verbatim", False, False),  # cycles of tool calls
        ("circular", True, True),
    ]
    assert shown_verdict(left).level == "circular"
    assert fate(observation_of(left), 2000)[1] == "loop"  # which came first


def test_the_strictest_level_stands_for_an_output_first() -> None:
    verdicts = {
        level: msgspec.structs.replace(one.verdicts[0], level=level)
        for level in ("verbatim", "counter", "circular")
        for one in [record("x", "doom", level=level, onset=5)]
    }
    levels = ["circular", "counter", "verbatim"]
    for outcome in ("doom", "recovered", "clean"):
        for known in (levels, levels[:2]):
            made = msgspec.structs.replace(
                record("x", outcome), verdicts=[verdicts[level] for level in known]
            )
            assert shown_verdict(made).level == known[-1]
    # A stretch that was left is shown where nothing else is.
    gone = msgspec.structs.replace(verdicts["circular"], terminal=False)
    assert shown_verdict(msgspec.structs.replace(record("x"), verdicts=[gone])) == gone


def test_the_loop_at_the_end_stands_for_a_doomed_output() -> None:
    clean, verbatim, counter, recovered, cut = few()
    assert [shown_verdict(r) for r in (clean, cut)] == [None, None]
    assert shown_verdict(verbatim).level == "verbatim"
    assert shown_verdict(counter).level == "counter"
    assert shown_verdict(recovered).level == "verbatim"
    records = [*few(), circular()]
    assert onsets(observed(*records)) == [
        shown_verdict(verbatim).onset,
        shown_verdict(counter).onset,
    ]
    assert onsets(observed(*records), "circular") == [shown_verdict(records[-1]).onset]
    assert onsets(observed(*few()), "circular") == []


def test_tokens_from_the_onset_on_are_wasted() -> None:
    records = [
        record("a", "doom", level="verbatim", onset=30, tokens=100, finish="loop", budget=1000),
        record("b", "recovered", level="verbatim", onset=30, tokens=100),
        record("c", "error", tokens=9),
        record("d", "circular", level="circular", onset=400, tokens=1000),
        record("e", "circular", level="circular", onset=70, tokens=90, finish="loop", budget=100),
        record("f", "truncated", level="circular", onset=500, tokens=1000),  # left again
    ]
    assert tokens(observed(*records)) == Tokens(
        useful=130 + 400 + 70 + 1000, looping=70, circling=600 + 20, saved=900 + 10
    )


def test_outcomes_are_crossed_with_the_grade() -> None:
    cells = outcome_by_grade(observed(*few(), circular(), record("e", "error")))
    assert cells == [
        Crossed(outcome="clean", correct=1, wrong=0, ungraded=0),
        Crossed(outcome="recovered", correct=0, wrong=1, ungraded=0),
        Crossed(outcome="doom", correct=0, wrong=2, ungraded=0),
        Crossed(outcome="circular", correct=0, wrong=1, ungraded=0),
        Crossed(outcome="truncated", correct=0, wrong=0, ungraded=1),
    ]
    untold = record("u", "unknown", finish="unknown", score=1.0)
    more = outcome_by_grade(observed(*few(), circular(), untold))
    assert more[:-1] == cells
    assert more[-1] == Crossed(outcome="unknown", correct=1, wrong=0, ungraded=0)
    # Every outcome but failures has a line where there is one.
    assert {cell.outcome for cell in more} == set(get_args(Outcome)) - {"error"}


def test_the_fate_of_what_ended_nobody_knows_why_is_not_known() -> None:
    untold = record("u", "unknown", finish="unknown", tokens=70)
    assert fate(observation_of(untold), 1000) == (70, None)
    looped = record("v", "doom", level="verbatim", onset=30, tokens=100, finish="unknown")
    assert fate(observation_of(looped), 1000) == (30, "loop")
    made = record("w", "circular", level="circular", onset=30, tokens=100, finish="unknown")
    round_ = msgspec.structs.replace(made, outcome="unknown")
    assert fate(observation_of(round_), 1000) == (100, None)
    curves = incidence(observed(untold, looped, record("x", tokens=50)))
    assert curves.curves["end"].share[-1] == pytest.approx(1 / 3)


def test_loops_are_counted_by_their_first_token() -> None:
    records = [said(f"{i}", "Wait. " + "no\n" * 200, finish="length") for i in range(3)]
    records.append(said("x", "a b " * 99, finish="length"))
    records.append(circular())  # begins nowhere in particular
    assert starters(records) == [
        Starter(text="no", count=3, share=0.75),
        Starter(text="a", count=1, share=0.25),
    ]
    assert starters([record("c", "clean")]) == []


def test_what_cannot_be_seen_is_written_out() -> None:
    assert visible(" the\n\u202e\x00é") == "␣the⏎U+202EU+0000é"


@pytest.mark.parametrize(
    ("finish", "outcome", "befell"),
    [
        ("stop", "clean", (100, "end")),
        ("length", "truncated", (30, "loop")),
        ("unknown", "unknown", (100, None)),
        ("unknown", "doom", (30, "loop")),
    ],
)
def test_a_count_that_was_left_is_no_loop_where_the_output_may_have_ended_by_itself(
    finish: str, outcome: str, befell: tuple[int, str | None]
) -> None:
    left = record("l", outcome, level="counter", onset=30, tokens=100, finish=finish)
    assert fate(observation_of(left), 1000) == befell
    assert first_loop(record("v", "recovered", level="verbatim", onset=30)) == 30
