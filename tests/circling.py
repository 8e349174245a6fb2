"""An output that goes round: the same sentences for ever, in another order each time."""

from __future__ import annotations

import random

_SENTENCES = (
    "perhaps the second number should be moved to the left side of this sum first",
    "but then both of those terms would cancel and nothing useful is left for us",
    "so let me look again at what the question really wanted from its reader here",
    "maybe we could try dividing everything by seven before adding any other value now",
    "that was wrong because a negative result cannot count apples inside some basket anyway",
    "alternatively take three away from eleven and keep going until only zero remains there",
)


def _words() -> list[str]:
    rng, said = random.Random(0), []
    for _ in range(30):
        said += rng.sample(_SENTENCES, len(_SENTENCES))
    return [f"{word} " for word in " ".join(said).split()]


ROUND = _words()
"""Its pieces, one a word; circular long before 1,500 of them, and never doomed."""
