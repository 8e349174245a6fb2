"""What becomes of circular outputs by two and four times a budget, counted by hand."""

from __future__ import annotations

import random
from typing import Any

import fakes
import msgspec
from fakes import generation

from loopbench.calibration.circular_fates import circular_fates, state_at
from loopbench.calibration.streams import streams_of
from loopbench.calibration.tables import fate_grid
from loopbench.judging.rules import MEASURE, detectors_of
from loopbench.types import Audit, Record


def word(number: int) -> str:
    return "".join("bdfgklmnpr"[int(digit)] + "a" for digit in str(number)) + " "


def going_round(words: int) -> list[str]:
    """Six phrases in an order that drifts."""
    rng = random.Random(7)
    said: list[str] = []
    while len(said) < words:
        phrase = rng.randrange(6)
        said += [word(1_000 + 9 * phrase + i) for i in range(9)]
    return said[:words]


def new(words: int) -> list[str]:
    return [word(10_000 + i) for i in range(words)]


def record(key: str, pieces: list[str], finish: str, outcome: Any, **fields: Any) -> Record:
    said = generation(pieces, finish, list(range(len(pieces))))
    return msgspec.structs.replace(fakes.record(key, outcome, **fields), generation=said)


RECORDS = [
    record("ends soon", going_round(900), "stop", "clean"),
    record("ends late", going_round(1_900), "stop", "clean"),
    record("stays", going_round(2_048), "length", "circular"),
    record("gets on", going_round(512) + new(1_536), "length", "truncated"),
    record("never", new(2_048), "length", "truncated"),
    record("failed", [], "error", "error"),
]


def test_every_output_is_judged_as_if_cut_at_each_budget() -> None:
    fates = {(f.budget, f.later): f for f in circular_fates(streams_of(RECORDS))}
    first = fates[512, 1024]
    assert (first.n, first.reached) == (4, 5)
    assert first.ended.value == 1 / 4
    assert (first.doom, first.circular, first.truncated) == (0, 2, 1)
    second = fates[512, 2048]
    assert second.ended.value == 2 / 4
    assert (second.n, second.circular, second.truncated) == (4, 1, 1)
    # Of what was still going at 1,024 tokens: two went round.
    assert (fates[1024, 2048].n, fates[1024, 2048].reached) == (2, 4)
    assert fates[1024, 2048].ended.value == 1 / 2
    # "stays" was not followed to 4,096.
    assert (1024, 4096) not in fates


def test_what_ended_nobody_knows_why_is_known_up_to_there() -> None:
    untold = record("untold", going_round(600), "unknown", "circular")
    (stream,) = streams_of([untold])
    measure = detectors_of(MEASURE)
    assert state_at(stream, 512, measure) == "circular"
    assert state_at(stream, 610, measure) is None


def test_where_one_was_not_followed_nothing_is_said() -> None:
    """The outputs that ended are known in any case: alone they would be all of them."""
    cut = record("cut early", going_round(700), "length", "circular")
    fates = {(f.budget, f.later): f for f in circular_fates(streams_of([*RECORDS, cut]))}
    assert (512, 1024) not in fates
    assert fates[1024, 2048].n == 2
    # A context that ends a few tokens before will do.
    nearly = record("nearly", going_round(1_000), "length", "circular")
    fates = {(f.budget, f.later): f for f in circular_fates(streams_of([*RECORDS, nearly]))}
    assert (fates[512, 1024].n, fates[512, 1024].circular) == (5, 3)


def test_a_stream_stopped_in_a_loop_stays_there_unless_its_audit_says_otherwise() -> None:
    looping = record("l", going_round(700), "loop", "doom")
    stopped = record("s", going_round(700), "loop", "circular")
    ended = generation(new(100), "stop", list(range(100)))
    audit: Audit = msgspec.structs.replace(fakes.audit("l", "recovered"), generation=ended)
    (fate, _) = circular_fates(streams_of([looping]))
    assert (fate.n, fate.doom, fate.ended.value) == (1, 1, 0.0)
    (fate, _) = circular_fates(streams_of([looping], [audit]))
    assert (fate.n, fate.doom, fate.ended.value) == (1, 0, 1.0)
    # What one that was stopped for going round would have done is not known.
    assert circular_fates(streams_of([looping, stopped])) == []


def test_rows_are_told_apart_and_printed() -> None:
    hot = record("h", going_round(900), "stop", "clean", temperature=0.7)
    grid = fate_grid(circular_fates(streams_of([*RECORDS, hot])))
    assert [row[:4] for row in grid.rows if row[2] == "512"] == [
        ("a", "0", "512", "4/5"),
        ("a", "0.7", "512", "1/1"),
    ]
    assert grid.rows[0][4].startswith("25.0 [")
    assert grid.rows[0][6] == "0, 2, 1"
    assert fate_grid([]).rows == []
