"""What a generation adds to a metric of the gate."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest

from loopbench.gate.metrics import by_prompt, value_of
from loopbench.gate.policy import Metric
from loopbench.results.observations import Seen
from loopbench.types import Outcome


def seen(
    outcome: Outcome = "clean", category: Any = "reasoning", score: float = 0.0,
    correct: bool = False, graded: bool = True, sample: str = "1", task: str = "t",
    finish_known: bool = True,
) -> Seen:  # fmt: skip
    return Seen(
        model="a", temperature=0.0, task=task, level="easy", category=category, sample=sample,
        repeat=0, outcome=outcome, score=score, correct=correct, tokens=9, graded=graded,
        finish_known=outcome != "unknown" and finish_known,
    )  # fmt: skip


@pytest.mark.parametrize("outcome", get_args(Outcome))
def test_outcomes_are_counted_whatever_the_task(outcome: Outcome) -> None:
    for category in ("reasoning", "agents", "ungraded"):
        one = seen(outcome, category, graded=False)
        metrics: tuple[Metric, ...] = ("doom", "stuck", "circular", "truncated")
        assert [value_of(one, metric) for metric in metrics] == [
            outcome == "doom",
            outcome in ("doom", "circular"),
            None if outcome == "unknown" else outcome == "circular",
            None if outcome == "unknown" else outcome == "truncated",
        ]


def test_what_ended_nobody_knows_why_is_stuck_or_not_but_not_truncated() -> None:
    stuck = seen("doom", finish_known=False)
    assert value_of(stuck, "circular") is None
    # One that goes round at its end may be stuck, or have ended there by itself.
    may_be = msgspec.structs.replace(seen("unknown"), may_be_stuck=True)
    assert [value_of(may_be, metric) for metric in ("stuck", "doom")] == [None, 0.0]
    assert (value_of(stuck, "stuck"), value_of(stuck, "truncated")) == (1.0, None)
    assert by_prompt([stuck, seen("unknown", sample="2")], "truncated") == {}
    assert by_prompt([stuck, seen("unknown")], "doom") == {("t", "1"): [1.0, 0.0]}


SCORES: dict[str, Metric] = {
    "reasoning": "accuracy",
    "extraction": "extraction_f1",
    "tools": "tool_score",
    "agents": "agent_score",
}


@pytest.mark.parametrize("category", [*SCORES, "ungraded"])
@pytest.mark.parametrize("metric", SCORES.values())
def test_scores_are_those_of_their_category(category: str, metric: Metric) -> None:
    own = SCORES.get(category) == metric
    half = seen(category=category, score=0.5, correct=True)
    expected = 1.0 if metric in ("accuracy", "agent_score") else 0.5
    assert value_of(half, metric) == (expected if own else None)
    wrong = seen(category=category, score=0.5)
    expected = 0.0 if metric in ("accuracy", "agent_score") else 0.5
    assert value_of(wrong, metric) == (expected if own else None)
    assert value_of(seen(category=category, score=0.5, graded=False), metric) is None


@pytest.mark.parametrize(
    ("score", "value"), [(-0.5, 0.0), (0.0, 0.0), (0.25, 0.25), (1.0, 1.0), (1.5, 1.0)]
)
def test_a_score_is_cut_to_its_range(score: float, value: float) -> None:
    assert value_of(seen(category="tools", score=score), "tool_score") == value
    assert value_of(seen(category="extraction", score=score), "extraction_f1") == value


def test_prompts_hold_what_did_not_fail_and_is_about_the_metric() -> None:
    made = [
        seen("doom"), seen("clean"), seen("error"), seen("doom", sample="2"),
        seen("error", sample="3"), seen("clean", task="u", category="tools", score=0.5),
    ]  # fmt: skip
    assert by_prompt(made, "doom") == {
        ("t", "1"): [1.0, 0.0], ("t", "2"): [1.0], ("u", "1"): [0.0],
    }  # fmt: skip
    assert by_prompt(made, "tool_score") == {("u", "1"): [0.5]}
    assert by_prompt(made, "agent_score") == {}
