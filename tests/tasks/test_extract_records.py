from __future__ import annotations

import json
import random

import pytest

from loopbench.tasks.extract_records import TASK, field_f1, schema_valid
from loopbench.tasks.records import BOOLEAN, INTEGER, KINDS, NUMBER, TEXT, array, closed
from loopbench.types import Sample

RECORD = {
    "id": "A-1",
    "paid": True,
    "total": 12.0,
    "items": [{"name": "pen", "n": 2}, {"name": "ink", "n": 1}, {"name": "cap", "n": 5}],
}
ITEMS = array(closed({"name": TEXT, "n": INTEGER}))
SCHEMA = closed({"id": TEXT, "paid": BOOLEAN, "total": NUMBER, "items": ITEMS})
SAMPLE = Sample(
    task="extract_records", task_version=1, id="x", level="easy", category="extraction",
    prompt="", reference={"record": RECORD, "schema": SCHEMA},
)  # fmt: skip


def change(**fields: object) -> str:
    return json.dumps(RECORD | fields)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(RECORD),
        json.dumps(RECORD, indent=2),
        f"Here it is:\n```json\n{json.dumps(RECORD)}\n```\nDone.",
        change(total=12),
        change(id=" a-1 "),
        json.dumps(dict(reversed(RECORD.items()))),
    ],
)
def test_equal_records_are_correct(text: str) -> None:
    grade = TASK.grade(SAMPLE, text)
    assert (grade.correct, grade.score, grade.problem) == (True, 1.0, None)
    assert grade.parts == {"valid_json": 1.0, "schema_valid": 1.0, "field_f1": 1.0}


@pytest.mark.parametrize(
    ("text", "problem", "score"),
    [
        (change(id="A-2"), "wrong", 16 / 18),
        (change(total="12.0"), "schema_violation", 16 / 18),
        (change(paid=1), "schema_violation", 16 / 18),
        (change(items=RECORD["items"][1:]), "wrong", 14 / 16),
        (change(items=list(reversed(RECORD["items"]))), "wrong", 1.0),
        (change(items={str(i): x for i, x in enumerate(RECORD["items"])}), "schema_violation", 1.0),
        (change(more=1), "schema_violation", 18 / 19),
        ("{}", "schema_violation", 0.0),
        (json.dumps([RECORD]), "schema_violation", 0.0),
        (json.dumps(RECORD)[:-1], "invalid_json", 0.0),
        (str(RECORD), "invalid_json", 0.0),
        ("I do not know.", "invalid_json", 0.0),
    ],
)
def test_other_records_are_not(text: str, problem: str, score: float) -> None:
    grade = TASK.grade(SAMPLE, text)
    assert grade.correct is False
    assert grade.problem == problem
    assert grade.score == pytest.approx(score)


def test_surplus_items_cost_precision() -> None:
    many = RECORD | {"items": RECORD["items"] * 500}
    assert 0 < field_f1(many, RECORD) < 0.02


def test_nesting_beyond_the_validator_is_just_invalid() -> None:
    deep: object = []
    for _ in range(5000):
        deep = [deep]
    assert schema_valid({"id": deep}, SCHEMA) is False
    assert field_f1({"items": [deep, deep]}, RECORD) == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", range(3))
def test_records_are_valid_and_their_facts_stand_in_the_text(kind, size: int) -> None:
    for seed in range(10):
        document = kind(random.Random(seed), size)
        assert schema_valid(document.record, document.schema)
        for value in document.record.values():
            if isinstance(value, str) and not value.startswith("20") and value[-3:] != "ale":
                assert value in document.text
