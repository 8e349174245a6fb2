"""Both faces of the tail detectors agree, and `suffix` agrees with a brute-force reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopbench import detectors
from loopbench.detectors.periods import tail_period
from loopbench.detectors.streaming import FIRST_CHECKPOINT, next_checkpoint
from loopbench.types import LoopSpan

ALPHABET = [" the", " loop", ".", "\n", " 1", "2", "7", "40", ". ", ","]


def brute_force(t: list[int], min_repeats: int, min_length: int) -> tuple[int, int] | None:
    n = len(t)
    for period in range(1, n // min_repeats + 1):
        length = period
        while length < n and t[n - 1 - length] == t[n - 1 - length + period]:
            length += 1
        if length >= max(min_repeats * period, min_length):
            return period, length
    return None


@st.composite
def streams(draw: st.DrawFn, top: int = 9) -> list[int]:
    """Random heads and tails around repeated blocks, some of them spoilt at one place."""
    token = st.integers(0, top)
    stream = draw(st.lists(token, max_size=80))
    for _ in range(draw(st.integers(0, 3))):
        block = draw(st.lists(token, min_size=1, max_size=30))
        stream += block * draw(st.integers(1, 60))
        stream = stream[:700]
        if stream and draw(st.booleans()):
            stream[draw(st.integers(0, len(stream) - 1))] = draw(token)
        stream += draw(st.lists(token, max_size=40))
    return stream


@given(streams(2), st.integers(2, 6), st.integers(1, 200))
@settings(max_examples=300, deadline=None)
def test_tail_period_is_what_brute_force_finds(
    stream: list[int], min_repeats: int, min_length: int
) -> None:
    found = tail_period(np.array(stream, np.int64), min_repeats, min_length)
    expected = brute_force(stream, min_repeats, min_length)
    assert (None if found is None else tuple(found)) == expected


@pytest.mark.parametrize("name", ["suffix", "counter"])
@given(stream=streams(), data=st.data())
@settings(max_examples=80, deadline=None)
def test_the_watcher_fires_at_the_first_checkpoint_that_the_scan_calls_terminal(
    name: str, stream: list[int], data: st.DataObject
) -> None:
    detector = detectors.get(name, min_repeats=4, min_tokens=64)
    pieces = [ALPHABET[i] for i in stream]
    expected: LoopSpan | None = None
    checkpoint = FIRST_CHECKPOINT
    while checkpoint <= len(stream) and expected is None:
        verdict = detector.scan(stream[:checkpoint], pieces[:checkpoint])
        expected = verdict.spans[-1] if verdict.terminal else None
        checkpoint = next_checkpoint(checkpoint)

    watcher, fired, at = detector.watch(), [], 0
    while at < len(stream):
        size = data.draw(st.integers(1, 100))
        span = watcher.push(stream[at : at + size], pieces[at : at + size])
        at += size
        if span:
            fired.append(span)
    assert fired == ([expected] if expected else [])


@given(streams(), st.permutations(range(10)))
@settings(max_examples=60, deadline=None)
def test_suffix_does_not_care_what_ids_mean(stream: list[int], renamed: list[int]) -> None:
    suffix = detectors.get("suffix")
    assert suffix.scan(stream) == suffix.scan([renamed[i] for i in stream])


@pytest.mark.parametrize("name", ["suffix", "counter"])
@given(stream=streams())
@settings(max_examples=60, deadline=None)
def test_no_verdict_reaches_beyond_the_output(name: str, stream: list[int]) -> None:
    verdict = detectors.get(name).scan(stream, [ALPHABET[i] for i in stream])
    for span in verdict.spans:
        assert 0 <= span.start < span.end <= len(stream)
        assert 1 <= span.period <= span.end - span.start
