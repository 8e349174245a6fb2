"""The items of a whole output, as they were after any of its tokens: parsed once for all looks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from loopbench.detectors.parts.items import COMMA, Items
from loopbench.detectors.parts.numerals import REACH, undecided
from loopbench.pieces import Pieces

Ints = NDArray[np.int64]


class Rewound(Items):
    """What `Items` holds that were extended up to some token; up to the last one at first.

    Parameters
    ----------
    pieces
        The output.
    """

    def __init__(self, pieces: Pieces) -> None:
        super().__init__()
        self.pieces = pieces
        self._text = pieces.between(0, len(pieces))
        self.extend([self._text])
        self.parse()
        self._edges = super().edges
        self._all = super().literals, super().numbers, super().widths
        self.last_new = _last_new(self._all[0])
        """The last item up to each whose literal had not stood before, -1 for none."""
        self._shown = len(self._starts)
        self._shown_tokens = len(pieces)

    def rewind(self, tokens: int) -> None:
        """Go to where so many tokens were seen, at least one; forward as well as back."""
        chars = int(self.pieces.ends[tokens - 1])
        ends = self._edges[1:]
        # More text cannot change a number that ends so long before.
        sure = int(ends.searchsorted(chars - REACH))
        if sure:
            complete = undecided(self._text, int(ends[sure - 1]), chars)
        else:  # a stream begins like a line
            complete = undecided("\n" + self._text[:chars], 0, chars + 1) - 1
        self._shown, self._shown_tokens = int(ends.searchsorted(complete, "right")), tokens
        self.recurring = self._shown - 1 - int(self.last_new[self._shown - 1]) if self._shown else 0

    def count_after_token(self, token: int) -> int:
        """Return how many items begin after this token."""
        if token < 0:
            return self._shown
        begun = self._edges[: self._shown].searchsorted(self.pieces.ends[token], "right")
        return self._shown - int(begun)

    def token_of(self, item: int) -> int:
        """Return the token with which the literal of `item` begins."""
        return int(self.pieces.ends.searchsorted(self._edges[item], "right"))

    @property
    def literals(self) -> Ints:
        """The literal of each item."""
        return self._all[0][: self._shown]

    @property
    def numbers(self) -> Ints:
        """The number of each item."""
        return self._all[1][: self._shown]

    @property
    def widths(self) -> Ints:
        """See `Items.widths`."""
        return self._all[2][: self._shown]

    @property
    def edges(self) -> Ints:
        """The character at which each item begins, and the one after the last of them."""
        return self._edges[: self._shown + 1]

    @property
    def rest(self) -> str:
        """The text after the last item."""
        return self._text[self._edges[self._shown] : self.pieces.ends[self._shown_tokens - 1]]

    @property
    def tokens(self) -> int:
        """Tokens seen."""
        return self._shown_tokens


def _last_new(literals: Ints) -> Ints:
    highest = np.maximum.accumulate(np.concatenate(([COMMA], literals)))[:-1]
    new = np.where(literals > highest, np.arange(len(literals)), -1)
    return np.asarray(np.maximum.accumulate(new))
