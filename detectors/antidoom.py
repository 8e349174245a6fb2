"""Antidoom's loop test: four or more copies of up to 1,024 characters over 60 or more.

Sees exact repetition of the text anywhere in the output, and marks it terminal where it
reaches the last character. Does not see longer units, counters, or paraphrase; a rule of
sixty dashes or a row of zeros matches. Without a text it finds nothing.

Source: the loop test with which Antidoom (FTPO, 2026) collects looping outputs, as quoted:
unit of at most 1,024 characters, at least 4 repeats, at least 60 characters. Its code was
not at hand: whether a last, partial copy counts towards the 60 characters is a guess (yes).

Cost: about 200 comparisons per character, 1 µs, up to 20 on adversarial input; about 70 bytes
per token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loopbench.detectors.parts.published import Places, Repeats, Unscored, published_verdict
from loopbench.detectors.parts.streaming import TailLoop, TailWatcher
from loopbench.types import LoopSpan, Verdict


@dataclass(frozen=True)
class Antidoom:
    """A unit of text repeated back to back.

    Parameters
    ----------
    min_repeats
        Copies of the unit, at least 2.
    min_chars
        Length of the looping stretch in characters.
    max_unit_chars
        Longest unit, in characters.
    """

    min_repeats: int = 4
    min_chars: int = 60
    max_unit_chars: int = 1024

    name = "antidoom"
    version = 1

    def __post_init__(self) -> None:
        if self.min_repeats < 2:
            raise ValueError(f"min_repeats must be >= 2, got {self.min_repeats}")
        if self.min_chars < 1:
            raise ValueError(f"min_chars must be >= 1, got {self.min_chars}")
        if self.max_unit_chars < 1:
            raise ValueError(f"max_unit_chars must be >= 1, got {self.max_unit_chars}")

    def scan(self, ids: Sequence[int], text: str | Sequence[str] | None = None) -> Verdict:
        """Judge a whole output; without a text there is nothing to find."""
        return published_verdict(self.name, self.version, "verbatim", _Stream(self), ids, text)

    def watch(self) -> TailWatcher:
        """Return fresh state for one stream."""
        return TailWatcher(_Stream(self))


class _Stream(Unscored):
    def __init__(self, rule: Antidoom) -> None:
        units = np.arange(1, rule.max_unit_chars + 1)
        self._repeats = Repeats(1, np.maximum(units * rule.min_repeats, rule.min_chars))
        self._places = Places()

    def extend(self, ids: NDArray[np.int64], pieces: Sequence[str]) -> None:
        codes = self._places.extend(pieces).encode("utf-32-le", "surrogatepass")
        self._repeats.extend(np.frombuffer(codes, "<u4").astype(np.int64))

    def tail(self) -> TailLoop | None:
        repeat = self._repeats.tail()
        return TailLoop(self._places.span(*repeat)) if repeat else None

    def passed(self) -> list[LoopSpan]:
        return [self._places.span(*repeat) for repeat in self._repeats.passed()]


DETECTOR = Antidoom
