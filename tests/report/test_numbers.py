"""What a report counts: first loops, survival, waste, starters."""

from __future__ import annotations

import pytest
from fakes import record
from looping_runs import few, said

from loopbench.report.numbers import (
    Crossed,
    Starter,
    Tokens,
    first_loop,
    onsets,
    outcome_by_grade,
    shown_verdict,
    starters,
    survival,
    tokens,
    visible,
)


def test_survival_is_the_product_limit_estimate() -> None:
    records = [
        record("a", "doom", level="verbatim", onset=10),
        record("b", "clean", tokens=20),
        record("c", "recovered", level="counter", onset=30),
        record("d", "truncated", tokens=1000),
        record("e", "error", tokens=1),
    ]
    curve = survival(records)
    assert (curve.events, curve.censored) == (2, 2)
    # 3/4 after the first loop; one leaves at 20; then one of two loops.
    assert dict(zip(curve.tokens, curve.share, strict=True)) == pytest.approx(
        {0: 1, 10: 0.75, 20: 0.75, 30: 0.375, 1000: 0.375}
    )
    for low, share, high in zip(curve.low, curve.share, curve.high, strict=True):
        assert 0 <= low <= share <= high <= 1


def test_survival_without_loops_or_with_nothing_else() -> None:
    none = survival([record("b", "clean", tokens=20)])
    assert (none.share, none.tokens, none.events) == ([1, 1], [0, 20], 0)
    every = survival([record(k, "doom", level="verbatim", onset=5) for k in "ab"])
    assert every.share == [1, 0]
    assert survival([]).censored == 0


def test_a_truncated_output_that_once_looped_is_an_event() -> None:
    gone = record("x", "truncated", level="counter", onset=40, tokens=1000)
    assert first_loop(gone) == 40
    assert survival([gone]).events == 1
    assert onsets([gone]) == []  # it is not doomed
    assert first_loop(record("c", "clean")) is None


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
