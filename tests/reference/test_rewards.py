"""Rewards and preferences on literal outputs."""

from __future__ import annotations

import pytest

from loopbench.reference.rewards import Rollout, graded_rollout, preference, repetition, reward
from loopbench.types import Sample

SAMPLE = Sample(
    task="mini_pairs",
    task_version=1,
    id="train-1",
    level="easy",
    category="reasoning",
    prompt="Pick two of 3 8 14 with sum 22.",
    reference={"numbers": [3, 8, 14], "target": 22},
)
END = 0


def output(text: str, ids: list[int]) -> Rollout:
    return graded_rollout(SAMPLE, [9], ids, text, END)


RIGHT = output("<think>8+14=22</think>Answer: 8+14", [*range(1, 30), END])
WRONG = output("<think>no</think>Answer: 3+8", [*range(1, 9), END])
SILENT = output("<think>hm</think>", [*range(1, 9), END])
LOOP = output("<think>Try 3+8" * 20, list(range(1, 15)) * 20)
LONGER = output("<think>Try 3+8" * 40, list(range(1, 15)) * 40)
LEFT = output("<think>Try 3+8" * 20, [*list(range(1, 15)) * 20, END])
LATE = output("<think>Try 3+8", list(range(1, 200)))


@pytest.mark.parametrize(
    ("ids", "share"),
    [
        ([], 0.0),
        (list(range(11)), 0.0),
        (list(range(40)), 0.0),
        ([7] * 112, 1 - 1 / 101),
        (list(range(20)) * 2, 1 - 20 / 29),
    ],
)
def test_repetition_is_the_share_of_known_ngrams(ids: list[int], share: float) -> None:
    assert repetition(ids) == pytest.approx(share)


def test_judging_uses_the_grader_and_the_end() -> None:
    assert (RIGHT.score, RIGHT.ended, RIGHT.looping) == (1.0, True, False)
    assert (WRONG.score, WRONG.answered) == (0.0, True)
    assert (SILENT.answered, LATE.answered) == (False, False)
    assert (LOOP.looping, LATE.looping, LEFT.looping) == (True, False, False)


def test_an_answer_counts_only_if_the_output_ended() -> None:
    assert output("</think>Answer: 8+14", list(range(1, 30))).score == 0.0


def test_rewards_are_in_order() -> None:
    assert reward(RIGHT) == 1.0
    assert reward(SILENT) == 0.0
    assert reward(LATE) == 0.0
    # Giving up must never pay more than searching on, nor more than looping.
    assert reward(WRONG) == -0.5
    assert -0.5 < reward(LOOP) < -0.4


def test_a_looping_candidate_is_the_rejected_one() -> None:
    assert preference([WRONG, LOOP, RIGHT]) == (RIGHT, LOOP)
    assert preference([WRONG, RIGHT]) == (RIGHT, WRONG)


@pytest.mark.parametrize(
    ("scores", "pair"),
    [
        ([0.1, 0.5, 1.0], (RIGHT, LOOP)),  # though the wrong one scores less
        ([0.1, 0.95, 1.0], None),  # the gap is that to the loop
        ([0.1, 1.0, 0.9], None),  # a loop is never chosen
    ],
)
def test_a_looping_candidate_is_rejected_whatever_its_score(
    scores: list[float], pair: tuple[Rollout, Rollout] | None
) -> None:
    assert preference([WRONG, LOOP, RIGHT], lambda sample, candidates: scores) == pair


@pytest.mark.parametrize(
    ("scores", "pair"),
    [
        ([0.1, 0.2, 1.0], (RIGHT, LOOP)),
        ([0.2, 0.1, 1.0], (RIGHT, LONGER)),
        ([0.1, 1.0, 0.9], None),
    ],
)
def test_of_two_loops_the_worse_is_rejected_and_none_chosen(
    scores: list[float], pair: tuple[Rollout, Rollout] | None
) -> None:
    assert preference([LOOP, LONGER, RIGHT], lambda sample, candidates: scores) == pair


def test_there_is_no_pair_without_a_right_answer_or_a_difference() -> None:
    assert preference([WRONG, LOOP]) is None
    assert preference([RIGHT, RIGHT]) is None


def test_a_jury_may_replace_the_verifier() -> None:
    shorter = output("</think>Answer: 14+8", [*range(1, 12), END])
    longest = preference([shorter, RIGHT], lambda sample, rs: [len(r.output) for r in rs])
    assert longest == (RIGHT, shorter)
