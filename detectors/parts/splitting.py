"""The tokens of a whole text in one pass: what `fallback_tokens` splits piece by piece. Pure numpy.

Ids are hashes of the pieces, as those of words are.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from loopbench.detectors.parts.reading import (
    ASCII,
    LETTER,
    MOST,
    RULE,
    SPACE,
    Codes,
    hashed,
    looked_up,
)
from loopbench.detectors.parts.tokens import (
    LONGEST_RUN,
    as_ids,
    completed,
    fallback_tokens,
    split_after,
)
from loopbench.pieces import Pieces

_RUNS = LETTER | SPACE | RULE
_ASCII_RUNS = bytes(flags & _RUNS for flags in ASCII)
_PER_RULE = 4


def split(text: str) -> tuple[NDArray[np.int64], Pieces]:
    """Split a text as `fallback_tokens` does; only which ids are equal is the same."""
    found = _begins(text) if text else None
    if found is None:
        ids, pieces = fallback_tokens(text)
        return as_ids(ids), Pieces.joined(pieces)
    codes, begins = found
    at = begins.nonzero()[0]
    ends = np.append(at[1:], len(text))
    array = hashed(codes, at, ends - at).view(np.int64)
    cut = completed(text, array, Pieces(text, ends))
    if cut:
        first, ids, pieces = cut
        array = np.append(array[:first], ids)
        ends = np.append(ends[:first], ends[first - 1] + np.cumsum(list(map(len, pieces))))
    return array, Pieces(text, ends)


def count_tokens(text: str) -> int:
    """Return into how many pieces a text is split that goes on with another word."""
    found = _begins(text)
    return len(split_after("", text)) if found is None else int(np.count_nonzero(found[1]))


def _begins(text: str) -> tuple[Codes, NDArray[np.bool_]] | None:
    """Return the characters of a text, and at which of them a piece begins.

    None where a run of letters or spaces is too long to be one piece, which is rare.
    """
    if len(text) > MOST:
        return None
    if text.isascii():
        raw = text.encode()
        codes: Codes = np.frombuffer(raw, np.uint8)
        runs = raw.translate(_ASCII_RUNS)
    else:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        runs = (looked_up(codes) & _RUNS).tobytes()
    if any(bytes((kind,)) * (LONGEST_RUN + 1) in runs for kind in (LETTER, SPACE)):
        return None
    kinds = np.frombuffer(runs, np.uint8)
    begins = kinds == 0
    begins[1:] |= kinds[1:] != kinds[:-1]
    begins[:1] = True
    if bytes((RULE,)) * (_PER_RULE + 1) in runs:
        for rule in re.finditer(rb"%c{%d,}" % (RULE, _PER_RULE + 1), runs):
            begins[rule.start() : rule.end() : _PER_RULE] = True
    return codes, begins
