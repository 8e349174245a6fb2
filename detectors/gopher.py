"""Gopher's repetition filter: shares of duplicate lines, paragraphs and word n-grams.

Sees loops once they are a fifth or so of the whole output, counters with longish lines too.
Flags lists and tables with a fixed form, poems, and would flag every short text, since its top
n-gram counts even if it occurs once: nothing is judged below `min_words`, the length under
which the same paper drops a document unread. Gives a score, no onset or period. Needs a text.

Source: Rae et al. (arXiv 2112.11446, table A1) as in datatrove's `GopherRepetitionFilter`,
thresholds and all. Words are runs of letters and digits, or single symbols: datatrove's own
tokenizer (spaCy or NLTK) splits a little differently. The score is the largest fraction in
units of its threshold; above 1 the filter drops the text.

Cost: everything is counted as it comes, 3 to 12 µs and up to 600 bytes per token.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loopbench.detectors.parts.published import Unscored, published_verdict, whole
from loopbench.detectors.parts.streaming import TailLoop, TailWatcher
from loopbench.types import Verdict

_WORD = re.compile(r"\w+|[^\w\s]")
_BREAK = re.compile(r"\n{2,}")
_NEWLINES = re.compile(r"\n+")

Limits = tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Gopher:
    """Fractions of a text that repeat, each with its own limit.

    Parameters
    ----------
    dup_line_frac, dup_para_frac
        Share of lines, and of paragraphs, that occurred before.
    dup_line_char_frac, dup_para_char_frac
        Their characters, as a share of all.
    top_n_grams
        For each n the share of characters in the most frequent word n-gram.
    dup_n_grams
        For each n the share of characters in word n-grams that occurred before.
    min_words
        Shorter texts are not judged.
    """

    dup_line_frac: float = 0.3
    dup_para_frac: float = 0.3
    dup_line_char_frac: float = 0.2
    dup_para_char_frac: float = 0.2
    top_n_grams: Limits = ((2, 0.2), (3, 0.18), (4, 0.16))
    dup_n_grams: Limits = ((5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.10))
    min_words: int = 50

    name = "gopher"
    version = 2

    def __post_init__(self) -> None:
        sizes = [*self.top_n_grams, *self.dup_n_grams]
        fractions = [self.dup_line_frac, self.dup_para_frac]
        fractions += [self.dup_line_char_frac, self.dup_para_char_frac]
        for fraction in fractions + [fraction for _, fraction in sizes]:
            if not fraction > 0:
                raise ValueError(f"fractions must be positive, got {fraction}")
        if self.min_words < 1:
            raise ValueError(f"min_words must be >= 1, got {self.min_words}")
        for n, _ in sizes:
            if n < 1:
                raise ValueError(f"n-grams must have n >= 1, got {n}")

    def scan(self, ids: Sequence[int], text: str | Sequence[str] | None = None) -> Verdict:
        """Judge a whole output; without a text there is nothing to find."""
        return published_verdict(self.name, self.version, "circular", _Stream(self), ids, text)

    def watch(self) -> TailWatcher:
        """Return fresh state for one stream."""
        return TailWatcher(_Stream(self))


class _Units:
    """Lines or paragraphs: how many, and how much of them occurred before."""

    def __init__(self) -> None:
        self.count = self.duplicates = self.chars = 0
        self._seen: set[str] = set()

    def add(self, unit: str) -> None:
        self.count += 1
        if unit in self._seen:
            self.duplicates += 1
            self.chars += len(unit)
        else:
            self._seen.add(unit)

    def with_open(self, units: Sequence[str]) -> tuple[int, int, int]:
        """Return count, duplicates and their characters as if these had come too."""
        new: set[str] = set()
        duplicates, chars = self.duplicates, self.chars
        for unit in units:
            if unit in self._seen or unit in new:
                duplicates += 1
                chars += len(unit)
            new.add(unit)
        return self.count + len(units), duplicates, chars


class _TopGram:
    """Characters in the most frequent n-gram; of several, the one that came first."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._counts: dict[str, tuple[int, int]] = {}  # occurrences, minus order of arrival
        self._best, self.chars = (0, 0), 0

    def _next(self, words: list[str]) -> tuple[str, tuple[int, int]]:
        gram = " ".join(words[-self._n :])
        count, order = self._counts.get(gram, (0, -len(self._counts)))
        return gram, (count + 1, order)

    def add(self, words: list[str]) -> None:
        """Count the n-gram that ends with the last of `words`."""
        if len(words) < self._n:
            return
        gram, rank = self._next(words)
        self._counts[gram] = rank
        if rank > self._best:
            self._best, self.chars = rank, len(gram) * rank[0]

    def chars_with(self, words: list[str]) -> int:
        """Return the characters as if the last of `words` had been added."""
        if len(words) < self._n:
            return 0
        gram, rank = self._next(words)
        return len(gram) * rank[0] if rank > self._best else self.chars


