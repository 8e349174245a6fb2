"""A text as the pieces that its tokens added: cut and joined here, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import overload

import numpy as np
from numpy.typing import NDArray


class Pieces(Sequence[str]):
    """A text cut into the pieces that its tokens added; a piece is made when it is asked for.

    `ends` counts the characters up to the end of each piece.
    """

    def __init__(self, text: str, ends: NDArray[np.int64]) -> None:
        self.text = text
        self.ends = ends
        self._cut: list[str] | None = None

    @classmethod
    def joined(cls, pieces: Sequence[str]) -> Pieces:
        """Take pieces that were cut already."""
        if isinstance(pieces, Pieces):
            return pieces
        ends = np.cumsum(np.fromiter(map(len, pieces), np.int64, len(pieces)))
        made = cls("".join(pieces), ends)
        made._cut = pieces if isinstance(pieces, list) else None
        return made

    def __len__(self) -> int:
        return len(self.ends)

    def __iter__(self) -> Iterator[str]:
        return iter(self[:])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self[:] == list(other)

    def __repr__(self) -> str:
        return f"Pieces({self[:]!r})"

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        if self._cut is not None:
            return self._cut[index]
        if isinstance(index, slice):
            first, beyond, step = index.indices(len(self))
            if step != 1:
                return list(self)[index]
            begin = int(self.ends[first - 1]) if first > 0 else 0
            edges = [begin, *self.ends[first:beyond].tolist()]
            return [self.text[a:b] for a, b in pairwise(edges)]
        at = range(len(self))[index]
        return self.text[int(self.ends[at - 1]) if at else 0 : int(self.ends[at])]

    def between(self, first: int, beyond: int) -> str:
        """Return the text of the pieces from one index up to another."""
        if beyond <= first:
            return ""
        return self.text[int(self.ends[first - 1]) if first else 0 : int(self.ends[beyond - 1])]


def cut(text: str, token_chars: Sequence[int]) -> Pieces:
    """Cut a text into the pieces that its tokens added.

    Parameters
    ----------
    token_chars
        Characters that each token added. What they are short of the text belongs to no piece,
        and what they exceed it by is not there.
    """
    counts = _as_counts(token_chars)
    if counts.size and counts.min() < 0:
        # Of no engine, but files are hostile input: such a piece begins further left.
        return Pieces.joined(_sliced(text, token_chars))
    ends = counts.cumsum(dtype=np.int64)
    return Pieces(text, np.minimum(ends, len(text), out=ends))


def _as_counts(counts: Sequence[int]) -> NDArray[np.int64] | NDArray[np.uint8]:
    try:
        # Hardly a token adds more characters than a byte can count.
        return np.frombuffer(bytes(counts), np.uint8)
    except (TypeError, ValueError):
        return np.asarray(counts, np.int64)


def _sliced(text: str, token_chars: Sequence[int]) -> list[str]:
    pieces, at = [], 0
    for count in token_chars:
        pieces.append(text[at : at + count])
        at += count
    return pieces
