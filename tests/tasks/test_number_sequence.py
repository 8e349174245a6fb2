from __future__ import annotations

import random

import pytest

from loopbench.tasks.number_sequence import FAMILIES, TASK, continuations


@pytest.mark.parametrize(
    ("terms", "following"),
    [
        ([2, 4, 6, 8, 10, 12, 14, 16], {18}),
        ([1, 2, 4, 8, 16, 32, 64, 128], {256}),
        ([0, 1, 4, 9, 16, 25, 36, 49], {64}),
        ([1, 1, 2, 3, 5, 8, 13, 21], {34}),
        ([0, 1, 8, 27, 64, 125, 216, 343], {512}),
        ([1, 100, 2, 90, 3, 80, 4, 70], {5}),
        ([1, 4, 1, 5, 9, 2, 6, 5], set()),
    ],
)
def test_continuations(terms: list[int], following: set[int]) -> None:
    assert continuations(terms) == following


@pytest.mark.parametrize("level", TASK.levels)
def test_every_rule_can_be_asked(level: str) -> None:
    asked = {sample.reference["rule"] for sample in TASK.samples(60, level=level)}
    assert asked == {rule.__name__.strip("_") for rule in FAMILIES[level]}


@pytest.mark.parametrize(
    "rule", dict.fromkeys(rule for rules in FAMILIES.values() for rule in rules)
)
def test_the_rule_that_made_a_sequence_is_among_the_readings(rule) -> None:
    for seed in range(30):
        *terms, answer = rule(random.Random(seed))
        found = continuations(terms)
        assert answer in found or len(found) != 1
