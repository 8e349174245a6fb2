"""What a generator returns, and the few tools that all of them share."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple, TypeVar

T = TypeVar("T")

VERSION = 1
"""Part of every seed; raised when traces are meant to change."""


class Draft(NamedTuple):
    """A text with a label that follows from how it was made, before it is tokenised."""

    prompt: str
    text: str
    tokens: int | None = None
    """The text is cut after so many tokens, as a budget cuts it; None keeps all of it."""
    label: Literal["verbatim", "counter", "circular", "none"] = "none"
    finish: Literal["stop", "length"] = "length"
    onset: int | None = None
    """Index of the character where the loop begins."""
    note: str | None = None
    model_tokens: bool = False
    """Only a model's tokenizer shows the loop: the fallback has one token per run of blanks."""


Generator = Callable[[random.Random, int], Draft]
"""Makes a draft of its own randomness; the index walks through its formats in turn."""


def trace_rng(name: str, index: int) -> random.Random:
    """Return the generator of one trace, seeded by a hash of its coordinates."""
    text = f"constructed:{VERSION}:{name}:{index}"
    return random.Random(int.from_bytes(hashlib.sha256(text.encode()).digest()))


def budget(rng: random.Random, low: int = 380, high: int = 1_000) -> int:
    """Draw a token budget."""
    return rng.randint(low, high)


def until(chars: int, parts: Iterable[str]) -> str:
    """Join parts until there are so many characters."""
    text, size = [], 0
    for part in parts:
        text.append(part)
        size += len(part)
        if size >= chars:
            break
    return "".join(text)


def enough(tokens: int) -> int:
    """Return how many characters surely hold so many tokens of ordinary text."""
    return 7 * tokens


def shuffled(rng: random.Random, items: Iterable[T]) -> list[T]:
    """Return the items in random order."""
    items = list(items)
    return rng.sample(items, len(items))


def cut(rng: random.Random, text: str, low: float = 0.7, high: float = 0.97) -> str:
    """Break a text off somewhere in its last part, as a budget does."""
    return text[: int(len(text) * rng.uniform(low, high))]
