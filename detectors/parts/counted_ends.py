"""What the last items of an output say of its end without those before: for `counter`."""

from __future__ import annotations

import re
from typing import Protocol

from loopbench.detectors.parts.endings import Ending
from loopbench.detectors.parts.items import COMMA, Items
from loopbench.detectors.parts.numerals import Numerals
from loopbench.detectors.parts.periods import tail_period
from loopbench.detectors.parts.steady import LASTING, extended


class Counting(Protocol):
    """The parameters of `counter`."""

    @property
    def min_repeats(self) -> int:
        """Whole repetitions."""
        ...

    @property
    def min_tokens(self) -> int:
        """Tokens of a loop."""
        ...


_PLAIN = re.compile(
    r"(?:[0-9][^0-9\n]{3}|\n(?![^\n.):\]]{0,26}[.):\]])|[^0-9\n]{28})([^0-9\n]{20,})(?=[^0-9\n]{14})"
)
"""Text that is no part of a number in digits, nor of a mark.

What may be one is left out at either side: an ordinal's ending, a mark, a number in words.
"""
_OPEN = 20
"""Characters at the end that may be the beginning of a number."""
_BEFORE = 60
_ENDED = " " * 40
"""Text behind which no number goes on."""


def says_new(ending: Ending, min_tokens: int) -> bool:
    """Whether the last tokens hold a piece of a literal that stands nowhere else in the text.

    In a counter loop it would stand in the block before too, or in the one after.
    """
    count = len(ending.pieces)
    if count <= min_tokens:
        return False
    text = ending.text
    begin = len(text) - len(ending.pieces.between(count - min_tokens, count))
    for plain in _PLAIN.finditer(text, max(0, begin - _BEFORE), len(text) - _OPEN):
        at = text.find(" ", *plain.span(1))  # not inside a word, which may be a number
        if at < 0 or plain.end(1) <= begin:
            continue
        words = text[at : plain.end(1)]
        if Numerals().find(words + _ENDED, 0)[0]:
            continue
        if text.find(words) == at and text.find(words, at + 1) < 0:
            return True
    return False


_FIRST = 2
"""Items at the beginning of an end that may be the rest of others."""
_CLEAR = 500
"""Characters without a number after which none before matters, if they stood nowhere before."""


def decided(items: Items, rule: Counting, ending: Ending) -> bool:
    """Whether these items, the last of an output, say of its end what all of them would say."""
    literals = items.literals[_FIRST:]
    known = len(literals)
    covered = items.count_after_token(items.tokens - rule.min_tokens)
    if items.tokens <= rule.min_tokens or covered > known:
        return False
    # A mark is read by the one before it, which may stand far away; and numbers with nothing but
    # these between them may be parts of one.
    count = len(items.literals)
    if items.marked or (items.literals[max(0, count - max(covered, 2)) :] <= COMMA).any():
        return False
    found = tail_period(literals, 2, covered)
    longer = found is None
    if found and found.length < rule.min_repeats * found.period:
        better = tail_period(literals, rule.min_repeats, covered)
        found, longer = better or found, better is None
    if found:
        # What was before a lasting change must be seen, or seen not to be there.
        length = extended(literals, found).length
        if known - length <= LASTING * found.period:
            return False
    return not (longer and _may_be_longer(items, rule, ending))


def _may_be_longer(items: Items, rule: Counting, ending: Ending) -> bool:
    """Whether the items may be the inside of a longer block, or of two.

    Then their literals stood before, at least the last ones, and so did the text after them.
    """
    text, count = ending.text, len(items.literals)
    known = count - _FIRST
    if known > 0:
        last = range(count - max(1, known // rule.min_repeats), count)
        item = max(last, key=lambda item: len(items.text_of(item)))
        literal = items.text_of(item)
        begin = len(ending.before) + int(items.edges[item])
        if text.find(literal, 0, begin + len(literal) - 1) < 0:
            return False
    rest = len(text) - len(ending.before) - int(items.edges[-1])
    if rest < _CLEAR:
        return True
    window = text[-_CLEAR + 100 : -_CLEAR + 200]
    if text[-_CLEAR + 200 : -_CLEAR + 250].isdigit():
        return True  # a number without end
    return text.find(window, 0, len(text) - _CLEAR + 199) >= 0
