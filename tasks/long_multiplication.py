"""Products of long integers: many partial products, each easy to get wrong."""

from __future__ import annotations

import random

from loopbench.tasks.answers import grade_number
from loopbench.tasks.base import Draft, Procedural
from loopbench.types import Category, Grade, Sample

_DIGITS = {
    "easy": ((3, 2),),
    "medium": ((3, 3), (4, 3)),
    "hard": ((4, 4), (5, 4), (5, 5), (6, 4)),
}


class LongMultiplication(Procedural):
    """Multiply two integers."""

    name = "long_multiplication"
    category: Category = "reasoning"
    description = "products of integers of up to six digits"

    def draft(self, rng: random.Random, level: str) -> Draft:
        """Draw the factors; neither ends in zero, which would make it a shorter one."""
        shape = rng.choice(_DIGITS[level])
        a, b = (
            rng.randint(10 ** (digits - 2), 10 ** (digits - 1) - 1) * 10 + rng.randint(1, 9)
            for digits in shape
        )
        prompt = f"What is {a} × {b}?\n\nWork step by step. End with a line 'Answer: <number>'."
        return Draft(prompt, a * b)

    def grade(self, sample: Sample, text: str) -> Grade:
        """Compare the stated number exactly."""
        return grade_number(text, sample.reference)

    def oracle(self, sample: Sample) -> str:
        """State the number."""
        return f"Answer: {sample.reference}"


TASK = LongMultiplication()
