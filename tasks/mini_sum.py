"""Short sums and differences: `chain_sum` for models of about a million parameters."""

from __future__ import annotations

import random

from loopbench.tasks.base import Draft
from loopbench.tasks.chain_sum import ChainSum

_TERMS = {"easy": (2, 3), "medium": (4, 4), "hard": (5, 7)}
_LARGEST = {"easy": 20, "medium": 30, "hard": 40}


class MiniSum(ChainSum):
    """Add and subtract a few small integers; no intermediate result is negative."""

    name = "mini_sum"
    description = "sums and differences of two to seven small integers, in one short line"

    def draft(self, rng: random.Random, level: str) -> Draft:
        """Draw the terms; a minus is drawn only where the rest stays positive."""
        while True:
            value = rng.randint(2, _LARGEST[level])
            text = str(value)
            term = value
            for _ in range(rng.randint(*_TERMS[level]) - 1):
                term = rng.randint(1, _LARGEST[level])
                sign = -1 if term < value and rng.random() < 0.5 else 1
                value += sign * term
                text += f"{'+' if sign > 0 else '-'}{term}"
            # The last number of an output counts as its answer: of the prompt it must not be.
            if value != term:
                return Draft(f"Compute {text}.", value)


TASK = MiniSum()
