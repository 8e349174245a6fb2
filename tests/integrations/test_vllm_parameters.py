"""The converted rule, against vLLM's check (`loopbench.detectors.vllm`) and against ours."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopbench import detectors
from loopbench.detectors.suffix import Suffix, find_tail_loop
from loopbench.integrations.vllm import tokens_demanded, vllm_parameters

STOP = Suffix(min_repeats=8, min_tokens=256, max_period=512)


def first_stop(parameters: dict[str, int], ids: list[int]) -> int | None:
    """Number of tokens after which vLLM stops."""
    for n in range(1, len(ids) + 1):
        if detectors.get("vllm", **parameters).scan(ids[:n]).terminal:
            return n
    return None


def test_the_stopping_rule() -> None:
    parameters = vllm_parameters(STOP)
    assert parameters == {"max_pattern_size": 512, "min_pattern_size": 32, "min_count": 8}
    assert [tokens_demanded(parameters, p) for p in (1, 7, 17, 31, 32, 33, 100, 512, 513)] == [
        256, 280, 272, 496, 256, 264, 800, 4096, None,
    ]  # fmt: skip


def test_the_budget_bounds_the_patterns() -> None:
    unlimited = Suffix(min_repeats=8, min_tokens=256)
    assert vllm_parameters(unlimited, max_tokens=4096)["max_pattern_size"] == 511
    assert vllm_parameters(unlimited, max_tokens=4097)["max_pattern_size"] == 512
    assert vllm_parameters(STOP, max_tokens=2000)["max_pattern_size"] == 249
    assert vllm_parameters(STOP, max_tokens=100_000)["max_pattern_size"] == 512
    assert vllm_parameters(unlimited, max_tokens=257)["max_pattern_size"] == 32
    with pytest.raises(ValueError, match="within 256 tokens in vLLM: max_tokens must be over 256"):
        vllm_parameters(unlimited, max_tokens=256)


def test_what_vllm_cannot_express() -> None:
    with pytest.raises(ValueError, match="give a suffix rule, not 'counter'"):
        vllm_parameters(detectors.get("counter"))
    with pytest.raises(ValueError, match="needs a longest period: give the rule a max_period"):
        vllm_parameters(Suffix(min_repeats=8, min_tokens=256))


def test_periods_that_cannot_be_left_out_are_told() -> None:
    rule = Suffix(min_repeats=8, min_tokens=256, max_period=16)
    with pytest.warns(UserWarning, match="over 16 .* periods up to 45 stop as well"):
        parameters = vllm_parameters(rule)
    assert parameters == {"max_pattern_size": 45, "min_pattern_size": 32, "min_count": 8}
    assert all(tokens_demanded(parameters, p) is not None for p in range(1, 17))
    # 62 = 2 * 31 is the longest first multiple of a period under 32.
    assert vllm_parameters(Suffix(8, 256, max_period=62))["max_pattern_size"] == 62


def test_a_rule_without_a_demand_on_tokens_is_the_same_in_vllm() -> None:
    parameters = vllm_parameters(Suffix(min_repeats=4, min_tokens=1, max_period=20))
    assert parameters == {"max_pattern_size": 20, "min_pattern_size": 1, "min_count": 4}
    assert [tokens_demanded(parameters, p) for p in (1, 7, 20, 21)] == [4, 28, 80, None]


@pytest.mark.parametrize("period", range(1, 14))
def test_the_demand_is_what_vllms_check_does(period: int) -> None:
    parameters = vllm_parameters(Suffix(min_repeats=3, min_tokens=16, max_period=12))
    ids = [*range(period)] * (120 // period)
    assert first_stop(parameters, ids) == tokens_demanded(parameters, period)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.integers(0, 1), max_size=12),
    st.lists(st.integers(0, 2), min_size=1, max_size=14),
    st.integers(0, 90),
    st.integers(2, 4),
    st.integers(1, 24),
)
def test_vllm_stops_only_at_loops_and_less_than_twice_as_late(
    before: list[int], block: list[int], length: int, min_repeats: int, min_tokens: int
) -> None:
    rule = Suffix(min_repeats, min_tokens, max_period=60)
    parameters = vllm_parameters(rule)
    ids = before + (block * 90)[:length]
    stops = detectors.get("vllm", **parameters).scan(ids).terminal
    ours = find_tail_loop(ids, rule)
    if stops:
        assert ours is not None
    if ours is not None:
        demanded = tokens_demanded(parameters, ours.period)
        assert demanded is not None
        asked = max(min_repeats * ours.period, min_tokens)
        assert asked <= demanded < 2 * asked
        # Not the converse: the same end may also be part of a longer loop of longer blocks.
        assert stops or ours.end - ours.start < demanded
