"""What every detector promises, held against every registered name."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopbench import detectors
from loopbench.detectors import Detector, Watcher
from loopbench.detectors.parts.streaming import SPACING, next_checkpoint
from loopbench.naming import UnknownNameError
from loopbench.types import Level, LoopSpan, Verdict

ALL = pytest.mark.parametrize("name", detectors.names())
PIECES = [" the", " loop", ".", "\n", " 1", "2", "7", "40", ". ", ",", "", "é"]


def by_lines(form: str, n: int) -> list[str]:
    return [piece for i in range(n) for piece in (*form.replace("#", str(i)).split(" "), "\n")]


def looping_tool_calls() -> list[str]:
    call = ["<tool_call>", '{"name": "f", ', '"arguments": {}}', "</tool_call>", "\n"]
    return call * 50


STREAMS = {
    "nothing": [],
    "one token": ["x"],
    "verbatim": [" so"] * 600,
    "counter": by_lines("# is odd", 150),
    "recovered": [*[" so", " on"] * 200, *(f" word{i}" for i in range(400))],
    "distinct": [f" word{i}" for i in range(500)],
    "tool calls": looping_tool_calls(),
    "empty pieces": [""] * 300,
    "surrogates": ["\ud800", "\0", "\U0001f600"] * 100,
}


def ids_of(pieces: list[str]) -> list[int]:
    known: dict[str, int] = {}
    return [known.setdefault(piece, len(known)) for piece in pieces]


def feed(watcher: Watcher, ids: list[int], pieces: list[str], cuts: list[int]) -> list[LoopSpan]:
    """Push a stream in the given parts; return all that the watcher said."""
    edges = [0, *sorted(cuts), len(ids)]
    said = [watcher.push(ids[a:b], pieces[a:b]) for a, b in pairwise(edges)]
    return [span for span in said if span]


def first_terminal(detector: Detector, ids: list[int], pieces: list[str]) -> list[LoopSpan]:
    """Return the loop at the first checkpoint at which a scan of the prefix ends in one."""
    spacing = getattr(detector, "spacing", SPACING)
    n = next_checkpoint(0, spacing)
    while n <= len(ids):
        verdict = detector.scan(ids[:n], pieces[:n])
        if verdict.terminal:
            return [verdict.spans[-1]]
        n = next_checkpoint(n, spacing)
    return []


def check_verdict(detector: Detector, verdict: Verdict, tokens: int) -> None:
    assert (verdict.detector, verdict.version) == (detector.name, detector.version)
    assert verdict.level in get_args(Level)
    assert verdict.looped == bool(verdict.spans)
    assert verdict.looped or not verdict.terminal
    for span in verdict.spans:
        assert 0 <= span.start < span.end <= tokens
        assert 1 <= span.period <= tokens
        assert span.repeats >= 1
    if verdict.terminal:
        assert verdict.spans[-1].end == tokens
        assert verdict.onset == verdict.spans[-1].start
    if verdict.looped:
        assert verdict.onset in [span.start for span in verdict.spans]
    assert msgspec.json.decode(msgspec.json.encode(verdict), type=Verdict) == verdict


@ALL
def test_a_detector_declares_itself(name: str) -> None:
    detector = detectors.get(name)
    assert isinstance(detector, Detector)
    assert isinstance(detector.watch(), Watcher)
    assert detector.name == name
    assert isinstance(detector.version, int)
    assert detector.version >= 1
    assert type(detector).__doc__


@ALL
@pytest.mark.parametrize("stream", STREAMS)
def test_verdicts_are_well_formed_and_the_faces_agree(name: str, stream: str) -> None:
    detector, pieces = detectors.get(name), STREAMS[stream]
    ids = ids_of(pieces)
    check_verdict(detector, detector.scan(ids, pieces), len(ids))
    expected = first_terminal(detector, ids, pieces)
    assert feed(detector.watch(), ids, pieces, []) == expected
    assert feed(detector.watch(), ids, pieces, list(range(1, len(ids)))) == expected


@st.composite
def streams(draw: st.DrawFn) -> list[int]:
    """Random heads and tails around repeated blocks, some of them spoilt at one place."""
    token = st.integers(0, len(PIECES) - 1)
    stream = draw(st.lists(token, max_size=60))
    for _ in range(draw(st.integers(0, 2))):
        block = draw(st.lists(token, min_size=1, max_size=25))
        stream = (stream + block * draw(st.integers(1, 50)))[:400]
        if draw(st.booleans()):
            stream[draw(st.integers(0, len(stream) - 1))] = draw(token)
        stream += draw(st.lists(token, max_size=30))
    return stream


@ALL
@given(ids=streams(), cuts=st.lists(st.integers(0, 500), max_size=12))
@settings(max_examples=settings().max_examples // 6)
def test_the_watcher_fires_at_the_first_checkpoint_whose_scan_is_terminal(
    name: str, ids: list[int], cuts: list[int]
) -> None:
    detector, pieces = detectors.get(name), [PIECES[i] for i in ids]
    check_verdict(detector, detector.scan(ids, pieces), len(ids))
    inside = [cut for cut in cuts if cut <= len(ids)]
    expected = first_terminal(detector, ids, pieces)
    assert feed(detector.watch(), ids, pieces, inside) == expected


@ALL
def test_one_instance_serves_many_streams(name: str) -> None:
    detector, pieces = detectors.get(name), STREAMS["verbatim"]
    ids = ids_of(pieces)
    first, second = detector.watch(), detector.watch()
    for at in range(0, len(ids), 50):
        part = slice(at, at + 50)
        assert first.push(ids[part], pieces[part]) == second.push(ids[part], pieces[part])
    assert detector.scan(ids, pieces) == detector.scan(ids, pieces)


@ALL
def test_text_and_ids_must_match(name: str) -> None:
    with pytest.raises(ValueError, match=r"one string per id|one string per token"):
        detectors.get(name).watch().push([1, 2, 3], ["a"])


@ALL
def test_without_text_every_detector_still_answers(name: str) -> None:
    detector, ids = detectors.get(name), [1, 2, 3] * 100
    check_verdict(detector, detector.scan(ids), len(ids))
    detector.watch().push(ids)


@ALL
def test_a_text_in_one_piece_is_dealt_out(name: str) -> None:
    detector, ids = detectors.get(name), [1, 2, 3] * 100
    check_verdict(detector, detector.scan(ids, "one two three " * 100), len(ids))


@ALL
def test_unknown_parameters_are_named(name: str) -> None:
    with pytest.raises(UnknownNameError, match=f"parameter of {name} 'no_such_parameter'"):
        detectors.get(name, no_such_parameter=1)


@ALL
def test_equal_parameters_make_equal_detectors(name: str) -> None:
    detector = detectors.get(name)
    assert detector == detectors.get(name)
    assert dataclasses.is_dataclass(detector)
    with pytest.raises(AttributeError):
        detector.name = "other"


def test_unknown_names_say_what_was_meant() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown detector 'sufix'. Did you mean 'suffix'"):
        detectors.get("sufix")
    with pytest.raises(UnknownNameError, match="Did you mean 'min_repeats'"):
        detectors.get("suffix", min_repeat=3)


@pytest.mark.parametrize("helper", ["base", "items", "periods", "streaming", "tokens"])
def test_helper_modules_are_no_detectors(helper: str) -> None:
    assert helper not in detectors.names()
    with pytest.raises(UnknownNameError):
        detectors.get(helper)
