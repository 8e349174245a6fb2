from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from loopbench.tasks.instructions import CHECKS, MAX_TEXT, SAID, TASK
from loopbench.types import Sample

LINES = "Ember glows in the harbor\nlights move on the water!\nthe lantern goes out at 417."


def sample(*rules: dict[str, Any]) -> Sample:
    return Sample(
        task="instructions", task_version=1, id="x", level="easy", category="reasoning",
        prompt="", reference=list(rules),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "followed"),
    [
        ({"kind": "lines", "count": 3}, True),
        ({"kind": "lines", "count": 4}, False),
        ({"kind": "number", "number": 417}, True),
        ({"kind": "number", "number": 17}, False),
        ({"kind": "keyword", "word": "the", "count": 3}, True),
        ({"kind": "keyword", "word": "lantern", "count": 1}, True),
        ({"kind": "keyword", "word": "lan", "count": 1}, False),
        ({"kind": "length", "low": 5, "high": 6}, True),
        ({"kind": "length", "low": 5, "high": 5}, False),
        ({"kind": "lower"}, False),
        ({"kind": "letter", "letter": "k"}, True),
        ({"kind": "letter", "letter": "e"}, False),
        ({"kind": "first_letters", "word": "elt"}, True),
        ({"kind": "first_letters", "word": "lte"}, False),
        ({"kind": "exclamation"}, False),
    ],
)
def test_a_rule_is_checked(rule: dict[str, Any], followed: bool) -> None:
    grade = TASK.grade(sample(rule), f"<think>two lines</think>\n{LINES}\n")
    assert (grade.correct, grade.score) == (followed, float(followed))
    assert grade.parts == {rule["kind"]: float(followed)}


def test_capitals_and_marks_are_followed_too() -> None:
    text = "\n".join(line.lower().rstrip(".!") + "!" for line in LINES.split("\n"))
    assert TASK.grade(sample({"kind": "lower"}, {"kind": "exclamation"}), text).correct is True


def test_the_score_is_the_share_of_rules() -> None:
    item = sample({"kind": "lines", "count": 3}, {"kind": "lower"})
    grade = TASK.grade(item, LINES)
    assert (grade.correct, grade.score, grade.problem) == (False, 0.5, "not_followed")
    assert TASK.grade(item, "\n\n" + LINES.replace("\n", "\n\n")).score == 0.0


def test_a_long_output_is_cut_and_wrong() -> None:
    item = sample({"kind": "number", "number": 417})
    assert TASK.grade(item, "word " * MAX_TEXT + "417").correct is False


@pytest.mark.parametrize(("level", "rules"), [("easy", 3), ("medium", 5), ("hard", 7)])
def test_levels_have_more_and_more_rules(level: str, rules: int) -> None:
    drawn = list(TASK.samples(60, level=level))
    assert {len(item.reference) for item in drawn} == {rules}
    kinds = Counter(rule["kind"] for item in drawn for rule in item.reference)
    assert set(kinds) == set(CHECKS) == set(SAID)


@pytest.mark.parametrize("level", TASK.levels)
def test_every_rule_of_an_item_matters(level: str) -> None:
    """Breaking the oracle in one way breaks the score: no rule holds by itself."""
    for item in TASK.samples(60, level=level):
        kinds = {rule["kind"] for rule in item.reference}
        broken = TASK.oracle(item) + "\n\nBFGKPVW bfgkpvw?"
        parts = TASK.grade(item, broken).parts
        assert {kind for kind, value in parts.items() if value} <= {"keyword"}
        assert set(parts) == kinds
