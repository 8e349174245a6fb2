"""What no input may do to any detector: raise, point outside the data, or eat the memory."""

from __future__ import annotations

import random
import sys
import tracemalloc
from collections.abc import Sequence
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopbench import detectors
from loopbench.types import LoopSpan, Verdict

ALL = pytest.mark.parametrize("name", detectors.names())
FAST = ("counter", "suffix")
FAST_FIRST = pytest.mark.parametrize(
    "name",
    [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in detectors.names()],
)
# It compresses the bytes of the ids, so it sees more than which of them are equal.
SEES_EQUALITY_ONLY = [name for name in detectors.names() if name != "gain"]

ODD_IDS = {
    "negative": [-1, -2, -1, -3],
    "beyond any vocabulary": [2**40, 2**40 + 1, 2**62],
    "the extremes": [-(2**63), 2**63 - 1],
    "zero": [0],
}
ODD_PIECES = {
    "lone surrogates": ["\ud800", "\udfff", "a\udc00"],
    "halves of a pair": ["\ud83d", "\ude00"],
    "control characters": ["\0", "\x1b[2J", "\r", "\x85", "\u2028"],
    "marks and invisible": ["\u0301", "\u200b", "\ufeff", "\u202e"],
    "digits that are not ASCII": ["٣", "²", "½", "１", "𝟗"],
    "long numbers": ["9" * 40, " ", "0" * 400],
    "markup that never ends": ["<tool_call>", '{"name": "', "[", "```"],
    "nothing": [""],
}


def check_within(verdict: Verdict, tokens: int) -> None:
    """No span may point outside the data, whatever the verdict."""
    for span in verdict.spans:
        check_span(span, tokens)
    if verdict.onset is not None:
        assert 0 <= verdict.onset < tokens
    if verdict.terminal:
        assert verdict.spans[-1].end == tokens


def check_span(span: LoopSpan, tokens: int) -> None:
    assert 0 <= span.start < span.end <= tokens
    assert 1 <= span.period <= tokens


def check_both_faces(name: str, ids: Sequence[int], pieces: Sequence[str] | None) -> None:
    detector = detectors.get(name)
    check_within(detector.scan(ids, pieces), len(ids))
    said = detector.watch().push(ids, pieces)
    if said is not None:
        check_span(said, len(ids))


@ALL
@pytest.mark.parametrize("kind", ODD_IDS)
def test_odd_ids_are_ids(name: str, kind: str) -> None:
    some = ODD_IDS[kind]
    rng = random.Random(kind)
    for ids in (some[:1], some * 200, [*range(150), *some * 150, *range(150)]):
        check_both_faces(name, ids, None)
        check_both_faces(name, ids, [rng.choice((" so", "\n", "7")) for _ in ids])


@ALL
@pytest.mark.parametrize("kind", ODD_PIECES)
def test_odd_text_is_text(name: str, kind: str) -> None:
    some = ODD_PIECES[kind]
    rng = random.Random(kind)
    for pieces in (some[:1], some * 150, rng.choices(some, k=400), [*some * 100, *" plain words"]):
        check_both_faces(name, list(range(len(pieces))), pieces)
        check_within(detectors.get(name).scan([7] * 300, "".join(pieces)), 300)


@ALL
def test_nothing_is_no_loop(name: str) -> None:
    detector = detectors.get(name)
    for text in (None, [], ""):
        verdict = detector.scan([], text)
        assert (verdict.looped, verdict.terminal, verdict.spans) == (False, False, [])
    assert detector.watch().push([]) is None
    assert detector.watch().push([], []) is None


@ALL
def test_one_token_is_no_loop(name: str) -> None:
    assert not detectors.get(name).scan([5], ["x"]).looped
    assert detectors.get(name).watch().push([5], ["x"]) is None


