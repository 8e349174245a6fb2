"""Searching the encyclopedia: BM25 over its articles."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from loopbench.tasks.agents.encyclopedia import World, words, world

HITS = 2
"""Articles in a result."""
MAX_QUERY = 300
"""Characters of a query that are looked at."""
_TITLE_WEIGHT = 4
"""An article counts as if its title were written so often, so that it beats those that name it."""


class Index:
    """A BM25 index of one world (`bm25s`, the Lucene form, k1 = 1.5, b = 0.75)."""

    def __init__(self, encyclopedia: World) -> None:
        import bm25s

        self._articles = list(encyclopedia.articles.values())
        corpus = [words(f"{f'{a.title} ' * _TITLE_WEIGHT}{a.text}") for a in self._articles]
        self._known = {word for document in corpus for word in document}
        self._index: Any = bm25s.BM25(method="lucene")
        self._index.index(corpus, show_progress=False)

    def search(self, query: str) -> str:
        """Return the best articles for a query as text, or that there are none."""
        known = [word for word in words(query[:MAX_QUERY]) if word in self._known]
        if not known:
            return "No article matches."
        scores = self._index.get_scores(known)
        ranked = sorted(range(len(self._articles)), key=lambda i: (-scores[i], i))
        best = [self._articles[i] for i in ranked[:HITS] if scores[i] > 0]
        return "\n".join(f"[{a.title}] {a.text}" for a in best) or "No article matches."


@lru_cache(maxsize=16)
def index(name: str) -> Index:
    """Return the index of a world."""
    return Index(world(name))
