"""Arithmetic that a model wrote: exact, bounded, and nothing but arithmetic.

An expression is parsed by `ast` and walked; nothing is ever evaluated by Python. Every
intermediate result is bounded in bits before it is computed, so `9**9**9` costs nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from fractions import Fraction

MAX_LENGTH = 300
"""Characters of an expression that is worth parsing."""
MAX_BITS = 4_096
"""Bits of the numerator or denominator of any intermediate result."""
MAX_EXPONENT = 1_024


class ExpressionError(ValueError):
    """The expression cannot be worked out; the text is one sentence for the model."""


_NO_ARITHMETIC = "The expression is not arithmetic."


def parsed(expression: str) -> ast.Expression:
    """Return an expression as a tree, which may hold more than arithmetic.

    Raises
    ------
    ExpressionError
        If it is none of Python's either.
    """
    try:
        return ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ExpressionError(_NO_ARITHMETIC) from None


def value_of(tree: ast.Expression) -> Fraction:
    """Return the exact value of numbers under `+ - * / // % **`, `abs`, `min` and `max`.

    Raises
    ------
    ExpressionError
        For anything else, for numbers out of bounds, and where it divides by zero.
    """
    try:
        return _value(tree.body)
    except ExpressionError:
        raise
    except ZeroDivisionError:
        raise ExpressionError("The expression divides by zero.") from None
    except (ValueError, RecursionError):  # 1e999 is no number
        raise ExpressionError(_NO_ARITHMETIC) from None


def _bits(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def _bounded(value: Fraction) -> Fraction:
    if _bits(value) > MAX_BITS:
        raise ExpressionError("A number is too large.")
    return value


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1:
        raise ExpressionError("An exponent must be a whole number.")
    # A power has at most so many bits; checked before it is computed.
    if abs(exponent) > MAX_EXPONENT or _bits(base) * abs(exponent) > MAX_BITS:
        raise ExpressionError("A power is too large.")
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
    raise ExpressionError(_NO_ARITHMETIC)
