"""Who is told what happens in a run, and the watch that counts tokens for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from loopbench.detectors import Detector
from loopbench.judging.monitor import StreamMonitor
from loopbench.types import Request


class Progress(Protocol):
    """Told what happens; the shell decides how to show it."""

    def phase(self, text: str, total: int) -> None:
        """Begin a part of the run with so many generations."""
        ...

    def token(self, count: int) -> None:
        """More tokens were generated."""
        ...

    def done(self, outcome: str) -> None:
        """One generation has ended."""
        ...

    def note(self, sentence: str) -> None:
        """Something that explains a wait."""
        ...


class Silent:
    """Progress that shows nothing."""

    def phase(self, text: str, total: int) -> None:
        """Ignore."""

    def token(self, count: int) -> None:
        """Ignore."""

    def done(self, outcome: str) -> None:
        """Ignore."""

    def note(self, sentence: str) -> None:
        """Ignore."""


class Watching:
    """The watch of a run: every stream gets a monitor with these rules, its tokens are counted.

    Its rules are readable, so that a stream can be watched where it is generated.
    """

    def __init__(self, rules: Sequence[Detector], progress: Progress) -> None:
        self.rules, self.progress = tuple(rules), progress

    def __call__(self, request: Request) -> _CountingMonitor:
        """Return the monitor of a new stream."""
        return _CountingMonitor(self.rules, self.progress)


class _CountingMonitor:
    """A stream's monitor that also counts tokens for the progress display."""

    def __init__(self, rules: Sequence[Detector], progress: Progress) -> None:
        self._monitor = StreamMonitor(rules)
        self._progress = progress

    def push(self, ids: Sequence[int], pieces: Sequence[str]) -> bool:
        self._progress.token(len(ids))
        return self._monitor.push(ids, pieces)
