from __future__ import annotations

from fractions import Fraction

import pytest

from loopbench.tasks.arithmetic import ExpressionError
from loopbench.tasks.countdown import TASK, evaluate
from loopbench.types import Sample

SAMPLE = Sample(
    task="countdown", task_version=1, id="x", level="easy", category="reasoning", prompt="",
    reference={"numbers": [3, 4, 5, 5], "target": 17, "solution": "3 * 4 + 5"},
)  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "correct"),
    [
        ("3*4+5", True),
        ("3 * 4 + 5 = 17", True),
        ("17 = 5 + 3 \u00d7 4", True),
        ("$3 \\times 4 + 5$", True),
        ("((3)*(4))+5.", True),
        ("`3*4+5`", True),
        ("3*4 + \\frac{5*5}{5}", False),
        ("3*4 + \\frac{5}{5} * 5", False),
        ("3*4+5*5/5", False),
        ("3*4+5 = 18", False),
        ("3*4+4", False),
        ("12+5", False),
        ("17", False),
        ("5+4+3+5", True),
        ("5+5+5+2", False),
        ("3*4*5", False),
        ("3**4", False),
        ("3*4+(5-5)/(5-5)", False),
        ("5/(4-4)", False),
        ("(" * 2000 + "3" + ")" * 2000, False),
        ("9" * 100_000, False),
        ("__import__('os')", False),
    ],
)
def test_grade(answer: str, correct: bool) -> None:
    assert TASK.grade(SAMPLE, f"Answer: {answer}").correct is correct


def test_an_unmarked_last_line_counts_and_prose_does_not() -> None:
    assert TASK.grade(SAMPLE, "Try 3+4.\n3*4+5 = 17").correct is True
    assert TASK.grade(SAMPLE, "I tried 3*4+5 and so on.").problem == "no_answer"


def test_values_are_exact() -> None:
    assert evaluate("1/3*3") == (Fraction(1), [1, 3, 3])
    assert evaluate("2-3-4")[0] == -5
    assert evaluate(" 007 +\u00a0\n00") == (Fraction(7), [7, 0])
    assert evaluate("1+" * 149 + "1") == (Fraction(150), [1] * 150)
    assert evaluate("(" * 30 + "5" + ")" * 30) == (Fraction(5), [5])


@pytest.mark.parametrize(
    "text",
    [
        "", "1+", "(1", "1)", "()", "1//2", "1/ /2", "2**3", "2^3", "-1", "3*-4", "+1", "1 2", "x",
        "1(2)", "(1)(2)", "(*1)", "1,2", "1.5", "1e3", "1_0", "0x1", "\u00b2", "\u0663",
        "1234567890", "5/(2-2)", "1+" * 150 + "1", "(" * 31 + "5" + ")" * 31,
        "max(1)", "1 if 1 else 2", "#",
    ],
)  # fmt: skip
def test_what_is_no_countdown_expression_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        evaluate(text)


@pytest.mark.parametrize("level", TASK.levels)
def test_the_target_can_be_reached_and_is_not_given(level: str) -> None:
    for sample in TASK.samples(50, level=level):
        value, used = evaluate(sample.reference["solution"])
        assert value == sample.reference["target"]
        assert sorted(used) == sorted(sample.reference["numbers"])
        assert value not in used
