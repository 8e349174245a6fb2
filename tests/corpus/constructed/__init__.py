"""Generators of traces whose labels follow from how they are made."""

from __future__ import annotations

from collections.abc import Iterator

from . import (
    advancing_searches,
    advancing_steps,
    advancing_texts,
    algorithms,
    arithmetic,
    circular,
    circular_ends,
    code,
    counting,
    data,
    endings,
    languages,
    prose,
    tables,
    verbatim,
)
from .base import Draft, Generator, trace_rng

FAMILIES = (
    tables, arithmetic, data, code, algorithms, prose, languages, endings, verbatim, counting,
    circular, circular_ends, advancing_steps, advancing_searches, advancing_texts,
)  # fmt: skip
"""New ones come last: which tokenizer a trace gets depends on its place."""

GENERATORS: dict[str, tuple[Generator, int]] = {
    name: entry for family in FAMILIES for name, entry in family.GENERATORS.items()
}
"""Every generator with the number of traces that it makes, by category."""


def drafts() -> Iterator[tuple[str, int, Draft]]:
    """Yield category, index, and draft of every trace, always the same ones."""
    for name, (generate, count) in GENERATORS.items():
        for index in range(count):
            yield name, index, generate(trace_rng(name, index), index)


def place(category: str, index: int, draft: Draft) -> int:
    """Return which of three tokenizers a trace gets, the fallback being 0: they take turns."""
    turn = (list(GENERATORS).index(category) + index) % 3
    return 1 + index % 2 if draft.model_tokens else turn
