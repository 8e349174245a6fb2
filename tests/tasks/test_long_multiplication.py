from __future__ import annotations

import re

import pytest

from loopbench.tasks.long_multiplication import TASK


@pytest.mark.parametrize(("level", "digits"), [("easy", 5), ("medium", 7), ("hard", 10)])
def test_the_reference_is_the_product(level: str, digits: int) -> None:
    for sample in TASK.samples(30, level=level):
        a, b = re.findall(r"[0-9]+", sample.prompt.partition("?")[0])
        assert int(a) * int(b) == sample.reference
        assert len(a) + len(b) <= digits
        assert a[-1] != "0" != b[-1]


def test_forms_of_a_long_number() -> None:
    (sample,) = TASK.samples(1, level="hard")
    right = sample.reference
    for text in (f"Answer: {right:,}", f"\\boxed{{{right:,}}}".replace(",", "{,}"), f"= {right}."):
        assert TASK.grade(sample, text).correct is True
    assert TASK.grade(sample, f"Answer: {right // 10}").correct is False
