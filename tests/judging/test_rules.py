"""The published rules: what counts as a loop, and what stops a stream."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from loopbench import detectors
from loopbench.detectors import Detector
from loopbench.judging.monitor import StreamMonitor
from loopbench.judging.rules import CIRCULAR, MEASURE, STOP, STOP_CIRCULAR, detectors_of
from loopbench.types import Rule

README = Path(__file__).parent.parent.parent / "README.md"


def counted(rows: int, tokens: int) -> list[str]:
    """Return numbered rows of so many tokens; the first number is not yet a block."""
    return [piece for i in range(rows) for piece in (f"{i}", *[" so"] * (tokens - 2), ".\n")]


def repeated(blocks: int, tokens: int) -> list[str]:
    return [f" word{i}" for _ in range(blocks) for i in range(tokens)]


def stopped_at(rules: tuple[Rule, ...], pieces: list[str]) -> int | None:
    """Return the token at which a stream is stopped."""
    monitor, known = StreamMonitor(detectors_of(rules)), dict[str, int]()
    for at, piece in enumerate(pieces, 1):
        if monitor.push([known.setdefault(piece, len(known))], [piece]):
            return at
    return None


def measuring(name: str) -> Detector:
    (detector,) = detectors_of(rule for rule in MEASURE if rule.detector == name)
    return detector


@pytest.mark.parametrize(("blocks", "at"), [(7, None), (8, 512), (20, 512)])
def test_a_verbatim_loop_is_stopped_at_eight_repeats(blocks: int, at: int | None) -> None:
    assert stopped_at(STOP, repeated(blocks, 64)) == at


def test_a_verbatim_loop_is_stopped_after_256_tokens() -> None:
    assert stopped_at(STOP, repeated(600, 1)) == 256


@pytest.mark.parametrize(("blocks", "at"), [(24, None), (31, None), (32, 1056), (60, 1056)])
def test_a_counter_loop_is_stopped_at_32_blocks(blocks: int, at: int | None) -> None:
    # 32 tokens a row, so that every row ends where the stream is looked at.
    assert stopped_at(STOP, counted(blocks + 1, 32)) == at


def test_a_counter_loop_is_stopped_after_512_tokens() -> None:
    # One token is before its first block.
    assert stopped_at(STOP, counted(300, 4)) == 544


@pytest.mark.parametrize(
    ("pieces", "found"),
    [
        (repeated(3, 64) + repeated(1, 63), False),
        (repeated(4, 64), True),
        (repeated(127, 1), False),
        (repeated(128, 1), True),
    ],
)
def test_a_verbatim_loop_is_four_repeats_over_128_tokens(pieces: list[str], found: bool) -> None:
    known: dict[str, int] = {}
    ids = [known.setdefault(piece, len(known)) for piece in pieces]
    assert measuring("suffix").scan(ids).terminal == found


@pytest.mark.parametrize(
    ("pieces", "found"),
    [
        (counted(4, 64), False),
        (counted(5, 64), True),
        (counted(32, 4), False),
        (counted(33, 4), True),
    ],
)
def test_a_counter_loop_is_four_blocks_over_128_tokens(pieces: list[str], found: bool) -> None:
    assert measuring("counter").scan(range(len(pieces)), pieces).terminal == found


def test_the_circular_rule_is_the_calibrated_one() -> None:
    published = {
        "share": 0.36, "bits": 25.0, "window": 200, "recent": 900, "min_words": 300, "filled": 0.2,
    }  # fmt: skip
    assert [measuring("circular")] == [detectors.get("circular")] == detectors_of([CIRCULAR])
    assert CIRCULAR.parameters == published
    assert STOP_CIRCULAR.parameters == {**published, "lasting": 400}


def test_the_readme_says_when_a_stream_is_stopped() -> None:
    said = re.search(
        r"verbatim: (\d+) repeats over (\d+) tokens;\s+counter: (\d+) over (\d+)",
        README.read_text(encoding="utf-8"),
    )
    assert said
    numbers = [number for rule in STOP for number in rule.parameters.values()]
    assert [*map(int, said.groups())] == numbers == [8, 256, 32, 512]
