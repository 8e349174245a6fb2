from __future__ import annotations

import pytest

from loopbench.tasks.knights_knaves import TASK, parse_assignment
from loopbench.types import Sample

NAMES = ["Ada", "Ben", "Cleo"]
KINDS = {"Ada": "knight", "Ben": "knave", "Cleo": "knave"}
SAMPLE = Sample(
    task="knights_knaves", task_version=1, id="x", level="easy", category="reasoning", prompt="",
    reference={"names": NAMES, "kinds": KINDS},
)  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "Ada=knight, Ben=knave, Cleo=knave",
        "Ada is a knight, Ben is a knave and Cleo is a knave.",
        "Ada is a knight; Ben and Cleo are knaves.",
        "Knights: Ada. Knaves: Ben, Cleo",
        '{"Ada": "knight", "Ben": "knave", "Cleo": "knave"}',
        "cleo=KNAVE, ada=Knight, ben=Knave",
        "\\text{Ada}=knight, Ben=knave, Cleo=knave",
    ],
)
def test_forms_of_an_assignment(text: str) -> None:
    assert parse_assignment(text, NAMES) == KINDS
    assert TASK.grade(SAMPLE, f"Hm.\nAnswer: {text}").correct is True
    assert TASK.grade(SAMPLE, f"Hm.\n{text}").correct is True


@pytest.mark.parametrize(
    "text",
    [
        "Ada=knight, Ben=knave",
        "Ada=knight, Ben=knave, Cleo=knight",
        "Ada=knight, Ada=knave, Ben=knave, Cleo=knave",
        "Ada is a knight, Ben is not a knight, Cleo is a knave",
        "Ada=<kind>, Ben=<kind>, Cleo=<kind>",
        "knight, knave, knave",
    ],
)
def test_wrong_assignments(text: str) -> None:
    assert TASK.grade(SAMPLE, f"Answer: {text}").correct is False


def test_a_list_below_the_marker() -> None:
    grade = TASK.grade(SAMPLE, "**Answer:**\n- Ada: knight\n- Ben: knave\n- Cleo: knight\n")
    assert grade.correct is False
    assert grade.parts == {"people": pytest.approx(2 / 3)}
    assert TASK.grade(SAMPLE, "Answer:\n- Ada: knight\n- Ben: knave\n- Cleo: knave\n").correct
