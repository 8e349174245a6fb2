"""Only the end of an output: what a detector is shown that is asked how the output ended.

Most answers need the last few hundred tokens. Where one needs more, because the block of a loop
may be longer than what is seen, the detector says so and is shown more, in the end the whole.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from loopbench.pieces import Pieces
from loopbench.types import LoopSpan, Verdict

_MOST_PLACES = 32
"""Places that are tried before more of the text is asked for."""
_WINDOW = 96
"""Tokens of the end that are looked for before it."""
_CUT = "\ufffd"
_SLACK = 64
"""Characters that a cut may have taken from the last block of a loop, at most."""


class Ending(NamedTuple):
    """The last tokens of an output, and the text before them."""

    ids: NDArray[np.int64]
    pieces: Pieces
    before: str = ""
    """The text before the first of these tokens; empty where they are all."""
    skipped: int = 0
    """Tokens before the first of these."""
    sure: bool = True
    """Whether the last word, which a cut went through, has the id that it has in the whole."""

    @property
    def text(self) -> str:
        """The whole text."""
        return self.before + self.pieces.between(0, len(self.pieces))

    @property
    def tokens(self) -> int:
        """Tokens of the whole output."""
        return self.skipped + len(self.ids)

    def span(self, span: LoopSpan) -> LoopSpan:
        """Return a stretch of the last tokens as one of the whole output."""
        return LoopSpan(
            start=span.start + self.skipped,
            end=span.end + self.skipped,
            period=span.period,
            repeats=span.repeats,
        )

    def may_go_round(self, longer_than: int, min_repeats: int, min_tokens: int) -> bool:
        """Whether the text may end in a verbatim loop of a longer period than so many tokens.

        Its last tokens then stood once before, as far back as the period, and so did all of a
        block. It must be known that no shorter loop is there.
        """
        text = self.text.rstrip(_CUT)
        size, count = len(text), len(self.pieces)
        # All but the first block has stood before.
        known = min(_WINDOW, (min_repeats - 1) * min(min_tokens, count) // min_repeats)
        window = text[size - len(self.pieces.between(count - known, count)) :]
        first = max(0, size - len(window) - (size + _SLACK) // min_repeats)
        at = text.rfind(window, first, max(0, size - max(1, longer_than)))
        for _ in range(_MOST_PLACES if window else 0):
            if at < 0:
                return False
            back = size - len(window) - at
            if text.endswith(text[max(0, size - 2 * back + _SLACK) : size - back]):
                return True
            at = text.rfind(window, first, at + len(window) - 1)
        return True


@runtime_checkable
class EndDetector(Protocol):
    """A detector that may be asked for the end alone, which is faster than a scan."""

    def end(self, ending: Ending) -> Verdict | None:
        """Judge the end: what `scan` says of it, without the loops that were left.

        None where it takes more tokens to know.
        """
        ...
