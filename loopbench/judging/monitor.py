"""Watching one stream while it is generated, and judging it as a whole."""

from __future__ import annotations

from collections.abc import Sequence

from loopbench.detectors import Detector
from loopbench.pieces import Pieces
from loopbench.types import LoopSpan, Verdict


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


def scan_all(
    rules: Sequence[Detector], ids: Sequence[int], text: str | Sequence[str] | None
) -> list[Verdict]:
    """Return the verdict of every detector on a whole output.

    Parameters
    ----------
    rules
        The detectors.
    ids
        Token ids of the output.
    text
        Its text, or one string per token.
    """
    if isinstance(text, list):
        # Joined once for all of them.
        text = Pieces.joined(text)
    return [rule.scan(ids, text) for rule in rules]
