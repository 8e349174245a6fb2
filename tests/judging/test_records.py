"""From a generation to its record, and from a continuation to its audit."""

from __future__ import annotations

import msgspec
import pytest
from circling import ROUND
from fakes import generation, record

from loopbench import tasks
from loopbench.judging.jobs import Job
from loopbench.judging.records import audit_of, grade_of, record_of
from loopbench.judging.rules import MEASURE, detectors_of
from loopbench.types import Generation, Grade, Sampling

RULES = detectors_of(MEASURE)
LOOP = ["so ", "it ", "goes. "] * 60
NEW = [f"w{i * i}x " for i in range(700)]


def output(pieces: list[str], finish: str = "length") -> Generation:
    return generation(pieces, finish, [sum(map(ord, piece)) for piece in pieces])


@pytest.mark.parametrize(
    ("pieces", "finish", "outcome", "circled"),
    [
        (LOOP, "length", "doom", False),
        (ROUND[:900], "length", "circular", False),
        ([*ROUND[:900], *NEW], "length", "truncated", True),
        ([*ROUND[:900], *NEW], "stop", "clean", True),
        ([*LOOP, *NEW], "stop", "recovered", False),
        ([*LOOP, *NEW], "length", "truncated", False),
    ],
)
def test_a_record_says_how_an_output_ended_and_whether_it_went_round(
    pieces: list[str], finish: str, outcome: str, circled: bool
) -> None:
    (sample,) = tasks.get("chain_sum").samples(1, level="easy")
    job = Job(key="k", sample=sample, sampling=Sampling(), repeat=0)
    made = record_of(job, "a", output(pieces, finish), RULES)
    assert (made.outcome, made.circled, made.loop_in_thinking) == (outcome, circled, None)


@pytest.mark.parametrize(
    ("stopped", "went_on", "finish", "outcome", "escaped"),
    [
        ("doom", LOOP, "length", "doom", False),
        ("doom", NEW, "length", "truncated", True),
        ("doom", NEW, "stop", "recovered", True),
        # A doomed stream that goes on in circles has left its loop, but not the other way round.
        ("doom", ROUND[:900], "length", "circular", True),
        ("circular", ROUND[:900], "length", "circular", False),
        ("circular", LOOP, "length", "doom", False),
        ("circular", NEW, "length", "truncated", True),
    ],
)
def test_an_audit_says_whether_a_stopped_stream_got_away(
    stopped: str, went_on: list[str], finish: str, outcome: str, escaped: bool
) -> None:
    first = output(LOOP if stopped == "doom" else ROUND[:900], "loop")
    stream = msgspec.structs.replace(record("k", stopped), generation=first)
    audit = audit_of(stream, output(went_on, finish), RULES)
    assert (audit.key, audit.outcome, audit.escaped) == ("k", outcome, escaped)
    assert list(audit.generation.pieces) == went_on
    assert [v.detector for v in audit.verdicts] == ["suffix", "counter", "toolcycle", "circular"]


def test_only_a_sample_of_the_task_of_today_is_graded() -> None:
    (sample,) = tasks.get("chain_sum").samples(1, level="easy")
    text = f"Answer: {sample.reference}"
    assert grade_of(sample, text).correct is True
    for changes in (
        {"category": "ungraded"},
        {"task": "gone"},
        {"task_version": sample.task_version + 1},
    ):
        assert grade_of(msgspec.structs.replace(sample, **changes), text) == Grade()
