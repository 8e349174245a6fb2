"""Competition-style problems with an exact integer answer, from parametrised templates."""

from __future__ import annotations

import random

from loopbench.tasks.answers import grade_number
from loopbench.tasks.base import Draft, Procedural
from loopbench.tasks.templates import TEMPLATES
from loopbench.types import Category, Grade, Sample


class Competition(Procedural):
    """Solve a problem in the style of AIME or an olympiad's first round."""

    name = "competition"
    category: Category = "reasoning"
    description = "competition-style problems: number theory, counting, algebra, lattices"

    def draft(self, rng: random.Random, level: str) -> Draft:
        """Draw a template and its parameters; the answer is computed by brute force."""
        name = rng.choice(sorted(TEMPLATES))
        problem = TEMPLATES[name](rng, self.levels.index(level))
        prompt = f"{problem.question}\n\nReason step by step. End with a line 'Answer: <integer>'."
        return Draft(prompt, {"template": name, "answer": problem.answer})

    def grade(self, sample: Sample, text: str) -> Grade:
        """Compare the stated integer exactly."""
        return grade_number(text, sample.reference["answer"])

    def oracle(self, sample: Sample) -> str:
        """State the integer."""
        return f"Answer: {sample.reference['answer']}"


TASK = Competition()
