"""A run, reduced."""

from __future__ import annotations

from loopbench.observed import differences, missing_generations, observe, template_difference
from runs import mixed, observed, records


def test_a_generation_that_was_made_again_counts_once() -> None:
    made = records(["error", "clean"])
    again = records(["doom"])
    run = observe(observed(made).header, [*made, *again])
    assert [one.outcome for one in run.seen] == ["doom", "clean"]
    assert run.detectors == {"counter": 1, "suffix": 1}
    assert missing_generations(run) == 0


def test_rows_follow_the_header_and_may_be_empty() -> None:
    run = observed(records(mixed(1, 3)))
    model = run.header.models[0].name
    assert list(run.cells()) == [(model, 0.0)]
    empty = observe(run.header, [])
    assert empty.cells() == {(model, 0.0): []}
    assert missing_generations(empty) == 3


def test_a_run_does_not_differ_from_itself() -> None:
    run = observed(records(mixed(1, 3)))
    assert differences(run, run) == []
    assert template_difference(run, run) == []
