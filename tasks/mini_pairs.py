"""Pick the two numbers with a given sum: the shortest prompt that still needs a search.

The `mini_` tasks ask what their big sisters ask in a few dozen tokens, for models of about
a million parameters. `countdown` is the big sister of this one and grades it.
"""

from __future__ import annotations

import random

from loopbench.tasks.base import Draft
from loopbench.tasks.countdown import Countdown

_COUNT = {"easy": (3, 4), "medium": (5, 5), "hard": (6, 7)}
_LARGEST = {"easy": 20, "medium": 30, "hard": 40}


class MiniPairs(Countdown):
    """Find two of the listed numbers that add up to the target."""

    name = "mini_pairs"
    description = "two of three to seven numbers with a given sum, in one short line"

    def draft(self, rng: random.Random, level: str) -> Draft:
        """Draw distinct numbers, and the sum of two of them that is not itself listed."""
        while True:
            numbers = rng.sample(range(1, _LARGEST[level] + 1), rng.randint(*_COUNT[level]))
            a, b = sorted(rng.sample(range(len(numbers)), 2))
            target = numbers[a] + numbers[b]
            if target not in numbers:
                break
        prompt = f"Pick two of {' '.join(map(str, numbers))} with sum {target}."
        solution = f"{numbers[a]}+{numbers[b]}"
        reference = {"numbers": numbers, "target": target, "solution": solution}
        return Draft(prompt, reference, key=f"{sorted(numbers)}:{target}")


TASK = MiniPairs()
