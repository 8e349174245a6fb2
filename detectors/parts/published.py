"""What the published rules share: repeats found at every element, text places, verdicts."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from loopbench.detectors.parts.periods import Ints, periodic_length, tail_period
from loopbench.detectors.parts.streaming import Grown, TailLoop, TailStream, scan_tail, tail_verdict
from loopbench.types import Level, LoopSpan, Verdict

_MAX_SPANS = 100
"""Most loops listed in a verdict; beyond that the longest are kept."""
_MAX_ENDED = 1000
"""Most repetitions that ended which are remembered of one stream."""
_SAMPLES = 8
"""A repetition long enough for the rule is looked at in at least so many places."""


class PublishedStream(TailStream, Protocol):
    """A stream of a rule that looks at every token, not at the checkpoints alone."""

    def passed(self) -> list[LoopSpan]:
        """Return the loops that came and went, wherever they ended."""
        ...

    def score(self) -> float | None:
        """Return the rule's own measure of what it has seen."""
        ...


class Unscored:
    """Defaults of a rule without a measure, and without a memory of what ended."""

    def passed(self) -> list[LoopSpan]:
        """See `PublishedStream.passed`."""
        return []

    def score(self) -> float | None:
        """See `PublishedStream.score`."""
        return None


def published_verdict(
    name: str,
    version: int,
    level: Level,
    stream: PublishedStream,
    ids: Sequence[int],
    text: str | Sequence[str] | None,
) -> Verdict:
    """Judge a whole output: `looped` anywhere, `terminal` at its last token.

    Parameters
    ----------
    name, version, level
        Of the rule.
    stream
        Fresh.
    ids, text
        The output, as for `Detector.scan`.
    """
    loops, terminal = scan_tail(stream, ids, text)
    loops = sorted([*map(TailLoop, stream.passed()), *loops], key=lambda loop: loop.span.end)
    kept: list[TailLoop] = []
    for loop in loops:
        while kept and loop.span.start < kept[-1].span.end:
            kept.pop()
        kept.append(loop)
    if len(kept) > _MAX_SPANS:
        last = kept.pop()
        kept.sort(key=lambda loop: loop.span.start - loop.span.end)
        kept = sorted(kept[: _MAX_SPANS - 1], key=lambda loop: loop.span.end)
        kept.append(last)
    verdict = tail_verdict(name, version, level, kept, terminal)
    return msgspec.structs.replace(verdict, score=stream.score())


def whole(tokens: int) -> TailLoop:
    """Return the loop of a rule that judges the whole output: no onset, no period."""
    return TailLoop(LoopSpan(start=0, end=tokens, period=tokens, repeats=1))


class Places:
    """Which token added which character of a stream."""

    def __init__(self) -> None:
        self._ends: list[int] = []

    def extend(self, pieces: Sequence[str]) -> str:
        """Append the texts of the next tokens and return them joined."""
        total = self.chars
        for piece in pieces:
            total += len(piece)
            self._ends.append(total)
        return "".join(pieces)

    @property
    def tokens(self) -> int:
        """Tokens so far."""
        return len(self._ends)

    @property
    def chars(self) -> int:
        """Characters so far."""
        return self._ends[-1] if self._ends else 0

    def token(self, char: int) -> int:
        """Return the token that added this character."""
        return bisect_right(self._ends, char)

    def span(self, start: int, end: int, period: int, repeats: int | None = None) -> LoopSpan:
        """Turn a looping stretch in characters into one in tokens.

        Parameters
        ----------
        start, end
            Characters; `end` is exclusive.
        period
            In characters.
        repeats
            Where the rule has its own count.
        """
        # What added no text after the stretch, such as an end token, belongs to it.
        last = self.tokens if end == self.chars else self.token(end - 1) + 1
        block = self.token(end - 1) - self.token(max(start, end - 1 - period))
        return LoopSpan(
            start=self.token(start),
            end=last,
            period=max(1, block),
            repeats=(end - start) // period if repeats is None else repeats,
        )


class Repeat(NamedTuple):
    """A stretch with its smallest period, in elements."""

    start: int
    end: int
    period: int


class Repeats:
    """Back-to-back repetition of a block, exactly, at every element of a sequence.

    For every period p it knows how long ``t[i] == t[i - p]`` has held, from samples:
    every stretch that the rule asks for contains several, and those that hold at all of
    them are compared element by element. Costs O(max_size / step) comparisons per
    element, in numpy; memory is the sequence and O(max_size).

    Parameters
    ----------
    min_size
        Shortest period tried. A repetition with a shorter one counts through a multiple.
    demanded
        Length that a stretch with period 1, 2, … must have; each more than the period.
    """

    def __init__(self, min_size: int, demanded: NDArray[np.int64]) -> None:
        self._max = len(demanded)
        self._demanded = demanded
        matches = demanded - np.arange(1, self._max + 1)
        self._step = max(1, int(matches[min_size - 1 :].min()) // _SAMPLES)
        self._enough = matches // self._step
        self._enough[: min_size - 1] = np.iinfo(np.int64).max
        self._counts = np.zeros(self._max, np.int64)
        self._hot = np.zeros(self._max, bool)
        self._elements = Grown()
        self._next = 0
        self._ended: list[Repeat] = []

    def extend(self, values: Ints) -> None:
        """Append elements."""
        self._elements.extend(values)
        t = self._elements.view
        for at in range(self._next, len(t), self._step):
            self._sample(t, at)
            self._next = at + self._step

    def _sample(self, t: Ints, at: int) -> None:
        reach = min(self._max, at)
        if not reach:
            return
        same = t[at - reach : at][::-1] == t[at]
        counts = self._counts[:reach]
        broken = np.flatnonzero(self._hot[:reach] & ~same)
        if broken.size and len(self._ended) < _MAX_ENDED:
            self._ended += self._within(t, broken + 1, at)
        counts += 1
        counts *= same
        np.greater_equal(counts, self._enough[:reach], out=self._hot[:reach])

    def _within(self, t: Ints, periods: Ints, end: int) -> list[Repeat]:
        """Return the stretches of the shortest period that has any, before `end`."""
        for period in periods.tolist():
            low = end - (int(self._counts[period - 1]) + 1) * self._step
            low = max(period, low - self._step + 1)
            same = t[low:end] == t[low - period : end - period]
            edges = np.flatnonzero(np.diff(np.concatenate(([False], same, [False]))))
            starts, stops = edges[::2], edges[1::2]
            long = stops - starts >= self._demanded[period - 1] - period
            if long.any():
                return [
                    self._primitive(t[: low + stop], period, int(low + start - period))
                    for start, stop in zip(starts[long], stops[long], strict=True)
                ]
        return []

    def _primitive(self, t: Ints, period: int, start: int) -> Repeat:
        # By Fine and Wilf the smallest period of two blocks divides their length.
        tail = tail_period(t[len(t) - 2 * period :], 2, 2 * period, period)
        smallest = tail.period if tail else period
        return Repeat(start, len(t), smallest)

    def tail(self) -> Repeat | None:
        """Return the repetition that the sequence ends in."""
        t = self._elements.view
        for period in (np.flatnonzero(self._hot) + 1).tolist():
            demanded = int(self._demanded[period - 1])
            if periodic_length(t, period, demanded) >= demanded:
                return self._primitive(t, period, len(t) - periodic_length(t, period))
        return None

    def passed(self) -> list[Repeat]:
        """Return the repetitions that have ended, the longest still growing one included."""
        t = self._elements.view
        return self._ended + self._within(t, np.flatnonzero(self._hot) + 1, len(t))
