from __future__ import annotations

from fractions import Fraction

import pytest

from loopbench.tasks.answers import (
    candidates,
    final_text,
    grade_number,
    json_values,
    last_number,
    parse_number,
    shown,
)


@pytest.mark.parametrize(
    ("text", "final"),
    [
        ("plain", "plain"),
        ("<think>1</think> 2", " 2"),
        ("opened by the template</think>3", "3"),
        ("<think>a</think>b<think>c</think>d", "d"),
        ("Answer: 4 <think>really?</think>", "Answer: 4 "),
        ("<think>never stops", None),
        ("<think>a</think> 5 <think>again", None),
    ],
)
def test_final_text(text: str, final: str | None) -> None:
    assert final_text(text) == final


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("42", Fraction(42)),
        ("1,234", Fraction(1234)),
        ("1,234,567.5", Fraction(12345675, 10)),
        ("1{,}234", Fraction(1234)),
        ("\u22125", Fraction(-5)),
        ("- 5", Fraction(-5)),
        ("3/4", Fraction(3, 4)),
        ("\\frac{3}{4}", Fraction(3, 4)),
        ("-\\dfrac{3}{4}", Fraction(-3, 4)),
        ("$\\boxed{7}$", Fraction(7)),
        ("0.125", Fraction(1, 8)),
        ("12.0", Fraction(12)),
        ("1e3", Fraction(1000)),
        ("x = 12", Fraction(12)),
        ("40 + 2 = 42", Fraction(42)),
        ("**42**", Fraction(42)),
        ("42.", Fraction(42)),
        ("42 apples", Fraction(42)),
        ("42\\text{ cm}", Fraction(42)),
        ("42 (because 6 * 7)", Fraction(42)),
        ("42. That is 6 times 7", Fraction(42)),
        ("the number 42", Fraction(42)),
        ("\\(42\\)", Fraction(42)),
        ("3 or 4", None),
        ("3/0", None),
        ("12 + 30", None),
        ("2^{10}", None),
        ("none", None),
        ("", None),
        ("9" * 401, None),
        ("1e9999", None),
        ("\u0664\u0662", None),
    ],
)
def test_parse_number(text: str, value: Fraction | None) -> None:
    assert parse_number(text) == value


@pytest.mark.parametrize(
    ("text", "correct"),
    [
        ("Answer: 42", True),
        ("**Answer:** 42", True),
        ("**Answer: 42**", True),
        ("ANSWER: $42$.", True),
        ("Final answer = 42", True),
        ("Answer:\n\n42", True),
        ("so the answer is 42.", True),
        ("The answer is: 42", True),
        ("\\boxed{42}", True),
        ("\\boxed{\\boxed{42}}", True),
        ("\\boxed{1} no, \\boxed{42}", True),
        ("Answer: 41\nWait. Answer: 42", True),
        ("6 * 7 makes 42", True),
        ("42 is right.\nEnd with a line 'Answer: <number>'.", True),
        ("To be sure the answer is what we want, compute 6 * 7 = 42.", True),
        ("Answer: 42\nWait. Answer: 41", False),
        ("Answer: 42 or 43", False),
        ("It may be 42.\nAnswer: unknown", False),
        ("Answer: 420", False),
        ("Answer: -42", False),
        ("42, 43", False),
    ],
)
def test_grade_number(text: str, correct: bool) -> None:
    assert grade_number(text, 42).correct is correct


def test_without_fallback_an_unmarked_number_is_no_answer() -> None:
    assert grade_number("it is 42", 42, fallback=False).problem == "no_answer"


def test_the_last_number_knows_its_sign() -> None:
    assert last_number("from 10 to -5") == "-5"
    assert last_number("12-7") == "7"
    assert last_number("no digits") is None


def test_candidates_are_capped_and_come_last_first() -> None:
    found = candidates("".join(f"Answer: {i}\n" for i in range(1000)))
    assert [c.line for c in found] == [str(i) for i in range(999, 983, -1)]


def test_shown_answers_can_be_written_to_a_record() -> None:
    assert shown("\ud800" + "x" * 1000) == "?" + "x" * 499


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('{"a": 1}', [{"a": 1}]),
        ('Sure:\n```json\n{"a": [1]}\n```\nDone.', [{"a": [1]}]),
        ('see {x} and {"a": 2}', [{"a": 2}]),
        ("[1] [2]", [[1], [2]]),
        ('{"a": {"b": 1}, "c":', []),
        ('{"a": {"b": 1}, "c": NaN}', []),
        ('{"a": -Infinity}', []),
        ('{"a": 1e999}', []),
        ('{"a": ' + "1" * 5000 + "}", []),
        ("[" * 100_000, []),
        ('{"a": 1, "a": 2}', [{"a": 2}]),
        ("none", []),
    ],
)
def test_json_values(text: str, values: list[object]) -> None:
    assert [found.value for found in json_values(text)] == values


def test_the_number_of_attempts_is_bounded() -> None:
    assert not list(json_values("{x" * 64 + '{"a": 1}'))
    assert list(json_values("{x" * 63 + '{"a": 1}'))
