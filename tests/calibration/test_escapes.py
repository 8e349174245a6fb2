"""Escapes: flagged streams that leave their loop, by strictness of the flag."""

from __future__ import annotations

import fakes
import msgspec
from fakes import generation

from loopbench.calibration.escapes import band_of, escapes, flags, proposal
from loopbench.calibration.streams import FollowedOutput, streams_of
from loopbench.results.observations import seen_of
from loopbench.types import Audit, Outcome, Record

FILLER = [f"w{i * i}x " for i in range(300)]


def loop(period: int, repeats: int) -> list[str]:
    return [f"{chr(0x4E00 + i)} " for i in range(period)] * repeats


def stream(
    pieces: list[str], outcome: Outcome, prompt: str = "0", model: str = "m"
) -> FollowedOutput:
    known: dict[str, int] = {}
    ids = [known.setdefault(piece, len(known)) for piece in pieces]
    seen = seen_of(fakes.record(prompt, outcome, model=model))
    return FollowedOutput(seen, ids, pieces, outcome, "length")


def record(key: str, pieces: list[str], finish: str, outcome: Outcome) -> Record:
    said = generation(pieces, finish, list(range(len(pieces))))
    return msgspec.structs.replace(fakes.record(key, outcome), generation=said)


def audit(key: str, pieces: list[str], outcome: Outcome) -> Audit:
    said = generation(pieces, "length", list(range(len(pieces))))
    return msgspec.structs.replace(fakes.audit(key, outcome), generation=said)


def test_a_stopped_stream_is_whole_only_with_its_audit() -> None:
    records = [
        record("followed", ["a"], "loop", "doom"),
        record("cut", ["a"], "loop", "doom"),
        record("failed", ["a"], "error", "error"),
        record("ended", ["a", "b"], "stop", "clean"),
    ]
    streams = streams_of(records, [audit("followed", ["b", "c"], "truncated")])
    assert [(s.pieces, s.outcome, s.finish) for s in streams] == [
        (["a", "b", "c"], "truncated", "length"),
        (["a"], "doom", "loop"),
        (["a", "b"], "clean", "stop"),
    ]


def test_a_failed_audit_follows_nothing() -> None:
    (left,) = streams_of([record("k", ["a"], "loop", "doom")], [audit("k", [], "error")])
    assert (left.finish, left.pieces) == ("loop", ["a"])


def test_the_stricter_flag_spares_the_stream_that_escapes() -> None:
    """40 tokens x 10 and then something else: flagged at 8 repeats and not at 16."""
    left = stream(loop(40, 10) + FILLER, "truncated", "left")
    stayed = stream(loop(40, 30), "doom", "stayed")
    table = escapes(flags([left, stayed], repeats=(8, 16)))
    verbatim = {row.repeats: row for row in table if row.by == "all" and row.kind == "verbatim"}
    assert (verbatim[8].rate.value, verbatim[8].rate.n) == (0.5, 2)
    assert (verbatim[16].rate.value, verbatim[16].rate.n) == (0.0, 1)
    assert verbatim[16].rate.high > 0.5  # one stream proves little
    assert verbatim[8].tokens_saved == 1200 - 320
    chosen = proposal(table, "verbatim")
    assert chosen is not None
    assert chosen.repeats == 16


def test_no_strictness_is_proposed_where_streams_escape_from_the_strictest() -> None:
    table = escapes(flags([stream(loop(4, 200) + FILLER, "clean")], repeats=(8, 16)))
    assert proposal(table, "verbatim") is None
    assert proposal(table, "counter") is None


def test_counters_are_flagged_beside_verbatim_loops() -> None:
    lines = [piece for i in range(100) for piece in (str(i), ". it", " is", " so", " still", "\n")]
    found = flags([stream(lines, "doom")], repeats=(8,))
    assert [(flag.kind, flag.escaped) for flag in found] == [("counter", False)]


def test_groups_partition_the_flags() -> None:
    streams = [
        stream(loop(1, 400), "doom", "a"),
        stream(loop(20, 40), "doom", "b", model="other"),
        stream(loop(100, 9) + FILLER, "clean", "c"),
    ]
    found = flags(streams, repeats=(8,))
    table = escapes(found)
    for by in ("all", "model", "temperature", "period", "level"):
        rows = [row for row in table if row.by == by]
        assert sum(row.rate.n for row in rows) == len(found) == 3
    periods = {row.group: row.rate.value for row in table if row.by == "period"}
    assert periods == {"1": 0.0, "16–63": 0.0, "64+": 1.0}


def test_bands_cover_every_period() -> None:
    assert [band_of(p) for p in (1, 2, 15, 16, 63, 64, 10**6)] == [
        "1", "2–15", "2–15", "16–63", "16–63", "64+", "64+",
    ]  # fmt: skip
