"""Whisper's compression ratio: the output's text is more than 2.4 times its zlib size.

Sees every kind of repetition, counters and drift included, but also flags most long prose,
code, tables and lists: the ratio grows with length. Gives a score, no onset or period.

Source: openai/whisper (`compression_ratio`, `compression_ratio_threshold = 2.4`), meant for
transcripts of at most 30 seconds, where it is asked once per segment. Here the text of the
whole output is one segment. Without a text it finds nothing.

Cost: the text is compressed once as it comes, and a copy of the compressor is finished at
every checkpoint: 1 to 3 µs per token, memory constant.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loopbench.detectors.parts.published import Unscored, published_verdict, whole
from loopbench.detectors.parts.streaming import TailLoop, TailWatcher
from loopbench.types import Verdict


@dataclass(frozen=True)
class Whisper:
    """UTF-8 bytes per byte of their zlib stream, over a threshold.

    Parameters
    ----------
    compression_ratio_threshold
        Looped above this ratio; positive.
    """

    compression_ratio_threshold: float = 2.4

    name = "whisper"
    version = 1

    def __post_init__(self) -> None:
        if not self.compression_ratio_threshold > 0:
            raise ValueError(
                "compression_ratio_threshold must be positive, "
                f"got {self.compression_ratio_threshold}"
            )

    def scan(self, ids: Sequence[int], text: str | Sequence[str] | None = None) -> Verdict:
        """Judge a whole output; without a text there is nothing to find."""
        return published_verdict(self.name, self.version, "circular", _Stream(self), ids, text)

    def watch(self) -> TailWatcher:
        """Return fresh state for one stream."""
        return TailWatcher(_Stream(self))


class _Stream(Unscored):
    def __init__(self, rule: Whisper) -> None:
        self._rule = rule
        self._compressor = zlib.compressobj()
        self._buffer: list[str] = []
        self._tokens = self._raw = self._compressed = 0
        self._ratio: float | None = None

    def extend(self, ids: NDArray[np.int64], pieces: Sequence[str]) -> None:
        self._tokens += len(ids)
        self._buffer.extend(pieces)

    def tail(self) -> TailLoop | None:
        data = "".join(self._buffer).encode("utf-8", "surrogatepass")
        self._buffer.clear()
        self._raw += len(data)
        self._compressed += len(self._compressor.compress(data))
        if not self._raw:
            return None
        total = self._compressed + len(self._compressor.copy().flush())
        self._ratio = self._raw / total
        above = self._ratio > self._rule.compression_ratio_threshold
        return whole(self._tokens) if above else None

    def score(self) -> float | None:
        return self._ratio


DETECTOR = Whisper
