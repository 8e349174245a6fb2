"""Token ids and their texts: checking, aligning, and a declared fallback tokenisation."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from itertools import pairwise
from typing import overload

import numpy as np
from numpy.typing import NDArray

FALLBACK = "words-v1"
"""Name of `fallback_tokens`, written beside every rate that was measured with it."""

# Runs of whitespace are one token each; digits stand alone, so that counting is visible.
_WORD = re.compile(r"[^\W\d_]+|\d|\s+|.", re.DOTALL)


def as_ids(ids: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    """Return token ids as a one-dimensional int64 array.

    Raises
    ------
    TypeError
        If they are not whole numbers of at most 64 bits in one dimension.
    """
    if len(ids) == 0:
        return np.empty(0, np.int64)
    if type(ids) is list and type(ids[0]) is int:
        try:
            # Three times as fast as numpy.
            return np.frombuffer(struct.pack(f"{len(ids)}q", *ids), np.int64)
        except struct.error:
            pass  # said below
    try:
        found = np.asarray(ids)
    except (ValueError, OverflowError) as error:
        raise TypeError(f"token ids must be a flat sequence of integers: {error}") from error
    if found.ndim != 1 or found.dtype.kind not in "iu":
        raise TypeError(
            f"token ids must be a flat sequence of 64-bit integers, got {found.dtype} "
            f"in {found.ndim} dimensions"
        )
    return found.astype(np.int64, copy=False)


def fallback_tokens(text: str) -> tuple[list[int], list[str]]:
    """Split text where no tokenizer is known: words, single digits, whitespace, symbols.

    Returns
    -------
    ids, pieces
        Ids count the distinct pieces in order of appearance, so they mean nothing
        across texts; a detector only needs to see which tokens are equal.
    """
    pieces = _WORD.findall(text)
    known: dict[str, int] = {}
    return [known.setdefault(piece, len(known)) for piece in pieces], pieces


class Pieces(Sequence[str]):
    """A text cut into the pieces that its tokens added; a piece is made when it is asked for.

    `ends` counts the characters up to the end of each piece.
    """

    def __init__(self, text: str, ends: NDArray[np.int64]) -> None:
        self.text = text
        self.ends = ends

    @classmethod
    def joined(cls, pieces: Sequence[str]) -> Pieces:
        """Take pieces that were cut already."""
        if isinstance(pieces, Pieces):
            return pieces
        ends = np.cumsum(np.fromiter(map(len, pieces), np.int64, len(pieces)))
        return cls("".join(pieces), ends)

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
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


def align(n: int, text: str | Sequence[str] | None) -> Sequence[str]:
    """Return one string per token: `text` itself, or its characters dealt out evenly.

    Even dealing keeps order and the whole text, but places a token only approximately;
    pass one string per token where the exact onset of a text-based detector matters.

    Raises
    ------
    ValueError
        If a sequence of strings does not have one entry per token.
    """
    if text is None:
        return [""] * n
    if not isinstance(text, str):
        if len(text) != n:
            raise ValueError(f"text must have one string per token: {len(text)} for {n} tokens")
        return text
    if n == 0:
        return []
    cuts = [len(text) * i // n for i in range(n + 1)]
    return [text[a:b] for a, b in pairwise(cuts)]


def cut(text: str, token_chars: Sequence[int]) -> Pieces:
    """Cut text into the pieces that its tokens added (`Generation.token_chars`)."""
    counts = _as_counts(token_chars)
    if counts.size and counts.min() < 0:
        return Pieces.joined(split_pieces(text, token_chars))
    ends = counts.cumsum(dtype=np.int64)
    return Pieces(text, np.minimum(ends, len(text), out=ends))


def _as_counts(counts: Sequence[int]) -> NDArray[np.int64] | NDArray[np.uint8]:
    if type(counts) is list:
        try:
            # Hardly a token adds more characters than a byte can count.
            return np.frombuffer(bytes(counts), np.uint8)
        except (TypeError, ValueError):
            pass
    return as_ids(counts)


def split_pieces(text: str, token_chars: Sequence[int]) -> list[str]:
    """Return the pieces of `cut` as a list."""
    pieces, at = [], 0
    for count in token_chars:
        pieces.append(text[at : at + count])
        at += count
    return pieces
