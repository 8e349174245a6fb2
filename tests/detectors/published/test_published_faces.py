"""Both faces of every published rule agree, and nothing they are fed makes them raise."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopbench import detectors
from loopbench.detectors.parts.streaming import next_checkpoint

RULES: dict[str, dict[str, float]] = {
    "ngram": {"n": 5, "k": 4},
    "cusum": {"n": 3, "tau": 4.0},
    "vllm": {"max_pattern_size": 20, "min_pattern_size": 2},
    "llamacpp": {"min_pattern_size": 6, "max_pattern_size": 40},
    "antidoom": {"max_unit_chars": 50},
    "whisper": {},
    "trl": {},
    "gopher": {},
    "gemini": {"content_chunk_size": 8, "content_loop_threshold": 4, "max_history_length": 90},
    "novelty": {"segment_chars": 40, "min_chars": 5, "min_count": 3, "min_run": 4},
    "gain": {"threshold": 0.8, "min_tokens": 40, "window": 120},
    "toolcycle": {},
}
CALL = '<tool_call>{"name": "f", "arguments": {"x": 1}}</tool_call>'
ALPHABET = ["the", " loop", ".", "\n", " 1", "\n\n", "é\udc80", "```", CALL, ""]


@st.composite
def streams(draw: st.DrawFn) -> list[int]:
    token = st.integers(0, len(ALPHABET) - 1)
    stream = draw(st.lists(token, max_size=60))
    for _ in range(draw(st.integers(0, 3))):
        block = draw(st.lists(token, min_size=1, max_size=12))
        stream += block * draw(st.integers(1, 40))
        stream = stream[:500]
        if stream and draw(st.booleans()):
            stream[draw(st.integers(0, len(stream) - 1))] = draw(token)
        stream += draw(st.lists(token, max_size=20))
    return stream


@pytest.mark.parametrize("name", RULES)
@given(stream=streams(), data=st.data())
@settings(max_examples=settings().max_examples // 4)
def test_the_watcher_fires_where_the_scan_first_calls_a_prefix_terminal(
    name: str, stream: list[int], data: st.DataObject
) -> None:
    detector = detectors.get(name, **RULES[name])
    pieces = [ALPHABET[i] for i in stream]
    expected = None
    checkpoint = next_checkpoint(0)
    while checkpoint <= len(stream) and expected is None:
        verdict = detector.scan(stream[:checkpoint], pieces[:checkpoint])
        expected = verdict.spans[-1] if verdict.terminal else None
        checkpoint = next_checkpoint(checkpoint)
    watcher, fired, at = detector.watch(), [], 0
    while at < len(stream):
        size = data.draw(st.integers(1, 90))
        span = watcher.push(stream[at : at + size], pieces[at : at + size])
        at += size
        if span:
            fired.append(span)
    assert fired == ([expected] if expected else [])


@pytest.mark.parametrize("name", RULES)
@given(stream=streams())
@settings(max_examples=settings().max_examples // 4)
def test_spans_lie_in_the_output_and_terminal_implies_looped(name: str, stream: list[int]) -> None:
    verdict = detectors.get(name, **RULES[name]).scan(stream, [ALPHABET[i] for i in stream])
    assert verdict.looped == bool(verdict.spans)
    assert verdict.looped or not verdict.terminal
    for span in verdict.spans:
        assert 0 <= span.start < span.end <= len(stream)
        assert 1 <= span.period <= span.end - span.start
        assert span.repeats >= 1
    for before, after in pairwise(verdict.spans):
        assert before.end <= after.start
    if verdict.terminal:
        assert verdict.spans[-1].end == len(stream)


@pytest.mark.parametrize("name", RULES)
def test_hostile_input_is_survived(name: str) -> None:
    detector = detectors.get(name)
    texts = ["", "\ud800" * 700, "{" * 3000, '{"a":' * 1000, "\x00\n" * 700, "|" * 5000, "\n" * 999]
    texts += ["<tool_call>" * 300, "<|tool_call_start|>[f(((" * 200, '"\\' * 2000, "`" * 3000]
    for text in texts:
        for ids in ([], [7], [-5] * 90, list(range(2**62, 2**62 + 64))):
            for verdict in (detector.scan(ids, text), detector.scan(ids)):
                assert verdict.looped or not verdict.terminal
                assert all(0 <= span.start < span.end <= len(ids) for span in verdict.spans)


@pytest.mark.parametrize(
    "name", ["antidoom", "whisper", "gopher", "gemini", "novelty", "toolcycle"]
)
def test_rules_about_text_find_nothing_without_one(name: str) -> None:
    verdict = detectors.get(name).scan([1, 2] * 500)
    assert not verdict.looped and verdict.score is None


@pytest.mark.parametrize(
    ("name", "parameter", "value"),
    [
        ("ngram", "k", 1),
        ("ngram", "n", 0),
        ("cusum", "n", 0),
        ("cusum", "tau", 0),
        ("vllm", "min_count", 1),
        ("vllm", "max_pattern_size", -1),
        ("vllm", "min_pattern_size", 65),
        ("llamacpp", "min_count", 0),
        ("antidoom", "min_repeats", 1),
        ("antidoom", "min_chars", 0),
        ("antidoom", "max_unit_chars", 0),
        ("whisper", "compression_ratio_threshold", 0),
        ("trl", "max_penalty", 0.5),
        ("trl", "ngram_size", 0),
        ("trl", "threshold", 0.0),
        ("gopher", "dup_line_frac", 0),
        ("gopher", "top_n_grams", ((0, 0.2),)),
        ("gemini", "content_chunk_size", 0),
        ("gemini", "content_loop_threshold", 1),
        ("gemini", "max_history_length", 49),
        ("novelty", "min_run", 0),
        ("gain", "threshold", 1.0),
        ("gain", "window", 1),
        ("gain", "min_tokens", 1),
        ("toolcycle", "min_repeats", 1),
        ("toolcycle", "max_cycle", 0),
    ],
)
def test_senseless_parameters_are_refused_with_their_value(
    name: str, parameter: str, value: object
) -> None:
    with pytest.raises(ValueError, match=r"(must|n-grams)"):
        detectors.get(name, **{parameter: value})
