from __future__ import annotations

import pytest

from loopbench.tasks.sources.answering import Kind, grade_answer, same_formula


@pytest.mark.parametrize(
    ("found", "expected", "same"),
    [
        ("\\frac{14}{3}", "\\dfrac{14}{3}", True),
        ("14/3", "\\frac{14}{3}", True),
        ("\\frac43", "4/3", True),
        ("(3,\\frac{\\pi}{2})", "\\left( 3, \\frac{\\pi}{2} \\right)", True),
        ("$p - q$", "p-q", True),
        ("x = 5", "5", True),
        ("5.0", "5", True),
        ("10{,}000", "10,000", True),
        ("90^\\circ", "90", True),
        ("\\text{Evelyn}", "Evelyn", True),
        ("\\sqrt2", "\\sqrt{2}", True),
        ("50\\%", "50", True),
        ("6", "7", False),
        ("p + q", "p - q", False),
        ("", "", False),
        ("(3, 4)", "(4, 3)", False),
        ("1,2", "12", False),
        ("\\frac{1}{2}", "\\frac{2}{1}", False),
    ],
)
def test_formulas_are_compared_as_written(found: str, expected: str, same: bool) -> None:
    assert same_formula(found, expected) is same


@pytest.mark.parametrize(
    ("text", "expected", "kind", "correct"),
    [
        ("so \\boxed{204}", "204", "number", True),
        ("Answer: 025", "25", "number", True),
        ("It is 204 or 205. Answer: 205", "204", "number", False),
        ("Answer: C", "C", "choice", True),
        ("**Answer: (c)**", "C", "choice", True),
        ("\\boxed{\\text{B}}", "B", "choice", True),
        ("The answer is a hard one. Answer: D", "D", "choice", True),
        ("C", "C", "choice", True),
        ("Answer: Carbon", "C", "choice", False),
        ("A and B are both fine", "A", "choice", None),
        ("\\boxed{\\frac{1}{2}}", "0.5", "formula", True),
        ("Answer: new   york.", "New York", "text", True),
        ("<think>Answer: 3", "3", "text", None),
        ("", "3", "formula", None),
    ],
)
def test_outputs(text: str, expected: str, kind: Kind, correct: bool | None) -> None:
    assert grade_answer(text, expected, kind).correct is correct


@pytest.mark.parametrize("kind", ["number", "formula", "choice", "text"])
def test_hostile_outputs_are_judged_quickly_and_never_right(kind: Kind) -> None:
    for text in (
        "\\boxed{" * 50_000,
        "Answer: " + "\\frac{1}{" * 50_000,
        "Answer: " + "\\text{" * 50_000,
        "Answer:" + " " * 500_000,
        "Answer: " + "9," * 100_000,
        "Answer: \ud800",
        "(" * 200_000,
    ):
        assert grade_answer(text, "5", kind).correct is not True
