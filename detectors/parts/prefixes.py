"""The items of a whole text, and of its beginnings: what `Items` has that reads no further."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from loopbench.detectors.parts.items import Items, fits
from loopbench.detectors.parts.numerals import REACH, decided
from loopbench.pieces import Pieces

Ints = NDArray[np.int64]


class WholeItems:
    """The items of a whole text, parsed at once."""

    def __init__(self, pieces: Pieces) -> None:
        self.text = pieces.between(0, len(pieces))
        self.token_ends = pieces.ends
        self._lined = "\n" + self.text  # a stream begins like a line
        self.items = Items()
        self.items.extend([self.text])
        self.items.parse()
        self.edges = self.items.edges
        self.literals, self.numbers = self.items.literals, self.items.numbers
        new = np.ones(len(self.literals), np.bool_)
        new[1:] = self.literals[1:] > np.maximum.accumulate(self.literals)[:-1]
        self.last_new = np.maximum.accumulate(np.where(new, np.arange(len(new)), 0))
        """The last item up to each whose literal had not stood before."""

    def bounds(self, chars: Ints) -> tuple[Ints, Ints]:
        """Return how many items are complete after so many characters, at least and at most."""
        ends = self.edges[1:]
        return ends.searchsorted(chars - REACH), ends.searchsorted(chars, "right")

    def after(self, tokens: int) -> Prefix:
        """Return the items that are complete after so many tokens."""
        chars = int(self.token_ends[tokens - 1]) if tokens else 0
        least, most = (int(bound) for bound in self.bounds(np.array(chars)))
        count = least
        if most > least:
            begin = int(self.edges[count]) + 1 if count else 0
            for end in decided(self._lined, begin, chars + 1):
                if count < most and end == self.edges[count + 1] + 1:
                    count += 1
        return Prefix(self, tokens, chars, count)


class Prefix:
    """The items of a stream after so many tokens; its members are those of `Items`."""

    def __init__(self, whole: WholeItems, tokens: int, chars: int, count: int) -> None:
        self._whole, self.tokens = whole, tokens
        self.literals, self.numbers = whole.literals[:count], whole.numbers[:count]
        self.recurring = count - 1 - int(whole.last_new[count - 1]) if count else 0
        self._starts = whole.edges[:count]
        self._rest = whole.text[int(whole.edges[count]) : chars]

    def open_rest_fits(self, item: int) -> bool:
        """See `Items.open_rest_fits`."""
        return fits(*self._whole.items.form_of(item), self._rest)

    def text_of(self, item: int) -> str:
        """See `Items.text_of`."""
        return self._whole.items.text_of(item)

    def token_of(self, item: int) -> int:
        """See `Items.token_of`."""
        return int(self._whole.token_ends.searchsorted(self._starts[item], "right"))

    def count_after_token(self, token: int) -> int:
        """See `Items.count_after_token`."""
        if token < 0:
            return len(self._starts)
        at = self._whole.token_ends[token]
        return len(self._starts) - int(self._starts.searchsorted(at, "right"))
