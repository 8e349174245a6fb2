"""The detector contract: a batch face and a streaming face that agree exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from loopbench.types import LoopSpan, Verdict


@runtime_checkable
class Watcher(Protocol):
    """State of one detector on one stream."""

    def push(self, ids: Sequence[int], pieces: Sequence[str] | None = None) -> LoopSpan | None:
        """Take the next tokens of the stream.

        Parameters
        ----------
        ids
            Token ids, in order, any number of them.
        pieces
            The text that each of these tokens added, one string per id. Detectors that
            work on ids alone ignore it.

        Returns
        -------
        LoopSpan or None
            The loop in which the stream was at the first checkpoint among these tokens
            at which there was one. A watcher that has fired says nothing more.
        """
        ...


@runtime_checkable
class Detector(Protocol):
    """A loop rule with its parameters; stateless, so one instance serves many streams."""

    name: str
    version: int

    def scan(self, ids: Sequence[int], text: str | Sequence[str] | None = None) -> Verdict:
        """Judge a whole output.

        Parameters
        ----------
        ids
            Token ids of the output.
        text
            The output's text: one string per id, or the whole text (then its tokens are
            placed in proportion, and token indices of text-based detectors are approximate).
        """
        ...

    def watch(self) -> Watcher:
        """Return fresh state for one stream."""
        ...
