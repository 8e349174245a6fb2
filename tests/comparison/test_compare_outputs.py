"""Outputs of two checkpoints, paired by what they answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from loopbench.comparison.outputs import Side, compare_outputs
from loopbench.comparison.report import details, grid_of, sentence, title
from loopbench.files.outputs import FileOutput
from loopbench.files.reading import Item
from loopbench.judging.rules import MEASURE
from loopbench.outputs.judged import judge

LOOP = "Let me see. " + "again and again, " * 60
FINE = "It is done."


def side(label: str, loops: Sequence[bool], **fields: Any) -> Side:
    """Return outputs to the prompts p0, p1, …; a field may be a function of the number."""
    outputs = []
    for i, looped in enumerate(loops):
        made = {
            "id": f"q{i}",
            "prompt": f"p{i}",
            "finish": "length" if looped else "stop",
            "budget": 900,
        } | fields
        made = {name: value(i) if callable(value) else value for name, value in made.items()}
        output = FileOutput(text=LOOP if looped else FINE, **made)
        outputs.append(judge(Item(row=i + 1, output=output), f"{label}.jsonl", MEASURE))
    return Side(label, outputs)


def test_the_numbers_are_those_of_mcnemar() -> None:
    before = side("before", [True] * 12 + [False] * 8)
    after = side("after", [True] * 3 + [False] * 17)
    found = compare_outputs(before, after)
    head = found.changes[0]
    assert (head.measure, head.pairs, head.first, head.second) == ("doom", 20, 0.6, 0.15)
    # Nine prompts changed, all to the same side: 2 · 0.5⁹.
    assert head.p == pytest.approx(2 * 0.5**9)
    assert head.low < head.difference < head.high < 0
    assert found.word == "less"
    assert [(one.sample, one.first, one.second) for one in found.stopped] == [
        (f"q{i}", ["doom"], ["clean"]) for i in sorted(range(3, 12), key=lambda i: f"q{i}")
    ]
    assert {change.measure for change in found.changes} == {
        "doom", "stuck", "circular", "truncated",
    }  # fmt: skip


def test_it_is_said_without_a_temperature() -> None:
    found = compare_outputs(side("a", [True] * 8), side("b", [False] * 8))
    assert sentence(found).startswith("b loops less often than a: 100.0 → 0.0 %, -100.0 [")
    assert title(found) == "a → b, budget 900"
    assert grid_of(found).rows[0][:4] == ("all", "doom-loop rate", "100.0", "0.0")


def test_the_order_of_the_files_is_of_no_account() -> None:
    loops = [True, True, False, False, True]
    before, after = side("a", loops), side("b", [False] * 5)
    shuffled = Side("b", after.outputs[::-1])
    assert compare_outputs(before, shuffled) == compare_outputs(before, after)


def test_ids_pair_where_no_prompt_is_there() -> None:
    found = compare_outputs(
        side("a", [True, False], prompt=None), side("b", [True, True], prompt=None)
    )
    assert [one.sample for one in found.started] == ["q1"]
    assert found.notes == []


def test_numbers_are_ids_where_the_file_gives_them() -> None:
    first = side("a", [True, False], prompt=None, id=lambda i: 10 + i)
    second = side("b", [False, True], prompt=None, id=lambda i: 11 - i)
    found = compare_outputs(first, second)
    assert (found.changes[0].pairs, found.started, found.stopped) == (2, [], [])


def test_ids_pair_where_every_prompt_differs_and_that_is_said() -> None:
    found = compare_outputs(
        side("a", [True, False]), side("b", [True, True], prompt=lambda i: f"<s>p{i}")
    )
    assert found.notes == ["paired by id, and no prompt is the same on both sides"]


def test_rows_pair_where_there_is_nothing_else_and_that_is_said() -> None:
    plain = {"prompt": None, "id": None}
    found = compare_outputs(side("a", [True, False], **plain), side("b", [False, True], **plain))
    assert found.notes == ["paired by row, since the files share neither prompts nor ids"]
    assert found.changes[0].pairs == 2


def test_what_nothing_pairs_is_refused() -> None:
    plain = {"prompt": None, "id": None}
    with pytest.raises(ValueError, match="Nothing tells which outputs of a and b answer"):
        compare_outputs(side("a", [True, False], **plain), side("b", [True], **plain))


def test_a_prompt_of_one_side_takes_no_part() -> None:
    found = compare_outputs(side("a", [True] * 6), side("b", [False] * 4))
    assert found.changes[0].pairs == 4
    assert found.notes == ["2 prompts of a are on no other side and left out"]


def test_several_outputs_of_a_prompt_are_one_mean() -> None:
    twice = {"prompt": lambda i: f"p{i // 2}", "repeat": lambda i: i % 2}
    found = compare_outputs(
        side("a", [True, False] * 6, **twice), side("b", [False, False] * 6, **twice)
    )
    assert (found.changes[0].pairs, found.changes[0].first) == (6, 0.5)


def test_without_a_finish_only_loops_are_compared() -> None:
    found = compare_outputs(
        side("a", [True, False], finish="unknown"), side("b", [True, False], finish="unknown")
    )
    assert {change.measure for change in found.changes} == {"doom", "stuck"}
    assert "of 2 outputs of a it is not known why they ended" in found.notes[0]


def test_tasks_have_lines_of_their_own() -> None:
    task = {"task": lambda i: "sums" if i % 2 else "lists"}
    found = compare_outputs(side("a", [True] * 6, **task), side("b", [False] * 6, **task))
    assert [change.task for change in found.changes if change.task != "all"] == ["lists", "sums"]


def test_a_file_without_tasks_has_the_same_prompts() -> None:
    found = compare_outputs(side("a", [True] * 6, task="sums"), side("b", [False] * 6))
    assert found.changes[0].pairs == 6


def test_what_differs_besides_is_said() -> None:
    found = compare_outputs(side("a", [True, False]), side("b", [True, False], budget=None))
    assert found.notes == ["budgets differ, 900 against not known"]
    assert found.budget is None
    assert details(found)[-1] == "Note: budgets differ, 900 against not known."


def test_failed_generations_are_left_out_and_counted() -> None:
    failed = side("b", [False] * 3, finish="error", error="no memory")
    fine = side("b", [False] * 3, prompt=lambda i: f"p{i + 3}")
    found = compare_outputs(side("a", [True] * 6), Side("b", [*failed.outputs, *fine.outputs]))
    assert found.changes[0].pairs == 3
    assert "3 generations of b failed and are left out" in found.notes
