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

Parts of one number carry: "00:59.98" and "01:29.96", "9.31" and "10.64", "999" and "1,013". They
are read one by one first, then as one number (`stamps.py`), and the longer count is told. So
"1.9", "1.10" is a count as well. Clocks may begin again at midnight. Decimals that are off by
one in the last digit time and again are a rounded table, not a count.

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
from loopbench.detectors.parts.items import COLON, COMMA, POINT, Items
from loopbench.detectors.parts.periods import Tail, tail_period
from loopbench.detectors.parts.rewound import Rewound
from loopbench.detectors.parts.stamps import Reading, Stamps
from loopbench.detectors.parts.steady import Count, extended, steady_count
from loopbench.detectors.parts.streaming import (
    TailLoop,
    TailWatcher,
    add_loop,
    check_rule,
    checkpoints,
    tail_verdict,
)
from loopbench.detectors.parts.tokens import align, as_ids
from loopbench.pieces import Pieces
from loopbench.types import LoopSpan, Verdict

_JOINTS = (COLON, POINT, COMMA)
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
    version = 3

    def __post_init__(self) -> None:
        check_rule(self.min_repeats, self.min_tokens)
        if self.min_repeats < 3:
            raise ValueError(f"min_repeats must be >= 3, got {self.min_repeats}")

    def scan(self, ids: Sequence[int], text: str | Sequence[str] | None = None) -> Verdict:
        """Judge a whole output; without a text there is nothing to find."""
        array = as_ids(ids)
        items = Rewound(Pieces.joined(align(len(array), text)))
        stamps = _stamps(items)
        ends = checkpoints(len(array))
        looks = worth_a_look(items, stamps, ends, self.min_repeats, self.min_tokens).tolist()
        loops, terminal = _loops(items, stamps, self, looks)
        return tail_verdict(self.name, self.version, "counter", loops, terminal)

    def end(self, ending: Ending) -> Verdict | None:
        """Judge the end alone; see `parts.endings`."""
        if ending.before and says_new(ending, self.min_tokens):
            return tail_verdict(self.name, self.version, "counter", [], None)
        items = Rewound(ending.pieces)
        found = _search(items, _stamps(items), self)
        if ending.before and not decided(items, self, ending):
            # Where the tokens before these are does not matter to a loop that begins here.
            before = len(ending.before)
            items = Rewound(Pieces(ending.text, np.append(before, ending.pieces.ends + before)))
            found = _search(items, _stamps(items), self)
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
        self._stamps = _stamps(self.items)

    def extend(self, ids: NDArray[np.int64], pieces: Sequence[str]) -> None:
        self.items.extend(pieces)

    def tail(self) -> TailLoop | None:
        self.items.parse()
        return _search(self.items, self._stamps, self._rule)


def _loops(
    items: Rewound, stamps: Sequence[Stamps], rule: Counter, looks: Sequence[int]
) -> tuple[list[TailLoop], TailLoop | None]:
    """Return the loops that are found after so many tokens, and the one that the output ends in.

    In a loop further and further looks are left out, as long as the next one finds its beginning
    where the last one did: what was found between them would be that loop.
    """
    loops: list[TailLoop] = []
    found: TailLoop | None = None
    at, stride = -1, 1
    while at + 1 < len(looks):
        following = min(at + stride, len(looks) - 1)
        items.rewind(looks[following])
        seen = _search(items, stamps, rule)
        goes_on = found is not None and seen is not None and seen.span.start == found.span.start
        if stride > 1 and not goes_on:
            stride = 1
            continue
        at, found = following, seen
        stride = 2 * stride if goes_on else 1
        if found:
            add_loop(loops, found)
    return loops, found if looks and looks[-1] == len(items.pieces) else None


def _stamps(items: Items) -> list[Stamps]:
    return [Stamps(items, decimal_commas=commas) for commas in (False, True)]


def _search(items: Items, stamps: Sequence[Stamps], rule: Counter) -> TailLoop | None:
    """Return the counter loop that the items end in, of the readings' loops the longest."""
    # The pattern must cover the demanded tokens: a short run of like literals at the
    # very end may be just the inside of one longer block.
    covered = items.count_after_token(items.tokens - rule.min_tokens)
    # Of a periodic end all periods but the first have stood before, at least half of it.
    if 2 * items.recurring < max(covered, 2):
        return None
    periodic = _periodic(items.literals, rule.min_repeats, covered)
    loop = _loop_of_items(items, rule, covered, periodic) if periodic else None
    joints = {*items.literals[-max(covered, 2) :].tolist()} & {*_JOINTS}
    if not joints:
        return loop
    # A comma stands between columns where fractions follow a point.
    reading = stamps[POINT not in joints].read()
    if loop and periodic and not _may_reach_back(reading, items, loop, periodic.period):
        return loop
    other = _loop_of_stamps(items, reading, rule, covered)
    if loop and other and other.span.start + other.span.period >= loop.span.start:
        return loop
    return other or loop


