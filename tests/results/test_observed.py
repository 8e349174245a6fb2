"""A run, reduced."""

from __future__ import annotations

import msgspec
from runs import mixed, observed, records

from loopbench.results.observations import observation_of
from loopbench.results.observed import (
    book_difference,
    differences,
    missing_generations,
    observe,
    template_difference,
)
from loopbench.types import EpisodeRule


def test_a_generation_that_was_made_again_counts_once() -> None:
    made = records(["error", "clean"])
    again = records(["doom"])
    run = observe(observed(made).header, map(observation_of, [*made, *again]))
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


def test_an_open_and_a_closed_book_are_told_apart() -> None:
    run = observed(records(mixed(1, 3)))
    rule = EpisodeRule(closed_book=False, max_turns=8, context=3072, max_depth=2, tools=1)
    closed = msgspec.structs.replace(rule, closed_book=True, max_turns=1)
    longer = msgspec.structs.replace(rule, max_turns=12)
    first, second, third = (
        msgspec.structs.replace(run, header=msgspec.structs.replace(run.header, episodes=episodes))
        for episodes in (rule, closed, longer)
    )
    assert [str(d) for d in book_difference(first, second)] == [
        "book of the agent tasks open against closed"
    ]
    assert differences(first, second) == []
    assert [d.what for d in differences(first, third)] == ["agent episodes"]
    assert book_difference(first, third) == book_difference(run, run) == []
