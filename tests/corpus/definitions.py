"""The definitions of loops, spelled out slowly: what labels are held to.

Nothing here is shared with the detectors, which must be free to be wrong about the corpus.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate
from typing import NamedTuple

REPEATS = 4
TOKENS = 128

# A sign belongs to a number only where nothing can be subtracted from.
_NUMBER = re.compile(r"(?:(?<![\w).\-])-)?\d+(?:\.\d+)?")


def periodic_end(ids: Sequence[int]) -> tuple[int, int] | None:
    """Return start and period of the exactly periodic end, of the shortest period; or None."""
    n = len(ids)
    for period in range(1, n // REPEATS + 1):
        start = n - period
        while start > 0 and ids[start - 1] == ids[start - 1 + period]:
            start -= 1
        if n - start >= max(REPEATS * period, TOKENS):
            return start, period
    return None


class _Item(NamedTuple):
    literal: str
    value: Fraction
    at: int


def counted_end(pieces: Sequence[str]) -> int | None:
    """Return the token where the end begins to count by constant steps; or None.

    Text is read as numbers with literals between. The end counts if, for some number of
    items per block, literals repeat exactly and every number moves by its own constant
    step, at least one of them not zero. The first block may be left out: what stands
    before its first number may differ.
    """
    text = "".join(pieces)
    items, after = _items(text)
    ends = list(accumulate(map(len, pieces)))
    for unit in range(1, len(items) // REPEATS + 1):
        if not items[-unit].literal.startswith(after):
            continue
        first = _first_of_run(items, unit)
        steps = [items[-k].value - items[-k - unit].value for k in range(1, unit + 1)]
        start = sum(end <= items[first].at for end in ends)
        if len(items) - first >= REPEATS * unit and len(pieces) - start >= TOKENS and any(steps):
            return start
    return None


def _items(text: str) -> tuple[list[_Item], str]:
    """Read numbers with the literals before them; what follows the last one comes apart."""
    items, at = [], 0
    for match in _NUMBER.finditer(text):
        # A number at the very end may have been cut.
        if match.end() == len(text):
            break
        items.append(_Item(text[at : match.start()], Fraction(match[0]), at))
        at = match.end()
    return items, _NUMBER.sub("", text[at:]) if items else text


def _first_of_run(items: list[_Item], unit: int) -> int:
    """Return the first item from which on literals repeat and steps are constant."""
    i = len(items) - 1
    while i >= unit:
        if items[i].literal != items[i - unit].literal:
            break
        ahead = i + unit
        step = items[i].value - items[i - unit].value
        if ahead < len(items) and items[ahead].value - items[i].value != step:
            break
        i -= 1
    return i - unit + 1 if i >= unit else 0
