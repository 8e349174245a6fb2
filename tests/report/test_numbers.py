"""What a report counts: first loops, fates, waste, starters."""

from __future__ import annotations

import pytest
from fakes import record
from looping_runs import few, said

from loopbench.report.numbers import (
    Crossed,
    Starter,
    Tokens,
    fate,
    first_loop,
    incidence,
    onsets,
    outcome_by_grade,
    shown_verdict,
    starters,
    tokens,
    visible,
)


def test_under_one_budget_fates_are_counted() -> None:
    records = [
        record("a", "doom", level="verbatim", onset=10),
        record("b", "clean", tokens=20),
        record("c", "recovered", level="counter", onset=30),
        record("d", "truncated", tokens=1000),
        record("e", "error", tokens=1),
    ]
    found = incidence(records)
    assert found.times == [0, 10, 20, 30, 1000]
    assert found.free == pytest.approx([1, 0.75, 0.5, 0.25, 0])
    assert found.curves["loop"].share == pytest.approx([0, 0.25, 0.25, 0.5, 0.5])
    assert found.curves["end"].share == pytest.approx([0, 0, 0.25, 0.25, 0.25])
    assert found.curves["cut"].share == pytest.approx([0, 0, 0, 0, 0.25])


def test_the_curves_reach_the_budget_even_of_nothing() -> None:
    assert incidence([record("b", "clean", tokens=20)]).times == [0, 20, 1000]
    every = incidence([record(k, "doom", level="verbatim", onset=0) for k in "ab"])
    assert every.curves["loop"].share == [1, 1]
    assert incidence([record("e", "error")]).free == [1]


def test_what_a_smaller_budget_cut_is_censored() -> None:
    small = record("s", "truncated", tokens=50, budget=50)
    large = [
        record("x", "doom", level="verbatim", onset=80, budget=100),
        record("y", "truncated", tokens=100, budget=100),
    ]
    assert fate(small, 100) == (50, None)
    assert fate(small, 50) == (50, "cut")
    found = incidence([small, *large])
    assert {kind: curve.share[-1] for kind, curve in found.curves.items()} == pytest.approx(
        {"loop": 0.5, "end": 0, "cut": 0.5}
    )


def test_the_first_loop_counts_whatever_came_after() -> None:
    gone = record("x", "truncated", level="counter", onset=40, tokens=1000)
    assert first_loop(gone) == 40
    assert fate(gone, 1000) == (40, "loop")
    assert onsets([gone]) == []  # it is not doomed
    assert first_loop(record("c", "clean")) is None
    stopped = record("s", "doom", level="verbatim", onset=7, finish="loop", tokens=90)
    assert fate(stopped, 1000) == (7, "loop")
    # Stopped by a rule that is not among those that measured.
    assert fate(record("t", "doom", finish="loop", tokens=90), 1000) == (90, "loop")


def test_the_loop_at_the_end_stands_for_a_doomed_output() -> None:
    clean, verbatim, counter, recovered, cut = few()
    assert [shown_verdict(r) for r in (clean, cut)] == [None, None]
    assert shown_verdict(verbatim).level == "verbatim"
    assert shown_verdict(counter).level == "counter"
    assert shown_verdict(recovered).level == "verbatim"
    assert onsets(few()) == [shown_verdict(verbatim).onset, shown_verdict(counter).onset]


def test_tokens_from_the_onset_on_are_wasted() -> None:
    records = [
        record("a", "doom", level="verbatim", onset=30, tokens=100, finish="loop", budget=1000),
        record("b", "recovered", level="verbatim", onset=30, tokens=100),
        record("c", "error", tokens=9),
    ]
    assert tokens(records) == Tokens(useful=130, wasted=70, saved=900)


def test_outcomes_are_crossed_with_the_grade() -> None:
    assert outcome_by_grade(few())[0] == Crossed(outcome="clean", correct=1, wrong=0, ungraded=0)
    assert outcome_by_grade(few())[2] == Crossed(outcome="doom", correct=0, wrong=2, ungraded=0)
    assert outcome_by_grade(few())[3].ungraded == 1


def test_loops_are_counted_by_their_first_token() -> None:
    records = [said(f"{i}", "Wait. " + "no\n" * 200, finish="length") for i in range(3)]
    records.append(said("x", "a b " * 99, finish="length"))
    assert starters(records) == [
        Starter(text="no", count=3, share=0.75),
        Starter(text="a", count=1, share=0.25),
    ]
    assert starters([record("c", "clean")]) == []


def test_what_cannot_be_seen_is_written_out() -> None:
    assert visible(" the\n\u202e\x00é") == "␣the⏎U+202EU+0000é"
