"""Loops inside structure, on outputs written by hand: one token per piece."""

from __future__ import annotations

import json
import re

import msgspec
import pytest
from fakes import generation, header, record

from loopbench.judging.monitor import scan_all
from loopbench.judging.outcome import classify
from loopbench.judging.rules import DOOM, detectors_of
from loopbench.results.structure import structure_loop
from loopbench.results.summary import NO_RATE, summarise
from loopbench.results.table import columns_for, footnotes
from loopbench.types import Record

CALL = '{"name": "get_weather", "arguments": {"city": "Oslo"}}'
OTHER = CALL.replace("Oslo", "Rome")
RECORD = '{"name": "Ada", "born": 1815, "city": "London"}'
BLANK = '[{"name": "get_weather", "arguments": {' + " \n" * 60
OPEN = '{"list": ' + "[" * 80
IRREGULAR = '{"a": [' + "".join("\n" * (i % 5 + 1) + " " * (i % 3 + 1) for i in range(30))
DEEP = '{"a": 1' + "".join("\n" + "  " * i + "}" for i in range(6, -1, -1))


def output(text: str, category: str = "tools", finish: str = "length") -> Record:
    pieces = re.findall(r"\w+|\s|.", text, re.DOTALL)
    known: dict[str, int] = {}
    ids = [known.setdefault(piece, len(known)) for piece in pieces]
    made = generation(pieces, finish, ids)
    verdicts = scan_all(detectors_of(DOOM), ids, pieces)
    base = record("k", category=category, task="tool_call", budget=160)
    return msgspec.structs.replace(
        base, generation=made, verdicts=verdicts, outcome=classify(made.finish, verdicts)
    )


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (BLANK, "run"),
        (OPEN, "run"),
        (IRREGULAR, "run"),
        ("[" + ", ".join([CALL] * 3) + ", ", "calls"),
        (f"<tool_call>{CALL}</tool_call>" * 3, "calls"),
        ("[" + ", ".join([CALL, OTHER] * 2) + ", {", "calls"),
        ("[" + ", ".join([RECORD] * 4) + ", ", "copies"),
        ('{"a": ' * 12, "copies"),
        ("[" + ", ".join([CALL, OTHER, RECORD]), None),
        (DEEP, None),
        (BLANK[:50], None),
        ("The weather is fine. " * 3, None),
        ("", None),
    ],
)
@pytest.mark.parametrize("category", ["tools", "extraction"])
def test_an_end_stuck_in_structure_is_named(text: str, kind: str | None, category: str) -> None:
    assert structure_loop(output(text, category)) == kind


@pytest.mark.parametrize("text", [BLANK, OPEN, f"{CALL} " * 5])
def test_what_ends_or_is_prose_is_not_stuck(text: str) -> None:
    assert structure_loop(output(text, finish="stop")) is None
    assert structure_loop(output(text, finish="error")) is None
    assert structure_loop(output(text, "reasoning")) is None


def test_characters_count_where_a_token_holds_many_spaces() -> None:
    made = generation(["{", " " * 300], "length", [1, 2])
    stuck = msgspec.structs.replace(output("{"), generation=made)
    assert structure_loop(stuck) == "run"


def test_white_space_at_a_small_budget_is_truncated_and_seen() -> None:
    """A budget of 160 leaves less than the 128 tokens of doom to a run that begins at 40."""
    stuck = output(BLANK)
    assert 128 < len(stuck.generation.token_ids) < 160
    assert stuck.outcome == "truncated"
    right = output(json.dumps([json.loads(CALL)]), finish="stop")
    records = [
        msgspec.structs.replace(one, key=f"k{i}", sample_id=f"s{i}")
        for i, one in enumerate([stuck, right, output(RECORD * 4, "extraction")])
    ]
    (row,) = summarise(records, [], header())
    assert (row.doom_rate.value, row.truncated_rate.value) == (0.0, 2 / 3)
    assert (row.structure_rate.value, row.structure_rate.n) == (2 / 3, 3)
    assert (row.structure_runs, row.structure_calls, row.structure_copies) == (1, 0, 1)
    assert "struct. %" in [column.title for column in columns_for([row])]
    assert "1 in white space, brackets or other signs, 0 in the same calls, 1 in" in "".join(
        footnotes([row])
    )
    rows = summarise(records, [], header(), "category")
    assert {r.group: r.structure_rate.value for r in rows} == {"tools": 0.5, "extraction": 1.0}


def test_reasoning_has_no_such_rate() -> None:
    (row,) = summarise([record("a"), record("b", "truncated")], [], header())
    assert row.structure_rate == NO_RATE
    assert "struct. %" not in [column.title for column in columns_for([row])]
    assert not any("struct." in note for note in footnotes([row]))
