"""Long sums and differences: state has to be carried through many small steps."""

from __future__ import annotations

import random

from loopbench.tasks.answers import grade_number
from loopbench.tasks.base import Draft, Procedural
from loopbench.types import Category, Grade, Sample

_TERMS = {"easy": (4, 5), "medium": (8, 10), "hard": (13, 16)}
_DIGITS = {"easy": (2, 2), "medium": (2, 3), "hard": (3, 4)}


class ChainSum(Procedural):
    """Add and subtract a row of integers."""

    name = "chain_sum"
    category: Category = "reasoning"
    description = "long sums and differences of integers"

    def draft(self, rng: random.Random, level: str) -> Draft:
        """Draw the terms; the first sign is always plus."""
        count = rng.randint(*_TERMS[level])
        terms = []
        for _ in range(count):
            digits = rng.randint(*_DIGITS[level])
            terms.append(rng.randint(10 ** (digits - 1), 10**digits - 1))
        signs = [1, *(rng.choice((1, -1)) for _ in terms[1:])]
        text = str(terms[0])
        for sign, term in zip(signs[1:], terms[1:], strict=True):
            text += f" {'+' if sign > 0 else '-'} {term}"
        prompt = (
            f"Compute the value of this expression:\n\n{text}\n\n"
            "Work step by step. End with a line 'Answer: <number>'."
        )
        return Draft(prompt, sum(s * t for s, t in zip(signs, terms, strict=True)))

    def grade(self, sample: Sample, text: str) -> Grade:
        """Compare the stated number exactly."""
        return grade_number(text, sample.reference)

    def oracle(self, sample: Sample) -> str:
        """State the number."""
        return f"Answer: {sample.reference}"


TASK = ChainSum()
