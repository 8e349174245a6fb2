"""The 30 x 20 rule: some 30-token n-gram occurs at least 20 times, anywhere in the output.

Sees every verbatim loop that has gone on for 20 turns, and a long phrase that keeps coming
back. Does not see counters, paraphrase, or a loop whose block is so long that the budget
ends before its 20th copy; a long table or an array of 49 zeros matches.

Source: Pipis et al., "Wait, Wait, Wait…" (arXiv 2512.12895), and the cot-loop code (n = 30,
k = 20), whose rolling hash is used here too. Overlapping occurrences count. `terminal`: the
n-gram that ends with the last token is one of the frequent ones.

Cost: one dictionary update per token, under 1 µs; about 100 bytes per token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from loopbench.detectors.parts.published import Unscored, published_verdict
from loopbench.detectors.parts.streaming import Grown, TailLoop, TailWatcher
from loopbench.types import LoopSpan, Verdict

_BASE = 1_000_003
_MAX_PASSED = 100


@dataclass(frozen=True)
class Ngram:
    """An n-gram of token ids that occurs at least k times.

    Parameters
    ----------
    n
        Tokens of the n-gram.
    k
        Occurrences, at least 2.
    """

    n: int = 30
    k: int = 20

    name = "ngram"
    version = 1

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ValueError(f"n must be >= 1, got {self.n}")
        if self.k < 2:
            raise ValueError(f"k must be >= 2, got {self.k}")

    def scan(self, ids: Sequence[int], text: str | Sequence[str] | None = None) -> Verdict:
        """Judge a whole output; the text is not used."""
        return published_verdict(self.name, self.version, "verbatim", _Stream(self), ids, None)

    def watch(self) -> TailWatcher:
        """Return fresh state for one stream."""
        return TailWatcher(_Stream(self))


class _Stream(Unscored):
    def __init__(self, rule: Ngram) -> None:
        self._rule = rule
        powers = [pow(_BASE, rule.n - 1 - i, 1 << 64) for i in range(rule.n)]
        self._powers = np.array(powers, np.uint64)
        self._rest = np.empty(0, np.int64)
        self._hashes = Grown()
        self._counts: dict[int, int] = {}
        # Stretches of n-grams that were frequent when they came: first and last index.
        self._frequent: list[tuple[int, int]] = []

    def extend(self, ids: NDArray[np.int64], pieces: Sequence[str]) -> None:
        ids = np.concatenate([self._rest, ids])
        n = self._rule.n
        self._rest = ids[max(0, len(ids) - n + 1) :]
        if len(ids) < n:
            return
        # Arithmetic on unsigned integers wraps around: hashes are modulo 2^64.
        shifted = ids.astype(np.uint64) + np.uint64(1)
        hashes = (sliding_window_view(shifted, n) * self._powers).sum(axis=1, dtype=np.uint64)
        at = len(self._hashes.view)
        signed = hashes.view(np.int64)
        self._hashes.extend(signed)
        for gram in signed.tolist():
            count = self._counts.get(gram, 0) + 1
            self._counts[gram] = count
            if count >= self._rule.k:
                first = at
                if self._frequent and self._frequent[-1][1] == at - 1:
                    first = self._frequent.pop()[0]
                self._frequent.append((first, at))
            at += 1

    def tail(self) -> TailLoop | None:
        last = len(self._hashes.view) - 1
        if not self._frequent or self._frequent[-1][1] != last:
            return None
        return TailLoop(self._span(last))

    def passed(self) -> list[LoopSpan]:
        longest = sorted(self._frequent, key=lambda stretch: stretch[0] - stretch[1])
        return [self._span(last) for _, last in longest[:_MAX_PASSED]]

    def _span(self, last: int) -> LoopSpan:
        """Return the stretch from the first occurrence of an n-gram to its last."""
        hashes = self._hashes.view[: last + 1]
        places = np.flatnonzero(hashes == hashes[last])
        start, end = int(places[0]), last + self._rule.n
        period = max(1, int(np.median(np.diff(places))))
        return LoopSpan(start=start, end=end, period=period, repeats=(end - start) // period)


DETECTOR = Ngram
