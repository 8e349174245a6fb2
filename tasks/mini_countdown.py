"""Signs between a few small numbers: `countdown` for models of about a million parameters."""

from __future__ import annotations

import random

from loopbench.tasks.base import Draft
from loopbench.tasks.countdown import Countdown

_COUNT = {"easy": (3, 3), "medium": (4, 4), "hard": (4, 5)}
_FIRST = {"easy": (5, 20), "medium": (8, 15), "hard": (10, 20)}


class MiniCountdown(Countdown):
    """Reach a target by adding and subtracting the listed numbers."""

    name = "mini_countdown"
    description = "reach a target from three to five small numbers with + and -, in one line"

    def draft(self, rng: random.Random, level: str) -> Draft:
        """Draw the numbers and signs; the target is positive and not one of the numbers."""
        while True:
            numbers = [rng.randint(*_FIRST[level])]
            numbers += [rng.randint(1, 9) for _ in range(rng.randint(*_COUNT[level]) - 1)]
            signs = [rng.choice((1, -1)) for _ in numbers[1:]]
            target = numbers[0] + sum(s * n for s, n in zip(signs, numbers[1:], strict=True))
            if target > 0 and target not in numbers:
                break
        prompt = f"Make {target} from {' '.join(map(str, numbers))} with + and -."
        solution = str(numbers[0])
        for sign, number in zip(signs, numbers[1:], strict=True):
            solution += f"{'+' if sign > 0 else '-'}{number}"
        reference = {"numbers": numbers, "target": target, "solution": solution}
        return Draft(prompt, reference, key=f"{sorted(numbers)}:{target}")


TASK = MiniCountdown()
