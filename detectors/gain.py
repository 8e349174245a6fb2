"""Information gain of the tail: its second half costs almost nothing after its first.

Sees drift, paraphrase of a few stock phrases, and counters, in token ids alone, because it
looks only at the last tokens. It fires on tables and lists of one form too, so it is a column
and never a stop. Gives a score between 0 and about 1, no period.

Source: LoopBench's own: 1 - (C(ab) - C(a)) / |b| with C the zlib size of
ids written as little-endian 32-bit integers, a and b the halves of the last `window` tokens.
The threshold is the lowest of two digits that calls none of the unfinished negatives in the
development part of `tests/corpus` (`scripts/calibrate`, 2026-11-24); outputs that end in two
or three exact copies, which may be loops that the budget cut, are not held against it. How
much it finds on the held-out part is in docs/detectors.md: not much.

Cost: two compressions of at most 4 x `window` bytes, once for a whole output and at every
checkpoint of a stream, where that is 1 to 3 µs per token; 8 bytes per token.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from loopbench.detectors.parts.published import Unscored
from loopbench.detectors.parts.streaming import Grown, TailLoop, TailWatcher, tail_verdict
from loopbench.detectors.parts.tokens import as_ids
from loopbench.types import LoopSpan, Verdict


@dataclass(frozen=True)
class Gain:
    """Gain of the tail's second half over a threshold.

    Parameters
    ----------
    threshold
        Looped above this gain; below 1.
    window
        Tokens of the tail, both halves together.
    min_tokens
        Shorter outputs are not judged.
    """

    threshold: float = 0.98
    window: int = 1024
    min_tokens: int = 256

    name = "gain"
    version = 3

    def __post_init__(self) -> None:
        if not self.threshold < 1:
            raise ValueError(f"threshold must be below 1, got {self.threshold}")
        if self.window < 2:
            raise ValueError(f"window must be >= 2, got {self.window}")
        if self.min_tokens < 2:
            raise ValueError(f"min_tokens must be >= 2, got {self.min_tokens}")

    def scan(self, ids: Sequence[int], text: str | Sequence[str] | None = None) -> Verdict:
        """Judge the end of an output; the text is not used, and what came before is not asked."""
        stream = _Stream(self)
        stream.extend(as_ids(ids), ())
        found = stream.tail()
        verdict = tail_verdict(self.name, self.version, "circular", [found] if found else [], found)
        return msgspec.structs.replace(verdict, score=stream.score())

    def watch(self) -> TailWatcher:
        """Return fresh state for one stream."""
        return TailWatcher(_Stream(self))


def tail_gain(tail: NDArray[np.int64]) -> float:
    """Return the gain of the second half of `tail`, shape (n,) with n at least 2."""
    half = len(tail) // 2
    data = tail.astype("<u4").tobytes()
    first = len(data) - 4 * half
    cost = len(zlib.compress(data)) - len(zlib.compress(data[:first]))
    return 1 - cost / (4 * half)


class _Stream(Unscored):
    def __init__(self, rule: Gain) -> None:
        self._rule = rule
        self._ids = Grown()
        self._gain: float | None = None

    def extend(self, ids: NDArray[np.int64], pieces: Sequence[str]) -> None:
        self._ids.extend(ids)

    def tail(self) -> TailLoop | None:
        n = len(self._ids.view)
        if n < self._rule.min_tokens:
            return None
        size = min(n, self._rule.window)
        self._gain = tail_gain(self._ids.view[n - size :])
        if self._gain <= self._rule.threshold:
            return None
        return TailLoop(LoopSpan(start=n - size, end=n, period=size // 2, repeats=2))

    def score(self) -> float | None:
        return self._gain


DETECTOR = Gain
