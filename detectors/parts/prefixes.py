"""The items of a whole output, seen from any of its checkpoints."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from loopbench.detectors.parts.anywhere import BASE, INVERSE, Run, powers
from loopbench.detectors.parts.items import rest_fits
from loopbench.detectors.parts.numerals import Notation
from loopbench.detectors.parts.periods import Ints
from loopbench.detectors.parts.streaming import checkpoints
from loopbench.detectors.parts.whole import Bytes, find_numbers
from loopbench.pieces import Pieces

_NOTATION = 0x2C1B3C6D


class WholeItems:
    """What `Items` has parsed at each checkpoint of an output, as prefixes of one parse.

    Literals are fingerprints until `intern` makes them exact: where the fingerprints show
    no repetition there is none.
    """

    def __init__(self, pieces: Pieces) -> None:
        self.text = pieces.text
        self.token_ends = pieces.ends
        self.found, self._codes = find_numbers(self.text)
        self.numbers = self.found.value
        self.starts = np.zeros(len(self.found.end), np.int64)
        """Character at which each item's literal begins."""
        self.starts[1:] = self.found.end[:-1]
        self.tokens = checkpoints(len(pieces))
        """The checkpoints, in tokens."""
        self.known = self.found.closed.searchsorted(self.token_ends[self.tokens - 1], "right")
        """Items that are complete at each checkpoint."""

    @property
    def shapes(self) -> Ints:
        """What is quickly seen of each literal: its length, its first and its last character."""
        if not self.starts.size:
            return self.starts
        shapes = self.found.start - self.starts
        ends = self._codes.take(self.starts).astype(np.int64) << 8
        ends |= self._codes.take(self.found.start - 1, mode="clip")
        ends[shapes == 0] = 0
        shapes <<= 16
        shapes += ends
        return shapes

    @cached_property
    def literals(self) -> Ints:
        """The literal of each item."""
        literals = _fingerprints(self._codes, self.starts, self.found.start)
        # Numbers of two notations never fill one slot.
        literals += self.found.notation * _NOTATION
        return literals

    def intern(self) -> None:
        """Tell literals apart by their texts, no longer by their fingerprints."""
        ids: dict[tuple[int, str], int] = {}
        text, found = self.text, self.found
        places = zip(
            found.notation.tolist(), self.starts.tolist(), found.start.tolist(), strict=True
        )
        interned = (ids.setdefault((kind, text[a:b]), len(ids)) for kind, a, b in places)
        self.literals = np.fromiter(interned, np.int64, len(found.start))

    def covered(self, min_tokens: int) -> Ints:
        """Return for each checkpoint how many items begin in its last `min_tokens` tokens."""
        first = np.maximum(self.tokens - min_tokens, 0)
        before = self.starts.searchsorted(self.token_ends[first], "right")
        before[self.tokens < min_tokens] = 0
        return self.known - np.minimum(self.known, before)

    def promising(self, runs: list[Run], covered: Ints, repeats: int) -> Ints:
        """Return the checkpoints, by index, at which `counter` may find anything.

        Parameters
        ----------
        runs
            Every run of at least `repeats` periods in the literals.
        covered
            Items that the rule demands at each checkpoint.

        Notes
        -----
        The literals end in a run, or in two to four periods of what was a run until a
        change of literals: then the run had as many items as have come since.
        """
        possible = np.zeros(len(self.tokens), np.bool_)
        ago = self.recurrences()
        for _, start, end in runs:
            size = end - start
            a, b, c = np.searchsorted(self.known, (start + repeats, end + 1, end + size + 1))
            possible[a:b] |= covered[a:b] <= self.known[a:b] - start
            recurs = ago[self.known[b:c] - 1] <= size // repeats
            possible[b:c] |= (covered[b:c] <= size) & recurs
        return np.flatnonzero(possible)

    def recurrences(self) -> Ints:
        """Return how many items ago each literal stood last, more than there are for never."""
        order = np.argsort(self.literals, kind="stable")
        ago = np.full(len(order), len(order) + 1)
        same = np.flatnonzero(np.diff(self.literals[order]) == 0)
        ago[order[same + 1]] = order[same + 1] - order[same]
        return ago

    def verbatim(self, run: Run) -> bool:
        """Whether the whole text of a run of literals repeats, numbers and all."""
        period, start, end = run
        begin, beyond = int(self.starts[start]), int(self.found.end[end - 1])
        chars = int(self.starts[start + period]) - begin
        return self.text[begin : beyond - chars] == self.text[begin + chars : beyond]


class Prefix:
    """`WholeItems` at one checkpoint, with the face of `Items`."""

    def __init__(self, whole: WholeItems, index: int) -> None:
        self._whole = whole
        self.tokens = int(whole.tokens[index])
        self.size = int(whole.known[index])
        self.literals = whole.literals[: self.size]
        self.numbers = whole.numbers[: self.size]

    def open_rest_fits(self, item: int) -> bool:
        """See `Items.open_rest_fits`."""
        whole = self._whole
        begin = int(whole.found.end[self.size - 1]) if self.size else 0
        rest = whole.text[begin : int(whole.token_ends[self.tokens - 1])]
        return rest_fits(Notation(whole.found.notation[item]), self.text_of(item), rest)

    def text_of(self, item: int) -> str:
        """See `Items.text_of`."""
        return self._whole.text[self._whole.starts[item] : self._whole.found.start[item]]

    def token_of(self, item: int) -> int:
        """See `Items.token_of`."""
        whole = self._whole
        return int(np.searchsorted(whole.token_ends, whole.starts[item], "right"))

    def count_after_token(self, token: int) -> int:
        """See `Items.count_after_token`."""
        if token < 0:
            return self.size
        whole = self._whole
        before = int(np.searchsorted(whole.starts, whole.token_ends[token], "right"))
        return self.size - min(self.size, before)


def _fingerprints(codes: Bytes, begin: Ints, end: Ints) -> Ints:
    """Return a fingerprint of 32 bits of each stretch of the text, equal where they are."""
    sums = np.zeros(len(codes) + 1, np.uint32)
    terms = codes.astype(np.uint32)
    terms *= powers(BASE, len(codes))
    terms.cumsum(dtype=np.uint32, out=sums[1:])
    prints = sums.take(end) - sums.take(begin)
    prints *= powers(INVERSE, len(codes) + 1).take(begin)
    # Stretches of zeros of any length would look alike.
    prints += ((end - begin) * 0x85EBCA6B).astype(np.uint32)
    return prints.astype(np.int64)
