"""When a sequential gate looks, and replays of recorded runs."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from runs import mixed, observed, records

from loopbench.gate.looks import default_samples, looks_at, replay, too_few
from loopbench.gate.policy import Policy, Thresholds
from loopbench.results.observed import GateUnusable

ONE_PERCENT = Policy(overall=Thresholds(max_doom_rate=0.01))


def test_looks_grow_with_what_is_done() -> None:
    assert looks_at(110) == (8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 105, 110)
    assert looks_at(5) == (5,)
    assert looks_at(20, batch=16) == (16, 20)
    assert len(looks_at(10_000)) < 65


@given(st.integers(1, 3000), st.integers(1, 40))
def test_looks_rise_to_the_end(samples: int, batch: int) -> None:
    looks = looks_at(samples, batch)
    assert looks[-1] == samples
    assert list(looks) == sorted(set(looks))


def test_sizes_follow_from_the_threshold() -> None:
    assert default_samples(ONE_PERCENT, sequential=False) == 473
    assert default_samples(ONE_PERCENT, sequential=True) == 946
    surer = msgspec.structs.replace(ONE_PERCENT, confidence=0.99)
    assert default_samples(surer, sequential=False) == 838
    strict = Policy(
        overall=Thresholds(max_doom_rate=0.5), per_task={"x": Thresholds(max_truncated=0.05)}
    )
    assert default_samples(strict, sequential=False) < 120
    assert default_samples(Policy(overall=Thresholds(min_accuracy=0.5)), sequential=False) == 400
    stuck = Policy(overall=Thresholds(max_doom_rate=0.5, max_stuck_rate=0.01))
    assert default_samples(stuck, sequential=False) == 473


def test_too_few_prompts_are_told_before_they_are_run() -> None:
    assert too_few(ONE_PERCENT, 299) is None
    assert too_few(ONE_PERCENT, 298) == (
        "298 prompts cannot show a rate of at most 1 %: to exclude more at 95 % you need 299 "
        "prompts without one hit."
    )
    surer = msgspec.structs.replace(ONE_PERCENT, confidence=0.99)
    assert "exclude more at 99 % you need 459 prompts" in str(too_few(surer, 458))
    assert too_few(Policy(overall=Thresholds(min_accuracy=0.5)), 1) is None
    stuck = Policy(overall=Thresholds(max_doom_rate=0.5, max_stuck_rate=0.01))
    assert "of at most 1 %" in str(too_few(stuck, 298))


def test_a_bad_run_is_known_after_its_first_batch() -> None:
    played = replay(observed(records(mixed(60, 120))), ONE_PERCENT, seed=0)
    assert played.decision.verdict == "fail"
    assert (played.looked, played.prompts) == (8, 120)
    assert played.decision.checks[0].prompts == 8
    assert played.decision.tokens == 800


def test_a_run_that_goes_round_is_known_as_early() -> None:
    made = observed(records(["circular" if i % 2 else "clean" for i in range(120)]))
    stuck = Policy(overall=Thresholds(max_stuck_rate=0.01))
    played = replay(made, stuck, seed=0)
    assert (played.decision.verdict, played.looked) == ("fail", 8)
    assert replay(made, ONE_PERCENT, seed=0).decision.verdict == "inconclusive"


def test_a_rise_above_the_baseline_is_known_before_the_last_prompt() -> None:
    good, bad = observed(records(mixed(0, 200))), observed(records(mixed(100, 200), model="b"))
    policy = Policy(max_increase=0.1)
    played = replay(bad, policy, seed=0, baseline=good)
    assert (played.decision.verdict, played.looked) == ("fail", 24)
    played = replay(good, policy, seed=0, baseline=good)
    assert (played.decision.verdict, played.looked) == ("pass", 40)


def test_a_good_run_needs_many_and_an_even_one_all() -> None:
    clean = replay(observed(records(mixed(0, 600))), ONE_PERCENT, seed=0)
    assert (clean.decision.verdict, clean.looked) == ("pass", 388)
    even = replay(observed(records(mixed(4, 400))), ONE_PERCENT, seed=1)
    assert (even.decision.verdict, even.looked) == ("inconclusive", 400)


def test_the_order_is_the_seeds() -> None:
    run = observed(records(mixed(20, 200)))
    lengths = [replay(run, ONE_PERCENT, seed=seed).looked for seed in range(8)]
    assert lengths == [replay(run, ONE_PERCENT, seed=seed).looked for seed in range(8)]
    assert len(set(lengths)) > 1


def test_repeats_of_a_prompt_stay_together() -> None:
    made = [one for repeat in range(2) for one in records(mixed(60, 120), repeat=repeat)]
    played = replay(observed(made), ONE_PERCENT, seed=0)
    assert {check.n for check in played.decision.checks} == {2 * played.looked}


def test_a_rule_without_data_yet_waits_and_one_without_data_at_all_is_refused() -> None:
    made = [*records(mixed(90, 180)), *records(["clean"] * 4, task="tool_call", category="tools",
                                               scores=[0.0] * 4)]  # fmt: skip
    policy = Policy(overall=Thresholds(max_doom_rate=0.9, min_tool_score=0.5))
    assert replay(observed(made), policy, seed=0).looked > 8
    with pytest.raises(GateUnusable, match="no data for min_extraction_f1"):
        replay(observed(made), Policy(overall=Thresholds(min_extraction_f1=0.5)), seed=0)
    with pytest.raises(GateUnusable, match="no generations"):
        replay(observed([]), ONE_PERCENT, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize(("true", "wrong"), [(0.1, "fail"), (0.1001, "pass")])
def test_a_watched_gate_is_wrong_as_rarely_as_promised(true: float, wrong: str) -> None:
    rng, policy, count = np.random.default_rng(21), Policy(overall=Thresholds(max_doom_rate=0.1)), 0
    for _ in range(40):
        made = records(["doom" if hit else "clean" for hit in rng.random(64) < true])
        count += replay(observed(made), policy, seed=0, batch=8).decision.verdict == wrong
    assert count / 40 <= 0.15  # 0.05 and three standard errors
