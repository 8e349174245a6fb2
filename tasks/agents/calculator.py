"""Arithmetic on an expression that a model wrote: exact, bounded, and nothing but arithmetic.

The expression is parsed by `ast` and walked; nothing is ever evaluated by Python. Every
intermediate result is bounded in bits before it is computed, so `9**9**9` costs nothing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from fractions import Fraction

MAX_LENGTH = 300
"""Characters of an expression."""
MAX_NODES = 120
MAX_BITS = 4_096
"""Bits of the numerator or denominator of any intermediate result."""
MAX_EXPONENT = 1_024

_GROUPS = re.compile(r"(?<![0-9.])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])")
_SIGNS = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "^": "**"})


class CalculatorError(ValueError):
    """The expression cannot be worked out; the text is one sentence for the model."""


def calculate(expression: str) -> str:
    """Return the value of an expression as text.

    Numbers, `+ - * / // % **` (also `^ × ÷`), parentheses, and `abs`, `min`, `max` are
    understood. A result that is not whole has twelve significant digits.

    Raises
    ------
    CalculatorError
        For anything else, and for numbers out of bounds.
    """
    if len(expression) > MAX_LENGTH:
        raise CalculatorError(f"The expression is longer than {MAX_LENGTH} characters.")
    plain = expression.translate(_SIGNS)
    if not any(c.isalpha() for c in plain):
        # Where there is a function, a comma may be between its arguments.
        plain = _GROUPS.sub(lambda match: match[0].replace(",", ""), plain)
    try:
        tree = ast.parse(plain.strip(), mode="eval")
        if sum(1 for _ in ast.walk(tree)) > MAX_NODES:
            raise CalculatorError("The expression has too many parts.")
        return _shown(_value(tree.body))
    except CalculatorError:
        raise
    except ZeroDivisionError:
        raise CalculatorError("The expression divides by zero.") from None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise CalculatorError("The expression is not arithmetic.") from None


def _shown(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    try:
        return f"{float(value):.12g}"
    except OverflowError:
        raise CalculatorError("The result is too large.") from None


def _bits(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def _bounded(value: Fraction) -> Fraction:
    if _bits(value) > MAX_BITS:
        raise CalculatorError("A number is too large.")
    return value


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1:
        raise CalculatorError("An exponent must be a whole number.")
    # A power has at most so many bits; checked before it is computed.
    if abs(exponent) > MAX_EXPONENT or _bits(base) * abs(exponent) > MAX_BITS:
        raise CalculatorError("A power is too large.")
    return Fraction(base**exponent.numerator)


_BINARY: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: Fraction(a // b),
    ast.Mod: lambda a, b: a % b,
    ast.Pow: _power,
}
_FUNCTIONS: dict[str, Callable[..., Fraction]] = {"abs": abs, "max": max, "min": min}


def _value(node: ast.expr) -> Fraction:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            # The digits as they were written: 0.1 is a tenth.
            return _bounded(Fraction(str(number)))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _bounded(_BINARY[type(op)](_value(left), _value(right)))
        case ast.Call(func=ast.Name(id=name), args=[_, *_] as args, keywords=[]):
            if name in _FUNCTIONS and (name != "abs" or len(args) == 1):
                values = [_value(arg) for arg in args]
                return _FUNCTIONS[name](*values) if len(values) > 1 or name == "abs" else values[0]
    raise CalculatorError("The expression is not arithmetic.")
