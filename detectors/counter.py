"""Counter loops (L1): the end is periodic once its steadily advancing numbers are abstracted.

"57. Lily lies.\\n58. Lily lies.", "203, 204, 205", "Step 71:\\nd = 100\\nStep 72:\\nd = 100",
"xi. So.\\nxii. So.", "the twenty-first row, the twenty-second row", cycles of several
statements under one running number. Needs the text of the tokens.

Folding all digits alike would call tables and long arithmetic loops; here each number
must stay or advance by a constant step, and at least one must advance. What a number is
says `numerals.py`: digits with a sign or an ordinal ending, English number words, and
letters or Roman numerals as marks at the beginning of a line. How far a count may slip
says `steady.py`: at most once in eight rows, forward, or back to where it has been. The
literals may change too, if each change lasts: the months in a list of dates.

Does not see lists whose statements differ, or a modular sequence, but for the stretch
since it last wrapped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loopbench.detectors.parts.counted_ends import decided, says_new
from loopbench.detectors.parts.endings import Ending
from loopbench.detectors.parts.glances import worth_a_look
from loopbench.detectors.parts.items import Items
from loopbench.detectors.parts.periods import Tail, tail_period
from loopbench.detectors.parts.steady import Count, extended, steady_count
from loopbench.detectors.parts.streaming import (
    TailLoop,
    TailWatcher,
    check_rule,
    checkpoints,
    scan_tail,
    tail_verdict,
)
from loopbench.detectors.parts.tokens import align, as_ids
from loopbench.pieces import Pieces
from loopbench.types import LoopSpan, Verdict

_MAX_TEMPLATE = 400
"""Longest template kept in a verdict, in characters."""


@dataclass(frozen=True)
class Counter:
    """At least `min_repeats` blocks over at least `min_tokens` tokens, up to the end.

    Parameters
    ----------
    min_repeats
        Whole repetitions of the block, at least 3: a step shows in its second repetition
        and is confirmed by the third.
    min_tokens
        Length of the looping stretch in tokens.
    """

    min_repeats: int = 4
    min_tokens: int = 128

    name = "counter"
    version = 2

    def __post_init__(self) -> None:
        check_rule(self.min_repeats, self.min_tokens)
        if self.min_repeats < 3:
            raise ValueError(f"min_repeats must be >= 3, got {self.min_repeats}")

    def scan(self, ids: Sequence[int], text: str | Sequence[str] | None = None) -> Verdict:
        """Judge a whole output; without a text there is nothing to find."""
        array = as_ids(ids)
        pieces = Pieces.joined(align(len(array), text))
        looks = worth_a_look(pieces, checkpoints(len(array)), self.min_repeats, self.min_tokens)
        loops, terminal = scan_tail(_Stream(self), array, pieces, looks)
        return tail_verdict(self.name, self.version, "counter", loops, terminal)

    def end(self, ending: Ending) -> Verdict | None:
        """Judge the end alone; see `parts.endings`."""
        if ending.before and says_new(ending, self.min_tokens):
            return tail_verdict(self.name, self.version, "counter", [], None)
        stream = _Stream(self)
        stream.extend(ending.ids, ending.pieces[:])
        found = stream.tail()
        if ending.before and not decided(stream.items, self, ending):
            # Where the tokens before these are does not matter to a loop that begins here.
            stream = _Stream(self)
            stream.extend(ending.ids, [ending.before, *ending.pieces])
            found = stream.tail()
            if len(ending.pieces) <= self.min_tokens or (found and found.span.start == 0):
                return None
            ending = ending._replace(skipped=ending.skipped - 1)
        loop = found._replace(span=ending.span(found.span)) if found else None
        return tail_verdict(self.name, self.version, "counter", [loop] if loop else [], loop)

    def watch(self) -> TailWatcher:
        """Return fresh state for one stream."""
        return TailWatcher(_Stream(self))


class _Stream:
    def __init__(self, rule: Counter) -> None:
        self._rule = rule
        self.items = Items()

    def extend(self, ids: NDArray[np.int64], pieces: Sequence[str]) -> None:
        self.items.extend(pieces)

    def tail(self) -> TailLoop | None:
        self.items.parse()
        return _search(self.items, self._rule)


def _search(items: Items, rule: Counter) -> TailLoop | None:
    """Return the counter loop that the items end in."""
    # The pattern must cover the demanded tokens: a short run of like literals at the
    # very end may be just the inside of one longer block.
    covered = items.count_after_token(items.tokens - rule.min_tokens)
    # Of a periodic end all periods but the first have stood before, at least half of it.
    if 2 * items.recurring < max(covered, 2):
        return None
    periodic = _periodic(items.literals, rule.min_repeats, covered)
    if periodic is None or not items.open_rest_fits(len(items.literals) - periodic.period):
        return None
    count = steady_count(items.numbers, periodic, rule.min_repeats, covered)
    return _described(items, rule, count) if count else None


def _described(items: Items, rule: Counter, count: Count) -> TailLoop | None:
    """Return a count as a loop in tokens, if it is long enough."""
    n, block = len(items.literals), count.block
    start = items.token_of(n - count.length)
    if items.tokens - start < rule.min_tokens:
        return None
    period = max(1, items.token_of(n - 1) - items.token_of(n - 1 - block))
    template = "".join(items.text_of(n - block + i) + "{}" for i in range(block))
    return TailLoop(
        LoopSpan(start=start, end=items.tokens, period=period, repeats=count.length // block),
        template=template[:_MAX_TEMPLATE],
        strides=count.strides,
    )


def _periodic(literals: NDArray[np.int64], min_repeats: int, covered: int) -> Tail | None:
    """Return the periodic end of the literals, together with what was before lasting changes.

    Since the last such change (a new month in a list of dates) two repetitions will do.
    """
    found = tail_period(literals, 2, covered)
    # First the weaker demand: what does not satisfy it satisfies neither.
    if found and found.length < min_repeats * found.period:
        found = tail_period(literals, min_repeats, covered) or found
    if not found:
        return None
    found = extended(literals, found)
    return found if found.length >= min_repeats * found.period else None


DETECTOR = Counter
