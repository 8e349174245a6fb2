"""Outputs that go round, for the tests of the report: few thoughts, in ever another order."""

from __future__ import annotations

import random
from typing import Any

from looping_runs import said

from loopbench.types import Record

THOUGHTS = (
    "Let me check whether the train from Leeds is the later one after all. ",
    "If the bakery opens at nine, the second parcel cannot be there yet. ",
    "Perhaps the question means the day on which they both were paid. ",
    "So we should look at what Anna said about the green folder again. ",
    "But then the sum of the two bills would have to be an odd number. ",
    "Wait, that was under the other assumption, where nobody lies. ",
    "Hmm, the neighbour only saw the van, and not who was driving it. ",
)


def rounds(count: int, seed: int = 0) -> str:
    """Return so many rounds of the thoughts."""
    dice = random.Random(seed)
    return "".join("".join(dice.sample(THOUGHTS, len(THOUGHTS))) for _ in range(count))


CIRCULAR = rounds(9)


def circular(key: str = "circular", text: str = CIRCULAR, **fields: Any) -> Record:
    """Return an output that was going round when the budget ended."""
    return said(key, text, **{"finish": "length", **fields})
