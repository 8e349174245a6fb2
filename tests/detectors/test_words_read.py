"""Words and tokens of a whole text, counted in one pass: as step by step, whatever is in it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from loopbench.detectors.parts.reading import last_words, read, words_at
from loopbench.detectors.parts.words import KIND, Words

PARTS = [
    "a", "the ", "Σ", "ΟΔΟΣ ", "m²", "²", "½x", "Ⅷ", "٣", "7", "12", "我", "カー", "ก็", "・", "é",
    "é", "_", ".", "----", "=====", "\n", "    ", " " * 40, "z" * 70, "\ud800", "🙂", "ǰ", "ß",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PARTS), max_size=60).map("".join)


def stepped(text: str, edges: list[int]) -> tuple[Words, list[tuple[int, int]]]:
    words = Words(keep=1 << 30)
    for a, b in pairwise([0, *edges]):
        words.extend(np.zeros(b - a, np.int64), text[a:b])
    return words, words.marks


@given(text=TEXTS, cuts=st.lists(st.integers(1, 300), max_size=8))
def test_one_pass_reads_what_the_steps_read(text: str, cuts: list[int]) -> None:
    edges = sorted({*(cut for cut in cuts if cut < len(text)), len(text)} - {0})
    if not edges:
        return
    slow, marks = stepped(text, edges)
    pieces = list(text)
    fast = words_at(np.zeros(len(text), np.int64), pieces, np.array(edges))
    assert fast.marks == marks
    ours, theirs = fast.last(10_000), slow.last(10_000)
    assert (ours & KIND).tolist() == (theirs & KIND).tolist()
    # Equal words have equal hashes, and others have others.
    assert len(set(zip(ours.tolist(), theirs.tolist(), strict=True))) == len(set(ours.tolist()))
    assert len(set(ours.tolist())) == len(set(theirs.tolist()))


def test_texts_that_change_their_length_with_their_case_are_read_in_steps() -> None:
    assert read("straße") is None
    words = words_at(np.zeros(3, np.int64), ["straß", "e ", "x."], np.array([1, 3]))
    assert words.marks == [(0, 0), (0, 1), (2, 3)]


@given(text=TEXTS, tail=st.integers(1, 200))
def test_the_last_words_are_those_of_the_whole(text: str, tail: int) -> None:
    whole, _ = stepped(text, [len(text)] if text else [])
    last = last_words(text[-tail:], len(text), len(text))
    if last is not None and last.count:
        assert (last.last(10_000) & KIND).tolist() == (whole.last(last.count) & KIND).tolist()
