from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopbench.tasks.agents.calculator import calculate
from loopbench.tasks.arithmetic import MAX_BITS, MAX_LENGTH, ExpressionError


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1+2*3", "7"),
        ("(1+2)*3", "9"),
        ("-(4 - 9)", "5"),
        ("10/4", "2.5"),
        ("7//2", "3"),
        ("17 % 5", "2"),
        ("2^10", "1024"),
        ("2**-2", "0.25"),
        ("6 × 7 − 2", "40"),
        ("9÷3", "3"),
        ("1,234 + 1,000,000", "1001234"),
        ("max(1,234)", "234"),
        ("min(3, 5, 2)", "2"),
        ("max(7)", "7"),
        ("abs(1867-1952)", "85"),
        ("0.1+0.2", "0.3"),
        ("1/3", "0.333333333333"),
        ("2**1000 - 2**1000", "0"),
        ("+5", "5"),
    ],
)
def test_values(expression: str, value: str) -> None:
    assert calculate(expression) == value


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("9**9**9", "A power is too large."),
        ("9" * 200 + "**9**2", "A power is too large."),
        ("2**1025", "A power is too large."),
        ("(2**1000)**5", "A power is too large."),
        ("*".join(["2**1000"] * 6), "A number is too large."),
        ("2**0.5", "An exponent must be a whole number."),
        ("1/0", "The expression divides by zero."),
        ("5 % 0", "The expression divides by zero."),
        ("0**-1", "The expression divides by zero."),
        ("9**1000/7", "The result is too large."),
        ("1e999", "The expression is not arithmetic."),
        ("1+" * 150 + "1", "The expression is longer than 300 characters."),
        ("1+" * 100 + "1", "The expression has too many parts."),
    ],
)
def test_bombs_are_refused_in_words(expression: str, sentence: str) -> None:
    with pytest.raises(ExpressionError) as error:
        calculate(expression)
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    "expression",
    [
        "", " ", "1+", "a", "True", "'a'*3", "1,2", "[1]", "f(1)", "min()", "abs(1,2)",
        "__import__('os').system('true')", "(1).__class__", "1 if 1 else 2", "lambda: 1",
        "max(1, key=abs)", "max(*[1])", "1j", "1 and 2", "1 << 3", "x := 1", "(" * 200, "-" * 290,
        "\x00", "\ud800", "1\n2", "print(1)", "1_000;2",
    ],
)  # fmt: skip
def test_what_is_no_arithmetic_is_refused(expression: str) -> None:
    with pytest.raises(ExpressionError):
        calculate(expression)


@given(st.text(alphabet="0123456789+-*/%^(),. abmx", max_size=MAX_LENGTH + 5))
def test_any_text_gives_a_short_result_or_a_sentence(expression: str) -> None:
    try:
        assert len(calculate(expression)) <= MAX_BITS
    except ExpressionError as error:
        assert str(error).endswith(".")
