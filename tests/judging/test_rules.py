"""How long a loop must be: to count in a finished output, and to stop a stream."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from circling import ROUND

from loopbench.judging.detection import detect
from loopbench.judging.rules import CIRCULAR, DOOM, STOP
from loopbench.types import Rule


def repeats(rules: Sequence[Rule], period: int, tokens: int) -> bool:
    return detect([i % period for i in range(tokens)], rules=rules).outcome == "doom"


def counts(rules: Sequence[Rule], period: int, tokens: int) -> bool:
    """Whether lines that count are a loop, from behind their first number on."""
    line = [" ever", *[" and"] * (period - 3), "\n"]
    pieces = [piece for i in range(tokens) for piece in (str(i), *line)][: 1 + tokens]
    found = detect(range(len(pieces)), text=pieces, rules=rules)
    assert found.outcome == "truncated" or (found.onset, found.period) == (1, period)
    return found.outcome == "doom"


@pytest.mark.parametrize(
    ("period", "tokens", "doomed"),
    [(4, 128, True), (4, 127, False), (50, 200, True), (50, 199, False)],
)
def test_a_loop_is_four_repeats_and_128_tokens_long(period: int, tokens: int, doomed: bool) -> None:
    assert repeats(DOOM, period, tokens) == doomed
    # A number that ends the output may go on: it counts with the token after it.
    assert counts(DOOM, period, tokens + (period == 50)) == doomed


@pytest.mark.parametrize(
    ("period", "tokens", "stopped"),
    [(4, 256, True), (4, 255, False), (50, 400, True), (50, 399, False)],
)
def test_a_stream_is_stopped_for_eight_repeats_and_256_tokens(
    period: int, tokens: int, stopped: bool
) -> None:
    assert repeats(STOP, period, tokens) == stopped


@pytest.mark.parametrize(
    ("period", "tokens", "stopped"),
    [(4, 512, True), (4, 511, False), (20, 641, True), (20, 640, False)],
)
def test_a_count_must_go_on_longer_since_lists_end_by_themselves(
    period: int, tokens: int, stopped: bool
) -> None:
    assert counts(STOP, period, tokens) == stopped


def test_nothing_goes_round_before_its_three_hundredth_word() -> None:
    for words, outcome in ((299, "truncated"), (300, "circular")):
        found = detect(range(words), text=ROUND[:words], rules=[CIRCULAR])
        assert found.outcome == outcome
