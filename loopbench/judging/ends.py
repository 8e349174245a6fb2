"""How an output ended, and nothing else: most of a text need not be split to know."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from loopbench.detectors import Detector
from loopbench.detectors.parts.endings import EndDetector, Ending
from loopbench.detectors.parts.splitting import count_tokens, split
from loopbench.detectors.parts.tokens import LONGEST_RUN, UNSPACED, align, as_ids
from loopbench.pieces import Pieces
from loopbench.types import Verdict

_SIZES = (1_200, 16_000)
"""Characters of the end that are split before the whole is, unless more than these repeat."""
_WINDOW, _MARGIN = 200, 500
_BEGIN = re.compile(r"\s(?=[A-Za-z])")
"""Before what a text is split, whatever stands before and after."""
_CONTEXTS = (256, 64, 16)
"""Characters before a cut word by which `complete_cut` knows the place to complete it from."""
_REST = re.compile(rf"\s?([^\W\d_{UNSPACED}]+)\Z")
"""The letters of that word, and with the space before them all that may be completed."""


def ends_of_text(rules: Sequence[Detector], text: str) -> tuple[list[Verdict], int]:
    """Return what the detectors say about the end of a text without ids, and its tokens."""
    found: list[Verdict | None] = [None] * len(rules)
    tokens = 0
    for size in _sizes(text):
        begin = _beginning(text, size)
        if begin is None:
            continue
        ids, pieces = split(text[begin:])
        skipped = count_tokens(text[:begin])
        tokens = skipped + len(ids)
        sure = begin == 0 or _cut_alike(text, begin)
        ending = Ending(ids, pieces, text[:begin], skipped, sure)
        for at, rule in enumerate(rules):
            found[at] = found[at] or _end(rule, ending)
        if all(found):
            break
    return [verdict for verdict in found if verdict], tokens


def ends(
    rules: Sequence[Detector], ids: Sequence[int], text: str | Sequence[str] | None
) -> list[Verdict]:
    """Return what the detectors say about the end of an output of which the ids are known."""
    array = as_ids(ids)
    ending = Ending(array, Pieces.joined(align(len(array), text)))
    return [verdict for rule in rules if (verdict := _end(rule, ending))]


def _end(rule: Detector, ending: Ending) -> Verdict | None:
    """Return what a detector says of the end; None if it has to see more than this of it."""
    verdict = rule.end(ending) if isinstance(rule, EndDetector) else None
    if verdict is None and not ending.before:
        verdict = of_end(rule.scan(ending.ids.tolist(), ending.pieces))
    return verdict


def of_end(verdict: Verdict) -> Verdict:
    """Return a verdict without the loops that were left."""
    if verdict.terminal:
        return msgspec.structs.replace(verdict, spans=verdict.spans[-1:])
    return Verdict(
        detector=verdict.detector,
        version=verdict.version,
        level=verdict.level,
        looped=False,
        terminal=False,
        score=verdict.score,
    )


def _sizes(text: str) -> Iterator[int]:
    """Yield how many characters are split, until all detectors know."""
    first, second = _SIZES
    yield first
    if len(text) > first:
        repeated = _repeated(text)
        yield repeated + _MARGIN if repeated else second
        yield len(text)


def _repeated(text: str) -> int:
    """Return how many characters at the end have a period, that of the last ones; 0 for none."""
    size = len(text)
    at = text.rfind(text[-_WINDOW:], 0, size - 1)
    if at < 0:
        return 0
    period = size - _WINDOW - at
    low, high = _WINDOW + period, size
    while low < high:
        middle = (low + high + 1) // 2
        if text.startswith(text[size - middle + period :], size - middle):
            low = middle
        else:
            high = middle - 1
    return low


def _beginning(text: str, size: int) -> int | None:
    """Return where about so many last characters begin; None if no place is one to begin at."""
    if size >= len(text):
        return 0
    begin = _BEGIN.search(text, len(text) - size, len(text) - size // 2)
    return begin.end() if begin else None


def _cut_alike(text: str, begin: int) -> bool:
    """Whether a word that the end of a text cuts is completed from the same place without the rest.

    That is the last place at which the longest context stood before.
    """
    text = text.rstrip("\ufffd")
    rest = _REST.search(text, max(0, len(text) - LONGEST_RUN))
    least, most = (len(rest[1]), len(rest[0])) if rest else (1, LONGEST_RUN)
    for context in _CONTEXTS:
        if text.find(text[-context - most :], begin, len(text) - 1) >= 0:
            return True
        end = text[-context - least :]
        if text.find(end, 0, min(len(text) - 1, begin + len(end))) >= 0:
            return False
    return True
