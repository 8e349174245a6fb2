"""One output of a file: which loop is shown, where it stands, what is doubtful."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from loopbench.detectors.parts.tokens import FALLBACK
from loopbench.files.outputs import FileOutput
from loopbench.files.reading import Item
from loopbench.judging.rules import MEASURE
from loopbench.outputs.judged import JudgedOutput, judge

PROSE = (
    "Seven boats left the harbour before dawn; the last of them carried the mail for the island. "
)
LOOP = "and so it goes, " * 40
COUNT = "".join(f"{i}. It was fine.\n" for i in range(1, 60))


def judged(text: str | None = None, **fields: Any) -> JudgedOutput:
    return judge(Item(row=3, output=FileOutput(text=text, **fields)), "f", MEASURE)


def test_the_loop_at_the_end_is_shown_with_its_place() -> None:
    found = judged(PROSE + LOOP, finish="length")
    assert (found.outcome, found.level, found.detector) == ("doom", "verbatim", "suffix")
    assert (found.period, found.repeats) == (9, 40)
    # The space before it is the one that ends its block.
    assert (found.start, found.end) == (len(PROSE) - 1, len(PROSE + LOOP))
    assert found.excerpt is not None
    assert found.excerpt * 2 in " " + LOOP
    assert found.wasted == found.tokens - found.onset - 9
    assert found.tokenization == FALLBACK


def test_an_earlier_loop_does_not_hide_how_it_ended() -> None:
    found = judged(LOOP + PROSE * 2, finish="length")
    assert found.outcome == "truncated"
    assert (found.level, found.period, found.repeats, found.onset, found.excerpt) == (None,) * 5
    assert [(one.level, one.repeats) for one in found.left] == [("verbatim", 40)]
    (left,) = found.left
    assert (left.start, left.end) == (0, len(LOOP))
    assert found.wasted == 0


def test_a_later_loop_is_shown_and_the_earlier_one_listed() -> None:
    found = judged("on and on " * 60 + PROSE + LOOP, finish="length")
    assert (found.outcome, found.period) == ("doom", 9)
    assert [one.period for one in found.left] == [6]


def test_what_was_recovered_from_is_shown() -> None:
    found = judged(LOOP + PROSE, finish="stop")
    assert (found.outcome, found.level, found.repeats, found.onset) == (
        "recovered",
        "verbatim",
        40,
        0,
    )
    assert found.wasted == 0


def test_a_list_that_ended_is_no_recovery() -> None:
    assert judged(COUNT + PROSE, finish="stop").outcome == "clean"
    ended = judged(COUNT, finish="stop")
    assert (ended.outcome, ended.at_end, ended.level) == ("clean", "counter", None)


def test_an_unknown_finish_is_its_own_value() -> None:
    assert judged(PROSE).outcome == "unknown"
    looped = judged(LOOP)
    assert (looped.outcome, looped.finish, looped.at_end) == ("doom", "unknown", "verbatim")


@pytest.mark.parametrize(("rows", "doubtful"), [(45, True), (200, False)])
def test_a_count_within_a_short_budget_is_doubtful(rows: int, doubtful: bool) -> None:
    found = judged("".join(f"{i}. It was fine.\n" for i in range(1, rows)), finish="length")
    assert (found.outcome, found.level) == ("doom", "counter")
    assert found.doubtful is doubtful
    assert not judged(LOOP, finish="length").doubtful


def test_one_long_round_is_shown() -> None:
    words = [f"{a}{b}" for a in ("ka", "mo", "ri", "su", "te") for b in ("lan", "dor", "mis")] * 90
    found = judged(" ".join(words[:400] + words[7:320]), finish="length")
    assert found.outcome in ("doom", "circular")
    assert found.excerpt
    assert found.wasted >= 0


def test_ids_alone_have_no_characters() -> None:
    found = judged(token_ids=[1, 2] * 200, finish="length")
    assert (found.outcome, found.period, found.start, found.end, found.excerpt) == (
        "doom", 2, None, None, None,
    )  # fmt: skip
    assert found.tokenization == "given"


def test_ids_with_pieces_place_a_loop_exactly() -> None:
    pieces = ["Look", ": ", *["up", " ", "down", " "] * 60]
    ids = [9, 8, *[1, 2, 3, 2] * 60]
    for fields in (
        {"pieces": pieces},
        {"text": "".join(pieces), "token_chars": [len(piece) for piece in pieces]},
    ):
        found = judged(token_ids=ids, finish="length", **fields)
        assert (found.onset, found.start, found.end) == (2, 6, len("".join(pieces)))
        assert found.excerpt == "up down "


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"token_ids": [1, 2], "text": "abc", "token_chars": [1, 1]},
        {"token_ids": [1, 1 << 70]},
        {"token_ids": [1, 2], "pieces": ["a"]},
    ],
)
def test_what_does_not_fit_together_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        judged(**fields)


def test_a_failed_generation_is_an_error() -> None:
    found = judged(finish="error", error="the server went away")
    assert (found.outcome, found.error, found.tokens) == ("error", "the server went away", 0)


def test_a_row_is_json() -> None:
    row = msgspec.json.decode(msgspec.json.encode(judged(PROSE + LOOP, finish="length", id=7)))
    assert row.keys() >= {"id", "start", "end", "onset", "period", "repeats", "excerpt", "outcome"}
    assert row["id"] == 7
    assert judged(PROSE).id == 3  # its row
