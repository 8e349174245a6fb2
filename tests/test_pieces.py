"""A text as the pieces of its tokens: cut and joined without loss."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopbench.pieces import Pieces, cut
from loopbench.types import Output

TEXTS = st.lists(st.text(alphabet="ab é🌟\n", max_size=4), max_size=12)


@given(TEXTS)
def test_an_output_gives_back_the_pieces_that_it_was_made_of(pieces: list[str]) -> None:
    output = Output.of(range(len(pieces)), pieces)
    assert list(output.pieces) == pieces == output.pieces
    assert output.text == "".join(pieces)
    assert [output.pieces[i] for i in range(-len(pieces), len(pieces))] == pieces * 2


@given(TEXTS, st.integers(0, 12), st.integers(0, 12))
def test_parts_of_an_output_join_to_the_whole(pieces: list[str], a: int, b: int) -> None:
    a, b = sorted((a, b))
    ids = list(range(len(pieces)))
    edges = (slice(0, a), slice(a, b), slice(b, None))
    parts = [Output.of(ids[edge], pieces[edge]) for edge in edges]
    assert Output.joined(parts) == Output.of(ids, pieces)
    assert Output.of(ids, pieces).pieces[a:b] == pieces[a:b]
    assert Pieces.joined(pieces).between(a, min(b, len(pieces))) == "".join(pieces[a:b])


@given(
    st.lists(st.integers(-1, 5) | st.sampled_from([255, 256, 2**40]), max_size=12),
    st.text(max_size=30),
    st.slices(12),
)
def test_pieces_are_cut_as_a_list_of_them_is(counts: list[int], text: str, part: slice) -> None:
    expected, at = [], 0
    for count in counts:
        expected.append(text[at : at + count])
        at += count
    pieces = cut(text, counts)
    assert list(pieces) == expected
    assert list(pieces[part]) == expected[part]
    assert Pieces.joined(expected).ends.tolist() == list(accumulate(map(len, expected)))


@pytest.mark.parametrize(
    ("counts", "pieces"),
    [
        ([1, 2], ["a", "bc"]),
        ([1, 1], ["a", "b"]),
        ([2, 9], ["ab", "c"]),
        ([300, 1], ["abc", ""]),
        ([2, -1, 1], ["ab", "", "b"]),
        ([], []),
    ],
)
def test_counts_that_do_not_fit_the_text_cut_what_is_there(
    counts: list[int], pieces: list[str]
) -> None:
    """Recorded files are hostile input: the sum may be too small, too large, or step back."""
    assert cut("abc", counts) == pieces
    ends = list(accumulate(map(len, cut("abc", counts))))
    assert ends == list(accumulate(map(len, pieces)))


def test_pieces_differ_from_what_is_no_sequence() -> None:
    assert cut("ab", [1, 1]) != 2
    assert repr(cut("ab", [1, 1])) == "Pieces(['a', 'b'])"
