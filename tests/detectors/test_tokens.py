"""Texts cut into the pieces that their tokens added."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from loopbench.detectors.parts.tokens import Pieces, cut, split_pieces


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