@ALL
@given(
    ids=st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 2), max_size=300),
    data=st.data(),
)
@settings(max_examples=settings().max_examples // 6)
def test_no_ids_and_no_text_raise(name: str, ids: list[int], data: st.DataObject) -> None:
    # Surrogates included: a broken decoder may hand them on.
    character = st.characters(exclude_categories=()) | st.sampled_from("0123456789\n ,.<>{}\"'")
    distinct = data.draw(st.lists(st.text(character, max_size=12), min_size=1, max_size=8))
    pieces = [distinct[abs(i) % len(distinct)] for i in ids]
    check_both_faces(name, ids, pieces)


BAD_IDS: list[Any] = [[1.5] * 200, [2**64] * 200, ["a"] * 200, [None] * 200, [[1, 2]] * 200]


@ALL
@pytest.mark.parametrize("ids", BAD_IDS, ids=lambda ids: repr(ids[0]))
def test_what_is_no_id_is_refused_in_a_sentence(name: str, ids: Any) -> None:
    with pytest.raises(TypeError, match="token ids must be a flat sequence"):
        detectors.get(name).scan(ids)
    with pytest.raises(TypeError, match="token ids must be a flat sequence"):
        detectors.get(name).watch().push(ids)


def test_a_refused_push_leaves_no_trace() -> None:
    watcher = detectors.get("suffix").watch()
    with pytest.raises(ValueError, match="one string per token"):
        watcher.push([7, 7, 7], ["x"])
    # Three tokens of the refused push would make it fire one look earlier.
    assert watcher.push([7] * 127) is None
    assert watcher.push([7]) == LoopSpan(start=0, end=128, period=1, repeats=128)


def one_line(kind: str, characters: int) -> list[str]:
    """Return pieces of five characters without a line break."""
    rng = random.Random(kind)
    form = {"words": " {:04x}", "digits": "{:05d}", "no spaces": "{:05x}"}[kind]
    return [form.format(rng.randrange(1 << 16)) for _ in range(characters // 5)]


@FAST_FIRST
@pytest.mark.parametrize("kind", ["words", "digits", "no spaces"])
def test_a_long_line(name: str, kind: str) -> None:
    pieces = one_line(kind, 100_000)
    check_both_faces(name, list(range(len(pieces))), pieces)


class Lines:
    """Counts the lines of Python that run while it is entered: work, whatever the machine does."""

    count = 0

    def __enter__(self) -> Lines:
        self._before = sys.gettrace()
        sys.settrace(self._trace)
        return self

    def __exit__(self, *error: object) -> None:
        sys.settrace(self._before)

    def _trace(self, frame: FrameType, event: str, argument: object) -> Any:
        self.count += event == "line"
        return self._trace


@pytest.mark.slow
@ALL
def test_the_work_is_linear_in_the_text(name: str) -> None:
    detector, work = detectors.get(name), []
    pieces = one_line("words", 80_000)
    for size in (len(pieces) // 4, len(pieces)):
        with Lines() as lines:
            detector.scan(list(range(size)), pieces[:size])
        work.append(lines.count)
    assert work[1] <= 5 * work[0] + 1_000


@pytest.mark.parametrize("name", SEES_EQUALITY_ONLY)
@given(
    head=st.lists(st.integers(0, 9), max_size=60),
    block=st.lists(st.integers(0, 9), min_size=1, max_size=20),
    repeats=st.sampled_from([1, 3, 40]),
    renamed=st.permutations([-(2**63), -7, 0, 1, 2, 3, 300, 2**31, 2**40, 2**63 - 1]),
)
@settings(max_examples=settings().max_examples // 6)
def test_which_ids_stand_for_what_does_not_matter(
    name: str, head: list[int], block: list[int], repeats: int, renamed: list[int]
) -> None:
    detector, ids = detectors.get(name), head + block * repeats + head
    assert detector.scan(ids) == detector.scan([renamed[i] for i in ids])


@given(
    block=st.lists(st.integers(0, 2), min_size=1, max_size=30),
    repeats=st.integers(4, 60),
    head=st.lists(st.integers(3, 4), max_size=40),
    tail=st.lists(st.integers(3, 4), max_size=40),
)
def test_suffix_reports_no_multiple_of_a_period(
    block: list[int], repeats: int, head: list[int], tail: list[int]
) -> None:
    detector = detectors.get("suffix", min_tokens=16)
    ids = head + block * repeats + tail
    for span in detector.scan(ids).spans:
        part = ids[span.start : span.end]
        holds = [p for p in range(1, span.period + 1) if part[p:] == part[:-p]]
        assert holds == [span.period]


def bytes_held(name: str, ids: list[int], pieces: list[str]) -> float:
    """Return the memory that a watcher holds after a stream, per token."""
    tracemalloc.start()
    try:
        watcher = detectors.get(name).watch()
        for at in range(0, len(ids), 64):
            watcher.push(ids[at : at + 64], pieces[at : at + 64])
        return tracemalloc.get_traced_memory()[0] / len(ids)
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@FAST_FIRST
def test_the_memory_of_a_watcher_is_linear_in_its_stream(name: str) -> None:
    rng = random.Random(0)
    weights = [1 / (rank + 1) for rank in range(8_000)]
    ids = rng.choices(range(8_000), weights, k=40_000)
    pieces = [f" {i:04d}"[:5] if i % 7 else "\n" for i in ids]
    detectors.get(name).watch().push(ids[:200], pieces[:200])  # what is loaded once
    short, long = bytes_held(name, ids[:10_000], pieces[:10_000]), bytes_held(name, ids, pieces)
    assert long <= 1.5 * short + 1
    # The published rules that count n-grams hold tables of them.
    assert long <= (192 if name in FAST else 1_024)
