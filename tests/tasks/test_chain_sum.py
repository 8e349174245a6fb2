from __future__ import annotations

import pytest

from loopbench.tasks.chain_sum import TASK


@pytest.mark.parametrize("level", TASK.levels)
def test_the_reference_is_the_value_of_the_expression(level: str) -> None:
    for sample in TASK.samples(30, level=level):
        words = sample.prompt.split("\n\n")[1].split()
        total = int(words[0])
        for sign, term in zip(words[1::2], words[2::2], strict=True):
            total += int(term) if sign == "+" else -int(term)
        assert total == sample.reference


def test_close_answers_are_wrong() -> None:
    (sample,) = TASK.samples(1, level="hard")
    right = sample.reference
    assert TASK.grade(sample, f"... so the sum is {right}.").correct is True
    assert TASK.grade(sample, f"Answer: {right:,}").correct is True
    for wrong in (right + 1, -right, right * 10):
        assert TASK.grade(sample, f"Answer: {wrong}").problem == "wrong"
