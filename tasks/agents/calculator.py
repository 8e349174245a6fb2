"""The calculator of an agent: arithmetic as people write it, and its value as text."""

from __future__ import annotations

import ast
import re
from fractions import Fraction

from loopbench.tasks.arithmetic import MAX_LENGTH, ExpressionError, parsed, value_of

MAX_NODES = 120

_GROUPS = re.compile(r"(?<![0-9.])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])")
_SIGNS = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "^": "**"})


def calculate(expression: str) -> str:
    """Return the value of an expression as text.

    Numbers, `+ - * / // % **` (also `^ × ÷`), parentheses, and `abs`, `min`, `max` are
    understood. A result that is not whole has twelve significant digits.

    Raises
    ------
    ExpressionError
        For anything else, and for numbers out of bounds.
    """
    if len(expression) > MAX_LENGTH:
        raise ExpressionError(f"The expression is longer than {MAX_LENGTH} characters.")
    plain = expression.translate(_SIGNS)
    if not any(c.isalpha() for c in plain):
        # Where there is a function, a comma may be between its arguments.
        plain = _GROUPS.sub(lambda match: match[0].replace(",", ""), plain)
    tree = parsed(plain)
    if sum(1 for _ in ast.walk(tree)) > MAX_NODES:
        raise ExpressionError("The expression has too many parts.")
    return _shown(value_of(tree))


def _shown(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    try:
        return f"{float(value):.12g}"
    except OverflowError:
        raise ExpressionError("The result is too large.") from None
