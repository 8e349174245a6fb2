"""A whole output is judged like a stream that is looked at again and again."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from loopbench.detectors.counter import Counter, _Stream
from loopbench.detectors.parts.numerals import Numerals
from loopbench.detectors.parts.streaming import scan_tail, tail_verdict
from loopbench.detectors.parts.whole import find_numbers
from loopbench.pieces import Pieces, cut, split_pieces

PARTS = [
    *("1", "34", "012345678901234", "12345678901234567890", "-", " ", "\n", "st", "th", "s", "t"),
    *("twenty", "-five", "one", "Ten", "SIX", " hundred", " and ", "ninety-nine", "fi", "billion"),
    *("\ni. ", "\nii) ", "ix", "bb", "a", ". ", ".", ":**\n", "(", "]", "_", "é", "中", "½", "\0"),
]  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.sampled_from(PARTS), max_size=14))
def test_numbers_are_complete_where_the_stream_says_so(parts: list[str]) -> None:
    text = "".join(parts)
    closed: list[int] = []
    for size in range(len(text) + 1):
        seen, _ = Numerals().find("\n" + text[:size], 0)
        closed += [size] * (len(seen) - len(closed))
    found, _ = Numerals().find("\n" + text, 0)
    expected = [
        (n.start - 1, n.end - 1, n.notation, n.value, size)
        for n, size in zip(found, closed, strict=True)
    ]
    columns = (column.tolist() for column in find_numbers(text)[0])
    whole = [number for number in zip(*columns, strict=True) if number[-1] <= len(text)]
    assert whole == expected


def test_a_number_may_be_the_first_word_and_the_last() -> None:
    numbers, _ = find_numbers("three to -7")
    assert (numbers.start.tolist(), numbers.value.tolist()) == ([0, 9], [3, -7])
    assert numbers.closed.tolist() == [8, 12]  # " t" might be " ten"


LINES = ("#", "#", "$", "$", "?", ". ", " the", " x =", ",", "\n", "\n", "one ", "i) ")


@st.composite
def counts(draw: st.DrawFn) -> list[str]:
    """Lists with counts, cycles, slips and lasting changes, some of them twice."""
    out: list[str] = draw(st.lists(st.sampled_from(LINES), max_size=20))
    for _ in range(draw(st.integers(1, 3))):
        form = draw(st.lists(st.sampled_from(LINES), min_size=1, max_size=7))
        step, cycle = draw(st.sampled_from([1, 2, -1, 0])), draw(st.integers(1, 9))
        slips = draw(st.sets(st.integers(0, 120), max_size=4))
        at = draw(st.integers(-20, 200))
        for row in range(draw(st.integers(1, 120))):
            at += step + (row in slips)
            values = {"#": str(at), "$": str(row % cycle), "?": str(row * row % 17)}
            out += [values.get(part, part) for part in form]
    return out * draw(st.sampled_from([1, 1, 1, 2]))


@settings(deadline=None)
@given(counts(), st.sampled_from([(4, 128), (32, 512), (3, 20)]))
def test_a_scan_says_what_looks_at_every_checkpoint_say(
    pieces: list[str], rule: tuple[int, int]
) -> None:
    counter = Counter(*rule)
    ids = range(len(pieces))
    loops, terminal = scan_tail(_Stream(counter), ids, pieces)
    expected = tail_verdict("counter", counter.version, "counter", loops, terminal)
    assert counter.scan(ids, pieces) == expected
    chars = [len(piece) for piece in pieces]
    assert counter.scan(ids, cut("".join(pieces), chars)) == expected


@given(
    st.lists(st.integers(-1, 5) | st.sampled_from([255, 256, 2**40]), max_size=12),
    st.text(max_size=30),
    st.slices(12),
)
def test_pieces_are_cut_as_a_list_of_them_is(counts: list[int], text: str, part: slice) -> None:
    pieces, expected = cut(text, counts), split_pieces(text, counts)
    assert list(pieces) == expected
    assert list(pieces[part]) == expected[part]
    ends = np.array(list(accumulate(map(len, expected))), np.int64)
    assert Pieces.joined(expected).ends.tolist() == ends.tolist()