def _loop_of_items(items: Items, rule: Counter, covered: int, periodic: Tail) -> TailLoop | None:
    """Return the loop of the numbers each by itself."""
    n = len(items.literals)
    if not items.open_rest_fits(n - periodic.period):
        return None
    count = steady_count(items.numbers, periodic, rule.min_repeats, covered)
    if count is None:
        return None
    return _described(items, rule, count, np.arange(n - count.block - 1, n), n - count.length)


def _may_reach_back(reading: Reading, items: Items, loop: TailLoop, period: int) -> bool:
    """Whether the number more than a row before a loop stands where one of its numbers does.

    If not, no reading of several parts begins so much earlier that it would be told.
    """
    first = reading.rows[:, 1]
    begin = int(first.searchsorted(len(items.literals) - items.count_after_token(loop.span.start)))
    row = len(first) - int(first.searchsorted(len(items.literals) - period))
    before = begin - 1 - row
    return before >= 0 and bool(reading.literals[before] == reading.literals[before + row])


def _loop_of_stamps(items: Items, reading: Reading, rule: Counter, covered: int) -> TailLoop | None:
    """Return the loop of the numbers of several parts, each read as one."""
    if not reading.promising():
        return None
    literals, first = reading.literals, reading.items
    covered = len(literals) - int(first.searchsorted(len(items.literals) - covered))
    periodic = _periodic(literals, rule.min_repeats, covered)
    if periodic is None:
        return None
    period, length = periodic
    if len(first) < len(literals):
        length -= 1
    elif not items.open_rest_fits(int(first[len(first) - period])):
        return None
    # One more, whose literal is another: the text before the loop may end in it.
    found = reading.values(Tail(period, min(length + 1, len(first))))
    if found is None:
        return None
    values, unit = found
    count = steady_count(values, Tail(period, length), rule.min_repeats, covered)
    if count is None or _rounded(values[len(values) - count.length :], reading, count):
        return None
    begin = len(first) - len(values) + _begin(values, count)
    start = int(first[begin]) + (begin < len(first) - length)
    strides = tuple(step / unit for step in count.strides)
    return _described(items, rule, count._replace(strides=strides), first, start)


def _rounded(values: NDArray[np.int64], reading: Reading, count: Count) -> bool:
    """Whether decimals of a count are now and then off by one in their last digit.

    Such is a table of y = 0.303 x. One that is off once may have been miscounted.
    """
    block, rows = count.block, len(values) // count.block
    table = values[len(values) - rows * block :].reshape(rows, block)
    by_one = np.abs(table[1:] - table[:-1] - np.array(count.strides, np.int64)) == 1
    return bool((np.count_nonzero(by_one & reading.decimal(block), axis=0) > 1).any())


def _begin(values: NDArray[np.int64], count: Count) -> int:
    """Return the first number of a count, which need not begin with a whole row."""
    begin, block = len(values) - count.length, count.block
    for _ in range(block):
        stride = int(count.strides[(begin - 1 - len(values)) % block])
        if begin == 0 or values[begin - 1] + stride != values[begin - 1 + block]:
            break
        begin -= 1
    return begin


def _described(
    items: Items, rule: Counter, count: Count, first: NDArray[np.int64], start: int
) -> TailLoop | None:
    """Return a count as a loop in tokens, if it is long enough.

    Parameters
    ----------
    items
        Of the stream.
    rule
        Which says how long.
    count
        Of the numbers.
    first
        The item with which each number begins, of more than one block at least.
    start
        The item with which the loop begins.
    """
    n, block = len(first), count.block
    onset = items.token_of(start)
    if items.tokens - onset < rule.min_tokens:
        return None
    period = items.token_of(int(first[n - 1])) - items.token_of(int(first[n - 1 - block]))
    template = "".join(items.text_of(int(item)) + "{}" for item in first[n - block :])
    return TailLoop(
        LoopSpan(
            start=onset, end=items.tokens, period=max(1, period), repeats=count.length // block
        ),
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
