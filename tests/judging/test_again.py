"""A record judged again: detection needs no task, grading the very version of it."""

from __future__ import annotations

import msgspec
from circling import ROUND
from fakes import generation, record

from loopbench import tasks
from loopbench.judging.again import rescored
from loopbench.judging.rules import MEASURE, detectors_of
from loopbench.types import SCHEMA_VERSION, Grade, Record

PIECES = ["<think>", *ROUND[:900], *["so ", "it ", "goes. "] * 60]
OUTPUT = generation(PIECES, "length", [sum(map(ord, piece)) for piece in PIECES])
GRADE = Grade(correct=True, score=1.0, answer="7")


def again(**changes: object) -> tuple[Record, Record, bool]:
    old = {"schema_version": 1, "generation": OUTPUT, "grade": GRADE}
    old = msgspec.structs.replace(record("k"), **old | changes)
    ((before, after, graded),) = rescored(iter([old]), detectors_of(MEASURE))
    assert before is old
    return before, after, graded


def test_what_has_no_task_any_more_is_detected_anew_and_keeps_its_grade() -> None:
    version = tasks.get("chain_sum").version
    for changes in ({"task": "gone"}, {"task_version": version + 1}):
        before, after, graded = again(**changes)
        assert not graded
        assert (before.outcome, before.verdicts, before.circled) == ("clean", [], None)
        found = [(v.detector, v.looped, v.terminal) for v in after.verdicts]
        assert found == [
            ("suffix", True, True), ("counter", False, False), ("toolcycle", False, False),
            ("circular", True, True),
        ]  # fmt: skip
        assert (after.outcome, after.loop_in_thinking, after.circled) == ("doom", True, False)
        assert (after.schema_version, after.grade) == (SCHEMA_VERSION, GRADE)
        assert (after.key, after.generation) == ("k", OUTPUT)


def test_a_count_is_found_by_the_text_of_its_tokens() -> None:
    pieces = [piece for i in range(60) for piece in (str(i), ". Lily", " lies", ".\n")]
    _, after, _ = again(task="gone", generation=generation(pieces, "length", list(range(240))))
    assert [v.detector for v in after.verdicts if v.terminal] == ["counter"]
    assert (after.outcome, after.loop_in_thinking) == ("doom", None)


def test_a_record_of_a_task_of_today_is_graded_anew_too() -> None:
    (sample,) = tasks.get("chain_sum").samples(1, level="easy")
    before, after, graded = again(
        task_version=sample.task_version, prompt=sample.prompt, reference=sample.reference,
        level="easy", repeat=3,
    )  # fmt: skip
    assert graded
    assert (after.outcome, after.loop_in_thinking, after.circled) == ("doom", True, False)
    assert (after.grade.correct, after.grade.problem) == (None, "no_answer")
    kept = ("key", "model", "task", "task_version", "sample_id", "level", "category", "prompt",
            "reference", "sampling", "repeat", "generation")  # fmt: skip
    for field in kept:
        assert getattr(after, field) == getattr(before, field)
