"""The decision: what passes, what fails, and what can decide nothing."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from runs import mixed, observed, records
from scipy.stats import binom

from loopbench.gate.decision import Decision, decide
from loopbench.gate.policy import Policy, Thresholds
from loopbench.results.observed import GateUnusable, Observed
from loopbench.statistics import sequential as bets
from loopbench.statistics.intervals import exact_limits

ONE_PERCENT = Policy(overall=Thresholds(max_doom_rate=0.01))


def run(dooms: int, n: int, **fields) -> Observed:
    return observed(records(mixed(dooms, n)), **fields)


def test_a_pass_needs_as_many_clean_prompts_as_promised() -> None:
    passed = decide(run(0, 299), ONE_PERCENT)
    assert (passed.verdict, passed.exit_code()) == ("pass", 0)
    (check,) = passed.checks
    assert (check.value, check.low, check.prompts) == (0.0, 0.0, 299)
    assert check.high == pytest.approx(0.00997, abs=1e-5)
    almost = decide(run(0, 298), ONE_PERCENT)
    assert (almost.verdict, almost.exit_code()) == ("inconclusive", 3)
    assert almost.exit_code("pass") == 0
    assert almost.checks[0].more_prompts == 1


def test_a_fail_needs_the_lower_limit_above_the_threshold() -> None:
    failed = decide(run(4, 100), ONE_PERCENT)
    assert (failed.verdict, failed.exit_code("pass")) == ("fail", 1)
    assert failed.checks[0].low == pytest.approx(exact_limits(4, 100, 0.05).low)
    assert failed.checks[0].low > 0.01
    assert decide(run(3, 100), ONE_PERCENT).verdict == "inconclusive"


def test_advice_is_right() -> None:
    (check,) = decide(run(2, 100), ONE_PERCENT).checks
    assert check.more_prompts is not None
    size = 100 + check.more_prompts
    assert exact_limits(round(0.02 * size) + 1, size, 0.05).low > 0.01
    at_the_threshold = decide(run(1, 100), ONE_PERCENT).checks[0]
    assert at_the_threshold.more_prompts is None


@pytest.mark.parametrize(
    ("dooms", "n", "fixed", "sequential"),
    [(0, 100, 199, 277), (3, 100, 28, 266), (2, 100, 301, 1244), (1, 100, None, None),
     (1, 200, 946, 2681)],
)  # fmt: skip
def test_advice_is_that_of_the_design(
    dooms: int, n: int, fixed: int | None, sequential: int | None
) -> None:
    for watched, more in ((False, fixed), (True, sequential)):
        (check,) = decide(run(dooms, n), ONE_PERCENT, sequential=watched).checks
        assert (check.verdict, check.more_prompts) == ("inconclusive", more)


@pytest.mark.parametrize(("n", "confidence"), [(1, 0.5), (2, 0.75)])
def test_a_p_value_of_exactly_alpha_decides(n: int, confidence: float) -> None:
    policy = Policy(overall=Thresholds(max_doom_rate=0.5), confidence=confidence)
    (failed,) = decide(run(n, n), policy).checks
    assert (failed.verdict, failed.p_bad, failed.low) == ("fail", policy.alpha, 0.5)
    (passed,) = decide(run(0, n), policy).checks
    assert (passed.verdict, passed.p_good, passed.high) == ("pass", policy.alpha, 0.5)


@pytest.mark.parametrize("true", [0.005, 0.02, 0.2])
def test_wrong_decisions_are_as_rare_as_promised(true: float) -> None:
    n = 150
    chances = binom.pmf(np.arange(n + 1), n, true)
    policy = Policy(overall=Thresholds(max_doom_rate=true))
    verdicts = np.array([decide(run(k, n), policy).verdict for k in range(60)])
    assert chances[:60][verdicts == "fail"].sum() <= 0.05
    assert chances[:60][verdicts == "pass"].sum() <= 0.05 + 1e-9


def test_stuck_is_doom_and_circular_and_nothing_else() -> None:
    outcomes = ["doom"] * 2 + ["circular"] * 6 + ["truncated"] * 12 + ["recovered"] * 80
    made = observed(records(outcomes))
    policy = Policy(overall=Thresholds(max_doom_rate=0.03, max_stuck_rate=0.03, max_truncated=0.03))
    doom, stuck, truncated = decide(made, policy).checks
    assert [(c.rule, c.value) for c in (doom, stuck, truncated)] == [
        ("max_doom_rate", 0.02), ("max_stuck_rate", 0.08), ("max_truncated", 0.12),
    ]  # fmt: skip
    assert (doom.verdict, stuck.verdict, truncated.verdict) == ("inconclusive", "fail", "fail")
    # Outcomes are tested exactly.
    assert stuck.high == pytest.approx(exact_limits(8, 100, 0.05).high)


def test_a_run_that_goes_round_passes_on_doom_and_fails_on_stuck() -> None:
    made = observed(records(["circular"] * 30 + ["clean"] * 270))
    assert decide(made, ONE_PERCENT).verdict == "pass"
    for policy in (
        Policy(overall=Thresholds(max_stuck_rate=0.01)),
        Policy(overall=Thresholds(max_doom_rate=0.01, max_stuck_rate=0.01)),
        Policy(per_task={"chain_sum": Thresholds(max_stuck_rate=0.01)}),
        Policy(per_task={"*": Thresholds(max_stuck_rate=0.01)}),
    ):
        for sequential in (False, True):
            assert decide(made, policy, sequential=sequential).verdict == "fail"
    truncated = Policy(overall=Thresholds(max_truncated=0.01))
    assert decide(made, truncated).verdict == "pass"


def test_scores_have_a_floor() -> None:
    outcomes = ["clean"] * 60
    tools = records(outcomes, task="tool_call", category="tools", scores=[1.0, 0.5] * 30)
    policy = Policy(overall=Thresholds(min_tool_score=0.6))
    (check,) = decide(observed(tools), policy).checks
    assert (check.verdict, check.value, check.most) == ("pass", 0.75, False)
    assert 0.6 < check.low < 0.75 < check.high
    # Scores between 0 and 1 are bet on; their limits are not those of a count.
    rows = records(outcomes, task="extract_records", category="extraction", scores=[1.0, 0.5] * 30)
    policy = Policy(overall=Thresholds(min_extraction_f1=0.6))
    (same,) = decide(observed(rows), policy).checks
    lost = bets.counts_of([0.0, 0.5] * 30)
    for one in (check, same):
        assert (one.verdict, one.most) == ("pass", False)
        assert one.low == pytest.approx(1 - bets.upper_limit(lost, 0.05))
        assert one.high == pytest.approx(1 - bets.lower_limit(lost, 0.05))
    assert (
        decide(observed(tools), Policy(overall=Thresholds(min_tool_score=0.9))).checks[0].verdict
        == "fail"
    )
    agents = records(outcomes, task="agent_lookup", category="agents", scores=[1.0, 0.0] * 30)
    for floor, verdict in ((0.35, "pass"), (0.45, "inconclusive"), (0.65, "fail")):
        policy = Policy(overall=Thresholds(min_agent_score=floor))
        (check,) = decide(observed([*agents, *tools]), policy).checks
        assert (check.verdict, check.value, check.n) == (verdict, 0.5, 60)
    limits = exact_limits(30, 60, 0.05)
    assert (check.low, check.high) == (pytest.approx(limits.low), pytest.approx(limits.high))
    with pytest.raises(GateUnusable, match="no data for min_agent_score"):
        decide(observed(tools), Policy(overall=Thresholds(min_agent_score=0.1)))
    sums = records(outcomes, scores=[1.0, 0.0, 0.0] * 20)
    (check,) = decide(observed(sums), Policy(overall=Thresholds(min_accuracy=0.5))).checks
    assert (check.verdict, check.value) == ("fail", pytest.approx(1 / 3))


def test_a_failed_generation_is_no_wrong_answer_and_no_quiet_pass() -> None:
    made = records(["error", *["clean"] * 400], scores=[0.0, *[1.0] * 400])
    with pytest.raises(GateUnusable, match=r"1 of 401 generations failed .*--resume"):
        decide(observed(made), ONE_PERCENT)
    allowed = msgspec.structs.replace(ONE_PERCENT, max_errors=0.01)
    (check,) = decide(observed(made), allowed).checks
    assert (check.verdict, check.n) == ("pass", 400)


def test_just_the_allowed_share_of_failures_is_allowed() -> None:
    policy = Policy(overall=Thresholds(max_doom_rate=0.01), max_errors=0.25)
    (check,) = decide(observed(records(["error", *["clean"] * 3])), policy).checks
    assert (check.n, check.prompts) == (3, 3)
    with pytest.raises(GateUnusable, match=r"2 of 7 .* failed \(no reason was recorded\)"):
        decide(observed(records(["error", *["clean"] * 5, "error"])), policy)


def test_nothing_passes_by_accident() -> None:
    for made, message in (
        (observed([]), "no generations"),
        (run(0, 299, samples=300), "not complete: 1 of 300"),
        (observed(records(["clean"] * 9), tasks={"chain_sum": 1, "x": 1}), None),
    ):
        if message:
            with pytest.raises(GateUnusable, match=message):
                decide(made, ONE_PERCENT)
    scores = Thresholds(min_tool_score=0.1)
    for policy, where in (
        (Policy(overall=scores), "a T=0."),
        (Policy(per_task={"chain_sum": scores}), "a T=0, task chain_sum."),
    ):
        with pytest.raises(GateUnusable) as told:
            decide(run(0, 400), policy)
        assert str(told.value) == f"There is no data for min_tool_score (tool score) of {where}"
    with pytest.raises(GateUnusable, match="no row for the task 'countdown'; the run has chain"):
        decide(run(0, 400), Policy(per_task={"countdown": Thresholds(max_doom_rate=0.1)}))
    with pytest.raises(GateUnusable, match="There is no baseline"):
        decide(run(0, 400), Policy(max_increase=0.01))
    errors = msgspec.structs.replace(ONE_PERCENT, max_errors=0.99)
    made = records(["error"] * 50 + ["clean"])
    assert decide(observed(made), errors).verdict == "inconclusive"


def test_every_row_must_pass() -> None:
    cold, warm = records(mixed(0, 299)), records(mixed(30, 299), temperature=0.7)
    decision = decide(observed([*cold, *warm]), ONE_PERCENT)
    assert [(c.temperature, c.verdict) for c in decision.checks] == [(0.0, "pass"), (0.7, "fail")]
    assert decision.verdict == "fail"
    few = records(mixed(1, 299), temperature=0.7)
    decision = decide(observed([*cold, *few]), ONE_PERCENT)
    assert [c.verdict for c in decision.checks] == ["pass", "inconclusive"]
    assert (decision.verdict, decision.tokens) == ("inconclusive", 59_800)


def test_tasks_have_rules_of_their_own() -> None:
    made = [
        *records(mixed(0, 60)),
        *records(mixed(30, 60), task="tool_call", category="tools", scores=[1.0] * 60),
    ]
    policy = Policy(
        per_task={
            "*": Thresholds(max_doom_rate=0.1, min_tool_score=0.5),
            "tool_call": Thresholds(max_doom_rate=0.7),
        }
    )
    decision = decide(observed(made), policy)
    assert [(c.task, c.rule, c.verdict) for c in decision.checks] == [
        ("chain_sum", "max_doom_rate", "pass"),
        ("tool_call", "max_doom_rate", "pass"),
    ]


def test_failures_are_corrected_for_the_number_of_rules() -> None:
    alone = decide(run(4, 100), ONE_PERCENT).checks[0]
    both = msgspec.structs.replace(
        ONE_PERCENT, per_task={"chain_sum": Thresholds(max_doom_rate=0.02)}
    )
    first, second = decide(run(4, 100), both).checks
    assert first.p_bad == pytest.approx(2 * alone.p_bad)
    assert (first.verdict, second.verdict) == ("fail", "inconclusive")
    assert first.low < alone.low


def test_limits_are_corrected_for_the_rules_that_have_not_failed() -> None:
    outcomes = ["doom"] * 8 + ["truncated"] * 40 + ["clean"] * 52
    policy = Policy(overall=Thresholds(max_doom_rate=0.05, max_stuck_rate=0.03, max_truncated=0.2))
    doom, stuck, truncated = decide(observed(records(outcomes)), policy).checks
    assert [c.verdict for c in (doom, stuck, truncated)] == ["inconclusive", "fail", "fail"]
    for check, hits, rules in ((truncated, 40, 3), (stuck, 8, 2), (doom, 8, 1)):
        assert check.low == pytest.approx(exact_limits(hits, 100, 0.05 / rules).low)
        assert check.high == pytest.approx(exact_limits(hits, 100, 0.05).high)
    assert doom.more_prompts == 89


@pytest.mark.slow
def test_many_rules_that_hold_fail_as_seldom_as_one() -> None:
    rng, policy = np.random.default_rng(7), Policy(per_task={"*": Thresholds(max_doom_rate=0.2)})
    wrong = 0
    for _ in range(100):
        made = [
            one
            for task in ("chain_sum", "countdown", "tool_call", "enumeration")
            for one in records(
                ["doom" if hit else "clean" for hit in rng.random(40) < 0.2], task=task
            )
        ]
        wrong += decide(observed(made), policy).verdict == "fail"
    assert wrong / 100 <= 0.1


def test_repeats_of_a_prompt_are_not_new_prompts() -> None:
    made = [one for repeat in range(4) for one in records(mixed(0, 100), repeat=repeat)]
    (check,) = decide(observed(made), ONE_PERCENT).checks
    assert (check.prompts, check.n, check.verdict) == (100, 400, "inconclusive")
    bad = [one for repeat in range(4) for one in records(mixed(20, 100), repeat=repeat)]
    assert decide(observed(bad), ONE_PERCENT).verdict == "fail"
    half = [*records(mixed(40, 100)), *records(["clean"] * 100, repeat=1)]
    (check,) = decide(observed(half), Policy(overall=Thresholds(max_doom_rate=0.3))).checks
    means = bets.counts_of([0.5] * 40 + [0.0] * 60)
    assert (check.value, check.low, check.high) == (
        0.2, bets.lower_limit(means, 0.05), bets.upper_limit(means, 0.05),
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("wrong", ["fail", "pass"])
def test_repeats_that_agree_make_no_decision_bolder(wrong: str) -> None:
    # Half of the prompts never loop, the others often: one prompt's repeats look alike.
    rng, policy = np.random.default_rng(9), Policy(overall=Thresholds(max_doom_rate=0.2))
    count = 0
    for _ in range(60):
        chances = np.where(rng.random(60) < 0.5, 0.0, 0.4)
        made = [
            one
            for repeat in range(4)
            for one in records(
                ["doom" if hit else "clean" for hit in rng.random(60) < chances], repeat=repeat
            )
        ]
        count += decide(observed(made), policy).verdict == wrong
    assert count / 60 <= 0.13  # 0.05 and three standard errors


def paired(before: list[str], after: list[str], points: float, **fields) -> Decision:
    old, new = observed(records(before)), observed(records(after, model="b"), **fields)
    return decide(new, Policy(max_increase=points), baseline=old)


def test_a_regression_against_the_baseline_fails() -> None:
    before = ["clean"] * 100
    decision = paired(before, ["doom"] * 20 + ["clean"] * 80, 0.05)
    (check,) = decision.checks
    assert (decision.verdict, check.rule) == ("fail", "max_increase")
    assert check.value == pytest.approx(0.2)
    assert 0.05 < check.low < 0.2 < check.high


def test_a_rise_of_doom_and_one_of_stuck_are_two_rules() -> None:
    old = observed(records(["circular"] * 40 + ["clean"] * 60))
    more = observed(records(["circular"] * 80 + ["clean"] * 20, model="b"))
    worse = observed(records(["doom"] * 40 + ["clean"] * 60, model="b"))
    policy = Policy(max_increase=0.2, max_stuck_increase=0.2)
    for new, doom, stuck in ((more, ("pass", 0.0), ("fail", 0.4)),
                             (worse, ("fail", 0.4), ("pass", 0.0))):  # fmt: skip
        checks = decide(new, policy, baseline=old).checks
        assert [(c.rule, c.verdict, pytest.approx(c.value)) for c in checks] == [
            ("max_increase", *doom), ("max_stuck_increase", *stuck),
        ]  # fmt: skip
    (alone,) = decide(more, Policy(max_stuck_increase=0.2), baseline=old).checks
    assert (alone.rule, alone.verdict) == ("max_stuck_increase", "fail")
    with pytest.raises(GateUnusable, match="There is no baseline"):
        decide(more, Policy(max_stuck_increase=0.2))


def test_a_small_rise_passes_where_the_pairs_are_many() -> None:
    before = mixed(100, 1000)
    decision = paired(before, before, 0.01)
    (check,) = decision.checks
    assert (decision.verdict, check.value, check.prompts) == ("pass", 0.0, 1000)
    assert 0 < check.high <= 0.01
    assert paired(before[:100], before[:100], 0.01).verdict == "inconclusive"


def test_pairing_finds_what_two_rates_alone_do_not_show() -> None:
    # 50 of 200 and 36 of 200: far from significant unpaired, but nothing got worse.
    before = ["doom"] * 50 + ["clean"] * 150
    after = ["doom"] * 36 + ["clean"] * 164
    (check,) = paired(before, after, 0.01).checks
    assert check.verdict == "pass"
    assert check.high < 0


def test_a_baseline_of_one_model_serves_whatever_the_model_is_called() -> None:
    good, bad = records(["clean"] * 50), records(["doom"] * 50, model="b")
    new, policy = observed(records(["doom"] * 50, model="c")), Policy(max_increase=0.1)
    assert decide(new, policy, baseline=observed(good)).checks[0].value == 1.0
    assert decide(new, policy, baseline=observed(bad)).checks[0].value == 0.0
    with pytest.raises(GateUnusable, match=r"no baseline row for c T=0\."):
        decide(new, policy, baseline=observed([*good, *bad]))
    both = observed([*records(["clean"] * 50, model="b"), *good])
    checks = decide(both, policy, baseline=observed([*good, *bad])).checks
    assert [(c.model, c.value) for c in checks] == [("a", 0.0), ("b", -1.0)]


def test_only_prompts_of_both_runs_are_paired() -> None:
    old = observed(records(["doom"] * 4 + ["error"] * 2 + ["clean"] * 4))
    new = observed(records(["clean"] * 8 + ["doom"] * 2, model="b"))
    policy = Policy(max_increase=0.1, max_errors=0.2)
    (check,) = decide(new, policy, baseline=old).checks
    assert (check.prompts, check.n, check.value) == (8, 8, pytest.approx((2 - 4) / 8))


def test_other_settings_than_the_baselines_are_spelled_out() -> None:
    made = ["clean"] * 50
    for fields, words in (
        ({"items_hash": "sha256:1"}, "items hash sha256:1 against sha256:0"),
        ({"repeats": 2, "samples": 25}, "samples 25 against 50; repeats 2 against 1"),
        ({"tasks": {"chain_sum": 2}}, "task chain_sum v2 against v1"),
        ({"stop": []}, "early stopping none against suffix"),
        ({"measure": []}, "measuring rules none against suffix"),
    ):
        with pytest.raises(GateUnusable, match=r"The baseline measured something else.*") as told:
            paired(made, made, 0.01, **fields)
        assert words in str(told.value)
        assert ("Judge the older one again" in str(told.value)) == ("measure" in fields)


def test_other_detector_versions_and_templates_are_refused() -> None:
    old = observed(records(["clean"] * 50))
    new = msgspec.structs.replace(old, detectors={"counter": 2, "suffix": 1})
    again = r"detector counter v2 against v1.*loopbench score RUN --out NEW'"
    with pytest.raises(GateUnusable, match=again):
        decide(new, Policy(max_increase=0.1), baseline=old)
    model = msgspec.structs.replace(old.header.models[0], template_hash="sha256:t")
    new = msgspec.structs.replace(old, header=msgspec.structs.replace(old.header, models=[model]))
    with pytest.raises(GateUnusable, match="chat template sha256:t against none"):
        decide(new, Policy(max_increase=0.1), baseline=old)


def test_a_baseline_that_is_not_whole_is_refused() -> None:
    new = run(0, 50)
    for old, words in (
        (observed(records(["clean"] * 40), samples=50), "The baseline is not complete"),
        (observed(records(["error"] * 50)), "50 of 50 generations failed"),
    ):
        with pytest.raises(GateUnusable, match=words):
            decide(new, Policy(max_increase=0.1), baseline=old)


def test_a_sequential_decision_takes_a_part_of_a_run_and_costs_a_little() -> None:
    decision = decide(run(4, 8, samples=400), ONE_PERCENT, sequential=True)
    assert (decision.verdict, decision.sequential, decision.tokens) == ("fail", True, 800)
    (check,) = decision.checks
    half = bets.counts_of([0.0, 1.0] * 4)
    assert (check.low, check.high) == (bets.lower_limit(half, 0.05), bets.upper_limit(half, 0.05))
    fixed = decide(run(4, 8), ONE_PERCENT)
    assert (fixed.sequential, fixed.confidence) == (False, 0.95)
    assert 0.01 < check.low < fixed.checks[0].low
    assert decide(run(0, 299), ONE_PERCENT, sequential=True).verdict == "inconclusive"
    assert decide(run(0, 380), ONE_PERCENT, sequential=True).verdict == "pass"


def test_the_corrected_rate_is_shown_and_does_not_decide() -> None:
    policy = Policy(
        overall=Thresholds(max_doom_rate=0.01, max_stuck_rate=0.01, max_truncated=0.01),
        per_task={"chain_sum": Thresholds(max_stuck_rate=0.01)},
    )
    corrected = {
        ("max_doom_rate", "a", 0.0, "all"): 0.0,
        ("max_stuck_rate", "a", 0.0, "all"): 0.1,
        ("max_stuck_rate", "a", 0.0, "chain_sum"): 0.2,
    }
    checks = decide(run(50, 100), policy, corrected=corrected).checks
    assert [(check.verdict, check.corrected) for check in checks] == [
        ("fail", 0.0), ("fail", 0.1), ("inconclusive", None), ("fail", 0.2),
    ]  # fmt: skip
