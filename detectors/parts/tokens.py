"""Token ids and their texts: checking, aligning, and a declared fallback tokenisation."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from itertools import pairwise

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
