from __future__ import annotations

import pytest

from loopbench.tasks.enumeration import MAX_ANSWER, TASK, WORDS
from loopbench.types import Sample


def sample(*items: str) -> Sample:
    return Sample(
        task="enumeration", task_version=1, id="x", level="easy", category="reasoning",
        prompt="", reference=list(items),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "correct"),
    [
        ("Answer: 104, 105, 1106", True),
        ("Answer: 104,105,1106", True),
        ("Answer: 104, 105 and 1,106.", True),
        ("\\boxed{104, 105, 1106}", True),
        ("Answer:\n104\n105\n1106", True),
        ("Answer: [104, 105, 1106]", True),
        ("They are:\n104, 105, 1106", True),
        ("Answer: 105, 104, 1106", False),
        ("Answer: 104, 105", False),
        ("Answer: 104, 105, 1106, 1107", False),
        ("Answer: 104, 105, 105, 1106", False),
        ("Answer: " + ", ".join(map(str, range(100, 2000))), False),
    ],
)
def test_numbers(text: str, correct: bool) -> None:
    assert TASK.grade(sample("104", "105", "1106"), text).correct is correct


def test_words_and_partial_credit() -> None:
    item = sample("apple", "maple")
    assert TASK.grade(item, "Answer: Apple, maple").correct is True
    grade = TASK.grade(item, "Answer: maple, apple")
    assert (grade.correct, grade.score, grade.parts) == (False, 0.0, {"items_f1": 1.0})
    assert TASK.grade(item, "Answer: apple, olive").parts == {"items_f1": 0.5}


@pytest.mark.parametrize("level", TASK.levels)
def test_the_right_answer_is_short_and_sorted(level: str) -> None:
    for item in TASK.samples(60, level=level):
        items = item.reference
        assert len(items) >= 3
        assert len(", ".join(items)) <= MAX_ANSWER
        assert items == sorted(items, key=lambda x: (int(x) if x.isdigit() else 0, x))


def test_words_are_distinct() -> None:
    assert len(set(WORDS)) == len(WORDS)
