"""The score of `trl` is the reward that the TRL package itself gives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trl.rewards import get_repetition_penalty_reward

from loopbench import detectors

looping = st.lists(
    st.tuples(st.lists(st.integers(0, 3), min_size=1, max_size=7), st.integers(1, 12)), max_size=5
).map(lambda parts: [i for block, times in parts for i in block * times])
any_ids = st.lists(st.integers(0, 151_000), max_size=80)


@given(st.one_of(looping, any_ids), st.integers(1, 6), st.floats(-2, 0))
def test_the_score_is_trls_reward(ids: list[int], n: int, penalty: float) -> None:
    reward = get_repetition_penalty_reward(ngram_size=n, max_penalty=penalty)
    (expected,) = reward([ids])
    score = detectors.get("trl", ngram_size=n, max_penalty=penalty).scan(ids).score
    assert score == pytest.approx(expected)