class _RepeatedGrams:
    """Characters in n-grams that occurred before, none counted twice."""

    def __init__(self, n: int) -> None:
        self._n, self._skip = n, n
        self._seen: set[int] = set()
        self.chars = 0

    def add(self, words: list[str]) -> None:
        """Take the last of `words`."""
        self._skip = max(0, self._skip - 1)
        if self._skip:
            return
        gram = "".join(words[-self._n :])
        key = hash(gram)
        if key in self._seen:
            self.chars += len(gram)
            self._skip = self._n
        else:
            self._seen.add(key)

    def chars_with(self, words: list[str]) -> int:
        """Return the characters as if the last of `words` had been added."""
        gram = "".join(words[-self._n :])
        return self.chars + (len(gram) if self._skip <= 1 and hash(gram) in self._seen else 0)


class _Stream(Unscored):
    def __init__(self, rule: Gopher) -> None:
        self._rule = rule
        self._tokens = self._chars = 0
        self._lines, self._paragraphs = _Units(), _Units()
        self._line = self._paragraph = self._word = ""
        self._words: list[str] = []
        self._counters: list[_TopGram | _RepeatedGrams] = [
            *(_TopGram(n) for n, _ in rule.top_n_grams),
            *(_RepeatedGrams(n) for n, _ in rule.dup_n_grams),
        ]
        limits = (*rule.top_n_grams, *rule.dup_n_grams)
        self._limits = [limit for _, limit in limits]
        self._longest = max((n for n, _ in limits), default=1)
        self._buffer: list[str] = []
        self._word_count = 0

    def extend(self, ids: NDArray[np.int64], pieces: Sequence[str]) -> None:
        self._tokens += len(ids)
        self._buffer.extend(pieces)

    def _read(self) -> None:
        text = "".join(self._buffer)
        self._buffer.clear()
        self._chars += len(text)
        self._read_lines(text)
        self._read_paragraphs(text)
        text = self._word + text
        self._word = ""
        for match in _WORD.finditer(text):
            # A word at the very end may go on.
            if match.end() == len(text) and re.match(r"\w", match.group()):
                self._word = match.group()
                break
            self._word_count += 1
            self._words = [*self._words, match.group()][-self._longest :]
            for counter in self._counters:
                counter.add(self._words)

    def _read_lines(self, text: str) -> None:
        # More newlines may follow the last ones: a line ends with the next one's beginning.
        *lines, self._line = _NEWLINES.split(self._line + text)
        if lines and not self._line:
            self._line = lines.pop() + "\n"
        for line in lines:
            self._lines.add(line)

    def _read_paragraphs(self, text: str) -> None:
        self._paragraph += text
        if not self._paragraphs.count:
            self._paragraph = self._paragraph.lstrip()
        # Whitespace at the end is no paragraph yet, and may never become one.
        solid = len(self._paragraph.rstrip())
        done = 0
        for match in _BREAK.finditer(self._paragraph, 0, solid):
            self._paragraphs.add(self._paragraph[done : match.start()])
            done = match.end()
        self._paragraph = self._paragraph[done:]

    def _shares(self) -> Iterator[tuple[float, float]]:
        """Yield each fraction with its limit."""
        rule = self._rule
        paragraphs = self._paragraphs.with_open([self._paragraph.rstrip()])
        lines = self._lines.with_open(_NEWLINES.split(self._line))
        for (count, duplicates, chars), share, char_share in (
            (paragraphs, rule.dup_para_frac, rule.dup_para_char_frac),
            (lines, rule.dup_line_frac, rule.dup_line_char_frac),
        ):
            yield duplicates / count, share
            yield chars / self._chars, char_share
        words = [*self._words, self._word][-self._longest :]
        for counter, limit in zip(self._counters, self._limits, strict=True):
            chars = counter.chars_with(words) if self._word else counter.chars
            yield chars / self._chars, limit

    def tail(self) -> TailLoop | None:
        self._read()
        if self._word_count < self._rule.min_words:
            return None
        above = (self.score() or 0) > 1
        return whole(self._tokens) if above else None

    def score(self) -> float | None:
        return max(share / limit for share, limit in self._shares()) if self._chars else None


DETECTOR = Gopher
