"""A text is split in one pass as it is piece by piece."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loopbench.detectors.parts.splitting import count_tokens, split
from loopbench.detectors.parts.tokens import fallback_tokens, split_after

PARTS = [
    "so ", "it", " \n", "-", "=====", "---- ", "12", "m²", "ⅷ", "日本", "ก", "é", "e\u0301", "_x",
    "🙂", "\ud800", "\ufffd", "\0", "\x1c", "a" * 20, " " * 20, "word after word, ",
    " " * 40, "z" * 70, "½x", "٣", "カー", "・", "ǰ", "―", "ᴀ",
]  # fmt: skip


@given(text=st.lists(st.sampled_from(PARTS), max_size=60).map("".join))
@example(text="a" * 32 + " " * 32)
@example(text="a" * 33)
@example(text=" " * 33)
@example(text="x-----y")
@example(text="one and the other, " * 30 + "one and the oth")
def test_one_pass_is_as_good_as_an_expression(text: str) -> None:
    ids, pieces = split(text)
    expected_ids, expected = fallback_tokens(text)
    assert pieces[:] == expected
    assert pieces.text == text
    assert len(set(zip(ids.tolist(), expected_ids, strict=True))) == len(set(expected_ids))
    assert len(set(ids.tolist())) == len(set(expected_ids))
    assert count_tokens(text) == len(split_after("", text))


@pytest.mark.parametrize("character", ["x", "é", "-"])
def test_a_very_long_text_is_split_too(character: str) -> None:
    text = (character + " ") * 600_000
    assert len(split(text)[0]) == 1_200_000
