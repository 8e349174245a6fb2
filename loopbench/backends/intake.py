"""One output as it comes in, token by token, and how it ends: the same for every engine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from loopbench.backends.base import StreamWatch
from loopbench.types import Finish, Generation

PRECEDENCE = 2
"""Version of the order in which `Intake.take` decides how an output ends, for a run's header.

1: the engines differed where a watch fired with the last token of the budget.
"""


class End(NamedTuple):
    """How an output ended."""

    finish: Finish
    raw: str
    """The engine's own word for it."""


LOOPED = End("loop", "watch")
LIMIT = End("length", "limit")


class Intake:
    """An output while it is generated.

    Parameters
    ----------
    watch
        Sees every token, but for one that the model ended itself with.
    left
        Tokens that the budget still has; None where only the engine counts them.
    """

    def __init__(self, watch: StreamWatch, left: int | None = None) -> None:
        self.ids: list[int] = []
        self.pieces: list[str] = []
        self.dropped = 0
        """Tokens that came together with the last one, and after it."""
        self._watch, self._left = watch, left
        self._started = time.monotonic()

    def take(self, ids: Sequence[int], pieces: Sequence[str], end: End | None = None) -> End | None:
        """Take tokens up, and return how the output ended, if it did.

        What decides first: a failure; the model's own end, since a model that ends by itself is
        not doomed, whatever a watch would say; the watch, at the very token at which it fires;
        the budget.

        Parameters
        ----------
        ids, pieces
            New tokens, with the text that each of them added.
        end
            What the engine says about the end of the output, where these are its last tokens.
        """
        if end and end.finish in ("error", "stop"):
            self._append(ids, pieces)
            return end
        for count, (one, piece) in enumerate(zip(ids, pieces, strict=True), 1):
            self._append([one], [piece])
            looped = self._watch.push([one], [piece])
            if looped or (self._left is not None and len(self.ids) >= self._left):
                self.dropped = len(ids) - count
                return LOOPED if looped else end or LIMIT
        return end

    def _append(self, ids: Sequence[int], pieces: Sequence[str]) -> None:
        self.ids += ids
        self.pieces += pieces

    def add_text(self, text: str) -> None:
        """Book a text that came without a token on the last one; nothing where there is none."""
        if text and self.pieces:
            self.pieces[-1] += text

    def replace(self, ids: Sequence[int], pieces: Sequence[str]) -> None:
        """Take over another version of the whole output, unwatched."""
        self.ids, self.pieces = list(ids), list(pieces)

    def generation(
        self,
        end: End,
        *,
        prompt_tokens: int,
        output_tokens: int | None = None,
        opened_thinking: bool = False,
        error: str | None = None,
        seconds: float | None = None,
    ) -> Generation:
        """Return what there is.

        Parameters
        ----------
        output_tokens
            What it counts against the budget, where that is not the number of its ids.
        opened_thinking
            See `Generation`.
        error
            The sentence for a failure.
        seconds
            How long it took, where that is not the time since the intake was made.
        """
        return Generation.of(
            self.ids,
            self.pieces,
            finish=end.finish,
            raw_finish=end.raw,
            prompt_tokens=prompt_tokens,
            output_tokens=len(self.ids) if output_tokens is None else output_tokens,
            seconds=time.monotonic() - self._started if seconds is None else seconds,
            opened_thinking=opened_thinking,
            error=error,
        )
