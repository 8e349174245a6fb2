from __future__ import annotations

import math
import random
import re

import pytest

from loopbench.tasks import templates
from loopbench.tasks.competition import TASK
from loopbench.tasks.templates import TEMPLATES


def numbers(text: str) -> list[int]:
    return [int(n) for n in re.findall(r"-?[0-9]+", text)]


def test_there_are_enough_templates_and_each_is_drawn() -> None:
    assert len(TEMPLATES) >= 14
    drawn = {sample.reference["template"] for sample in TASK.samples(300, level="hard")}
    assert drawn == set(TEMPLATES)


@pytest.mark.parametrize("name", TEMPLATES)
def test_answers_are_whole_numbers_that_a_record_can_hold(name: str) -> None:
    for size in range(3):
        for seed in range(8):
            problem = TEMPLATES[name](random.Random(seed), size)
            assert type(problem.answer) is int
            assert abs(problem.answer) < 2**53
            assert problem == TEMPLATES[name](random.Random(seed), size)


@pytest.mark.parametrize("seed", range(12))
def test_closed_forms_agree_with_brute_force(seed: int) -> None:
    a = templates.gcd_sum(random.Random(seed), 2)
    n, _, m = numbers(a.question)
    totient = {d: sum(math.gcd(k, d) == 1 for k in range(1, d + 1)) for d in range(1, n + 1)}
    assert a.answer == sum(m // d * totient[d] for d in range(1, n + 1) if n % d == 0)

    b = templates.blocked_paths(random.Random(seed), 1)
    w, h, x, y = numbers(b.question)[2:6]
    through = math.comb(x + y, x) * math.comb(w - x + h - y, w - x)
    assert b.answer == math.comb(w + h, w) - through

    c = templates.triangle_points(random.Random(seed), 1)
    ax, ay, bx, by = numbers(c.question)[2:6]
    edge = math.gcd(ax, ay) + math.gcd(bx, by) + math.gcd(bx - ax, by - ay)
    assert 2 * c.answer == abs(ax * by - ay * bx) - edge + 2

    d = templates.power_sum(random.Random(seed), 0)
    s, p = numbers(d.question)[:2]
    assert d.answer == s**3 - 3 * s * p
