"""TRL's repetition penalty: the share of token n-grams that occurred before, times a penalty.

Sees any repetition of short phrases in token ids, and grows with every turn of a loop. Does
not tell a loop from a long table or a list with a fixed form; a counter loop with short
lines is seen, one number per line is not. Gives a score, no onset or period.

Source: `trl.rewards.get_repetition_penalty_reward` (n-grams of completion ids; Yeo et al.,
"Demystifying Long Chain-of-Thought Reasoning", arXiv 2502.03373, appendix C.2). The score
is TRL's reward of the output so far. The threshold is LoopBench's: a reward has none.
open-r1's older form of it counts lower-cased words instead of ids.

Cost: one set insertion per token, under 1 µs; about 100 bytes per token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loopbench.detectors.parts.published import Unscored, published_verdict, whole
from loopbench.detectors.parts.streaming import TailLoop, TailWatcher
from loopbench.types import Verdict


@dataclass(frozen=True)
class Trl:
    """``(1 - unique n-grams / all n-grams) * max_penalty``, at or below a threshold.

    Parameters
    ----------
    ngram_size
        Tokens of the n-grams, at least 1.
    max_penalty
        Reward of an output that only repeats; negative.
    threshold
        Looped at this reward and below; negative.
    """

    ngram_size: int = 3
    max_penalty: float = -1.0
    threshold: float = -0.5

    name = "trl"
    version = 1

    def __post_init__(self) -> None:
        if self.ngram_size < 1:
            raise ValueError(f"ngram_size must be >= 1, got {self.ngram_size}")
        if self.max_penalty > 0:
            raise ValueError(f"max_penalty must not be positive, got {self.max_penalty}")
        if not self.threshold < 0:
            raise ValueError(f"threshold must be negative, got {self.threshold}")

    def scan(self, ids: Sequence[int], text: str | Sequence[str] | None = None) -> Verdict:
        """Judge a whole output; the text is not used."""
        return published_verdict(self.name, self.version, "circular", _Stream(self), ids, None)

    def watch(self) -> TailWatcher:
        """Return fresh state for one stream."""
        return TailWatcher(_Stream(self))


class _Stream(Unscored):
    def __init__(self, rule: Trl) -> None:
        self._rule = rule
        self._rest: list[int] = []
        self._tokens = 0
        self._seen: set[tuple[int, ...]] = set()

    def extend(self, ids: NDArray[np.int64], pieces: Sequence[str]) -> None:
        self._tokens += len(ids)
        tokens = self._rest + ids.tolist()
        n = self._rule.ngram_size
        self._seen.update(zip(*(tokens[i:] for i in range(n)), strict=False))
        self._rest = tokens[max(0, len(tokens) - n + 1) :]

    def tail(self) -> TailLoop | None:
        return whole(self._tokens) if self.score() <= self._rule.threshold else None

    def score(self) -> float:
        grams = self._tokens - self._rule.ngram_size + 1
        repeated = 1 - len(self._seen) / grams if grams > 0 else 0.0
        return repeated * self._rule.max_penalty if repeated else 0.0


DETECTOR = Trl
