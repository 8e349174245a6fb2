"""Reach a target from given numbers: a search, and the most reliable way into a doom loop."""

from __future__ import annotations

import ast
import itertools
import random
import re
from collections import Counter
from fractions import Fraction
from typing import Any

from loopbench.tasks.answers import (
    candidates,
    final_text,
    last_line,
    no_answer,
    plain,
    verdict,
)
from loopbench.tasks.arithmetic import MAX_LENGTH, ExpressionError, parsed, value_of
from loopbench.tasks.base import Draft, Procedural
from loopbench.types import Category, Grade, Sample

_COUNT = {"easy": (3, 3), "medium": (4, 4), "hard": (5, 6)}
_LARGEST = {"easy": 20, "medium": 50, "hard": 75}
_TARGET = {"easy": 100, "medium": 300, "hard": 999}

_MAX_DEPTH = 30
"""Brackets inside each other."""
_TOKEN = re.compile(r"[0-9]{1,9}|\S")
_PLAIN = re.compile(r"[0-9]+|[-+*/()]")
_FRACTION = re.compile(r"\\[dt]?frac\s?\{([^{}]{1,100})\}\s?\{([^{}]{1,100})\}")
_SPELLINGS = (
    ("\\left", ""), ("\\right", ""), ("\\times", "*"), ("\\cdot", "*"), ("\\div", "/"),
    ("\u00d7", "*"), ("\u22c5", "*"), ("\u00b7", "*"), ("\u00f7", "/"), ("\u2215", "/"),
    ("[", "("), ("]", ")"), ("\\(", ""), ("\\)", ""), ("$", ""), ("`", ""), ("**", ""),
)  # fmt: skip


def evaluate(text: str) -> tuple[Fraction, list[int]]:
    """Return the exact value of an expression and the numbers in it, in order.

    Raises
    ------
    ExpressionError
        If the text is more than whole numbers under `+ - * /` and brackets, or divides by zero.
    """
    tokens = _TOKEN.findall(text.strip()[: MAX_LENGTH + 1])
    nested = itertools.accumulate((token == "(") - (token == ")") for token in tokens)
    if (
        len(text.strip()) > MAX_LENGTH
        or not all(map(_PLAIN.fullmatch, tokens))
        or max(nested, default=0) > _MAX_DEPTH
    ):
        raise ExpressionError("Only whole numbers, + - * / and a few brackets may be used.")
    # Numbers may begin with zeros. Between spaces, two signs are none of Python's, as // is.
    tree = parsed(" ".join(token.lstrip("0") or "0" for token in tokens))
    if any(isinstance(node, ast.UnaryOp) for node in ast.walk(tree)):
        raise ExpressionError("A number may not have a sign of its own.")
    return value_of(tree), [int(token) for token in tokens if token.isdecimal()]


def normalise(text: str) -> str:
    r"""Return an expression with LaTeX and typographic operators written as `+ - * /`."""
    text = _FRACTION.sub(r"((\1)/(\2))", plain(text[: 4 * MAX_LENGTH]))
    for old, new in _SPELLINGS:
        text = text.replace(old, new)
    return text.strip(" \t.,;:'\"")


def solves(text: str, numbers: list[int], target: int) -> bool | None:
    """Return whether an expression, or an equation with the target, solves the problem.

    None means that the text is no expression at all.

    Parameters
    ----------
    text
        The stated answer.
    numbers
        Those that may be used, each as often as it is there.
    target
        The value to reach.
    """
    sides = [side for side in normalise(text).split("=") if side.strip()]
    try:
        values = [evaluate(side) for side in sides[:3]]
    except ExpressionError:
        return None
    # "12 = 3 * 4" and "3 * 4 = 12": a lone number on one side only restates the target.
    working = [value for value in values if len(value[1]) > 1]
    if len(sides) > 2 or len(working) != 1:
        return False if values else None
    used = Counter(working[0][1])
    return used <= Counter(numbers) and all(value == target for value, _ in values)


def _grow(rng: random.Random, numbers: list[int]) -> tuple[int, str]:
    # Combines two entries until one is left; only positive whole intermediate results, so
    # that every problem has a solution that needs no fractions.
    pool = [(number, str(number)) for number in numbers]
    while len(pool) > 1:
        rng.shuffle(pool)
        (a, x), (b, y) = pool.pop(), pool.pop()
        if a < b:
            (a, x), (b, y) = (b, y), (a, x)
        options = [(a + b, f"({x} + {y})")] * 3
        if a > b:
            options += [(a - b, f"({x} - {y})")] * 3
        if b > 1 and a * b <= 2_000:
            options += [(a * b, f"({x} * {y})")] * 3
        if b > 1 and a % b == 0:
            options += [(a // b, f"({x} / {y})")] * 2
        pool.append(rng.choice(options))
    value, text = pool[0]
    return value, text[1:-1]


class Countdown(Procedural):
    """Find an arithmetic expression with a given value."""

    name = "countdown"
    category: Category = "reasoning"
    description = "reach a target number from three to six numbers with + - * /"

    def draft(self, rng: random.Random, level: str) -> Draft:
        """Draw the numbers, then a target that they can reach and that is not one of them."""
        while True:
            count = rng.randint(*_COUNT[level])
            numbers = [rng.randint(2, _LARGEST[level]) for _ in range(count)]
            target, solution = _grow(rng, numbers)
            if 10 <= target <= _TARGET[level] and target not in numbers:
                break
        listed = ", ".join(map(str, numbers))
        prompt = (
            f"Use the numbers {listed} and the operations +, -, *, / to make {target}. "
            "Use each number at most once. Brackets are allowed.\n\n"
            "End with a line 'Answer: <expression>'."
        )
        reference = {"numbers": numbers, "target": target, "solution": solution}
        return Draft(prompt, reference, key=f"{sorted(numbers)}:{target}")

    def grade(self, sample: Sample, text: str) -> Grade:
        """Evaluate the stated expression exactly and check the numbers that it uses."""
        final = final_text(text)
        if final is None:
            return no_answer()
        reference: dict[str, Any] = sample.reference
        stated = [(c.line, c.explicit) for c in candidates(final)]
        line = last_line(final)
        if not stated and line:
            stated = [(line, False)]
        for answer, explicit in stated:
            solved = solves(answer, reference["numbers"], reference["target"])
            if solved is not None or explicit:
                return verdict(answer, bool(solved))
        return no_answer()

    def oracle(self, sample: Sample) -> str:
        """State the expression that the target was made with."""
        return f"Answer: {sample.reference['solution']}"


TASK = Countdown()
