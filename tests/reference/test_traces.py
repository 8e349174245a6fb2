"""Worked outputs: right, free of loops, and from the train split only."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest

from loopbench import detectors, tasks
from loopbench.reference import data, traces
from loopbench.tasks.base import Draft
from loopbench.tasks.rng import split_of

MINI = ("mini_call", "mini_countdown", "mini_pairs", "mini_records", "mini_sum")


def pair(style: traces.Style, numbers: list[int], target: int) -> str:
    draft = Draft("", {"numbers": numbers, "target": target})
    return traces.write(random.Random(1), "mini_pairs", draft, style)


def test_an_ordered_search_follows_the_prompt() -> None:
    assert pair("Next", [3, 8, 14], 22) == (
        "<think>Next 3+8=11?22 no\nNext 3+14=17?22 no\nNext 8+14=22?22 yes</think>Answer: 8+14"
    )


def tries(seed: int) -> list[str]:
    draft = Draft("", {"numbers": [3, 8, 14, 21, 30, 33, 39], "target": 72})
    text = traces.write(random.Random(seed), "mini_pairs", draft, "Try")
    return re.findall(r"Try (\S+?)=", text)


def test_a_search_by_trial_ends_with_its_first_hit() -> None:
    searches = [tries(seed) for seed in range(300)]
    assert all(lines.index("33+39") == len(lines) - 1 for lines in searches)
    assert 10 < max(map(len, searches)) <= traces.MOST_TRIES


def test_a_search_by_trial_remembers_nothing() -> None:
    searches = [tries(seed)[:-1] for seed in range(2_000)]
    first = Counter(lines[0] for lines in searches if lines)
    again = [lines[1] == lines[0] for lines in searches if len(lines) > 1]
    # As likely to come second as if it had not been first.
    chance = sum((count / first.total()) ** 2 for count in first.values())
    assert sum(again) / len(again) == pytest.approx(chance, abs=0.02)


def test_a_search_by_trial_prefers_what_is_near() -> None:
    first = Counter(tries(seed)[0] for seed in range(2_000))
    # 72 is 0, 3 and 61 away.
    assert first["33+39"] > 1.3 * first["30+39"] > 3 * first["3+8"] > 0


def test_signs_are_tried_in_order_with_running_values() -> None:
    draft = Draft("", {"numbers": [9, 4, 3], "target": 8})
    text = traces.write(random.Random(1), "mini_countdown", draft, "Next")
    assert text == (
        "<think>Next 9+4=13+3=16?8 no\nNext 9+4=13-3=10?8 no\nNext 9-4=5+3=8?8 yes</think>"
        "Answer: 9-4+3"
    )


@pytest.mark.parametrize("name", MINI)
@pytest.mark.parametrize("style", ["Try", "Next"])
def test_every_worked_output_earns_full_marks(name: str, style: traces.Style) -> None:
    task = tasks.get(name)
    what = data.Mixture(weights={name: 1.0})
    for index in range(40):
        sample, draft = data.problem(random.Random(index), what)
        text = traces.write(random.Random(index), name, draft, style)
        assert task.grade(sample, text).score == 1.0, (sample.prompt, text)


def test_no_worked_output_holds_a_loop() -> None:
    rules = [detectors.get("suffix"), detectors.get("counter")]
    for index in range(600):
        example = data.example(data.rng_of("loops", index), data.Mixture())
        words = re.findall(r"\d|\w+|\W", example.output)
        ids = [hash(word) % 100_003 for word in words]
        assert not any(rule.scan(ids, text=words).terminal for rule in rules)


def test_no_prompt_of_the_benchmark_is_trained_on() -> None:
    what = data.Mixture(levels={"easy": 1.0})
    trained = {e.prompt for e in data.step_examples(what, 800, stage="sft", seed=0, step=0)}
    for name in MINI:
        tested = {s.prompt for s in tasks.get(name).samples(80, level="easy")}
        assert not tested & trained
        assert all(split_of(name, _key(name, s)) == "test" for s in _samples(name))


def _samples(name: str) -> list[Draft]:
    return [Draft(s.prompt, s.reference) for s in tasks.get(name).samples(20, level="hard")]


def _key(name: str, draft: Draft) -> str:
    if name in traces.SEARCH_TASKS:
        return f"{sorted(draft.reference['numbers'])}:{draft.reference['target']}"
    return draft.prompt


def test_steps_are_drawn_from_their_number() -> None:
    def step(number: int, seed: int = 0) -> list[data.Example]:
        return list(data.step_examples(data.Mixture(), 4, stage="sft", seed=seed, step=number))

    assert step(3) == step(3)
    assert step(3) != step(4)
    assert step(3) != step(3, seed=1)
