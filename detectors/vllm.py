"""vLLM's `repetition_detection`: the last tokens are `min_count` copies of one block.

Sees exact repetition of up to `max_pattern_size` tokens, in token ids, at every token. Does
not see longer periods, counters, or paraphrase; three equal tokens in a row already match.

Source: `RepetitionDetectionParams` and `check_sequence_repetition` of vLLM (0.17 and later),
where it is off by default. Kept as it is there: `min_pattern_size` is satisfied by a multiple
of a shorter period, so that ten equal tokens are two blocks of five; 0 means 1; a
`max_pattern_size` of 0 switches the rule off. The verdict shows the primitive period all the
same. `terminal` is what vLLM's check says after the last token, `looped` whether it would
have stopped anywhere. The default of 64 x 3 is LoopBench's choice; vLLM has none.

Cost: `max_pattern_size` comparisons per token in one numpy call, about 4 µs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loopbench.detectors.parts.published import Repeat, Repeats, Unscored, published_verdict
from loopbench.detectors.parts.streaming import TailLoop, TailWatcher
from loopbench.types import LoopSpan, Verdict


@dataclass(frozen=True)
class Vllm:
    """The last ``min_count * p`` tokens are one block of p tokens, repeated.

    Parameters
    ----------
    max_pattern_size
        Longest block tried, in tokens; 0 switches the rule off.
    min_pattern_size
        Shortest block tried; 0 means 1.
    min_count
        Copies of the block, at least 2.
    """

    max_pattern_size: int = 64
    min_pattern_size: int = 0
    min_count: int = 3

    name = "vllm"
    version = 1

    def __post_init__(self) -> None:
        check_pattern(self.max_pattern_size, self.min_pattern_size, self.min_count)

    def scan(self, ids: Sequence[int], text: str | Sequence[str] | None = None) -> Verdict:
        """Judge a whole output; the text is not used."""
        return published_verdict(self.name, self.version, "verbatim", self._stream(), ids, None)

    def watch(self) -> TailWatcher:
        """Return fresh state for one stream."""
        return TailWatcher(self._stream())

    def _stream(self) -> PatternStream:
        return PatternStream(self.max_pattern_size, self.min_pattern_size, self.min_count)


def check_pattern(max_pattern_size: int, min_pattern_size: int, min_count: int) -> None:
    """Refuse what vLLM's `RepetitionDetectionParams` refuses.

    Parameters
    ----------
    max_pattern_size, min_pattern_size
        Tokens of a pattern; 0 switches the rule off.
    min_count
        Its repeats.

    Raises
    ------
    ValueError
        With the value.
    """
    if max_pattern_size < 0:
        raise ValueError(f"max_pattern_size must be >= 0, got {max_pattern_size}")
    if not 0 <= min_pattern_size <= max_pattern_size:
        raise ValueError(
            f"min_pattern_size must be between 0 and max_pattern_size, got {min_pattern_size}"
        )
    if max_pattern_size and min_count < 2:
        raise ValueError(f"min_count must be >= 2, got {min_count}")


class PatternStream(Unscored):
    """Tokens under the rule above.

    Parameters
    ----------
    max_pattern_size, min_pattern_size, min_count
        See `check_pattern`.
    """

    def __init__(self, max_pattern_size: int, min_pattern_size: int, min_count: int) -> None:
        sizes = np.arange(1, max_pattern_size + 1)
        self._repeats = (
            Repeats(max(1, min_pattern_size), sizes * min_count) if max_pattern_size else None
        )

    def extend(self, ids: NDArray[np.int64], pieces: Sequence[str]) -> None:
        """Append tokens."""
        if self._repeats:
            self._repeats.extend(ids)

    def tail(self) -> TailLoop | None:
        """Return the repetition that ends in the last token."""
        repeat = self._repeats.tail() if self._repeats else None
        return TailLoop(_span(repeat)) if repeat else None

    def passed(self) -> list[LoopSpan]:
        """Return the repetitions at which the engine would have stopped."""
        return [_span(repeat) for repeat in self._repeats.passed()] if self._repeats else []


def _span(repeat: Repeat) -> LoopSpan:
    length = repeat.end - repeat.start
    return LoopSpan(
        start=repeat.start,
        end=repeat.end,
        period=repeat.period,
        repeats=length // repeat.period,
    )


DETECTOR = Vllm
