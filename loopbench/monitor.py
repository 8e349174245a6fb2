"""Watching one stream while it is generated, and when to stop it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from loopbench import detectors
from loopbench.detectors import Detector
from loopbench.types import LoopSpan, Struct, Verdict


class Rule(Struct, frozen=True):
    """A detector with its parameters, as written into a run's header."""

    detector: str
    parameters: dict[str, int | float] = msgspec.field(default_factory=dict)

    def build(self) -> Detector:
        """Return the detector."""
        return detectors.get(self.detector, **self.parameters)


DOOM = (
    Rule(detector="suffix", parameters={"min_repeats": 4, "min_tokens": 128}),
    Rule(detector="counter", parameters={"min_repeats": 4, "min_tokens": 128}),
)
"""What counts as a loop in a finished output, and decides about doom."""

CIRCULAR = Rule(
    detector="circular",
    parameters={
        "share": 0.36,
        "bits": 25.0,
        "window": 200,
        "recent": 900,
        "min_words": 300,
        "filled": 0.2,
    },
)
"""What counts as going round at the end of a finished output."""

MEASURE = (*DOOM, CIRCULAR)
"""Every rule whose verdicts a record keeps: together they decide about its outcome."""

STOP = (
    Rule(detector="suffix", parameters={"min_repeats": 8, "min_tokens": 256}),
    Rule(detector="counter", parameters={"min_repeats": 32, "min_tokens": 512}),
)
"""What stops a stream: stricter, because lists that were asked for end by themselves."""

STOP_CIRCULAR = Rule(detector="circular", parameters={**CIRCULAR.parameters, "lasting": 400})
"""What also stops a stream where that is asked for: many circular stretches are left again."""


class StreamMonitor:
    """Watchers of one stream; `push` asks to stop when the first of them fires."""

    def __init__(self, rules: Sequence[Detector]) -> None:
        self._watchers = [rule.watch() for rule in rules]
        self.span: LoopSpan | None = None

    def push(self, ids: Sequence[int], pieces: Sequence[str]) -> bool:
        """See `loopbench.backends.base.StreamWatch.push`."""
        for watcher in self._watchers:
            self.span = self.span or watcher.push(ids, pieces)
        return self.span is not None


def judge(
    rules: Sequence[Detector], ids: Sequence[int], text: str | Sequence[str] | None
) -> list[Verdict]:
    """Return the verdict of every detector on a whole output."""
    return [rule.scan(ids, text) for rule in rules]
