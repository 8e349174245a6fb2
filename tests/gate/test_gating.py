"""The gate on models and run folders: what is run, what is kept, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from fakes import ANSWER, LOOP, audit, install
from runs import folder, mixed, observed, records

from loopbench.gate.policy import Policy, Thresholds
from loopbench.gate.running import (
    gate_model,
    gate_recording,
    gate_run,
    is_recording,
    is_run,
    load_baseline,
    observe_run,
    read_policy,
    save_baseline,
)
from loopbench.harness.plan import Settings
from loopbench.harness.runner import execute
from loopbench.judging.outcome import STUCK
from loopbench.results.observed import GateUnusable
from loopbench.results.store import AUDITS

ONE_PERCENT = Policy(overall=Thresholds(max_doom_rate=0.01))
SETTINGS = Settings(models=("a",), tasks=("chain_sum", "tool_call"), max_new_tokens=300)


def test_a_bad_model_is_stopped_after_one_batch(tmp_path: Path, monkeypatch) -> None:
    factory = install(monkeypatch, lambda request: (LOOP, "length"))
    gated = gate_model(SETTINGS, ONE_PERCENT, out=tmp_path / "run", sequential=True)
    assert gated.decision.verdict == "fail"
    assert (gated.looked, gated.samples) == (8, 946)
    first = [request for request in factory.requests if not request.prefix_ids]
    assert len(first) == 8
    assert json.loads((tmp_path / "run" / "gate.json").read_text())["looked"] == 8
    # What was stopped on purpose can be judged again, by limits that allow for it.
    again = gate_run(tmp_path / "run", ONE_PERCENT, sequential=True)
    assert again.decision.checks[0].p_bad == gated.decision.checks[0].p_bad
    assert again.looked == 8
    with pytest.raises(GateUnusable, match="stopped by a sequential gate: judge it with --seq"):
        gate_run(tmp_path / "run", ONE_PERCENT)


def test_a_rule_without_data_at_a_look_waits_for_the_next(tmp_path: Path, monkeypatch) -> None:
    install(monkeypatch, lambda request: (LOOP, "length"))
    rule = Thresholds(max_doom_rate=0.2)
    policy = Policy(per_task={"chain_sum": rule, "tool_call": rule})
    gated = gate_model(SETTINGS, policy, out=tmp_path / "run", sequential=True, batch=1)
    assert gated.decision.verdict == "fail"
    assert 1 < gated.looked < 10
    assert {one.task for one in gated.observed.seen} == {"chain_sum", "tool_call"}


def test_a_good_model_is_run_until_it_is_known(tmp_path: Path, monkeypatch) -> None:
    factory = install(monkeypatch, lambda request: (ANSWER, "stop"))
    policy = Policy(overall=Thresholds(max_doom_rate=0.1))
    gated = gate_model(SETTINGS, policy, out=tmp_path / "run", sequential=True)
    assert (gated.decision.verdict, gated.looked) == ("pass", 40)
    assert len(factory.requests) == 40


def test_a_fixed_size_runs_whole_and_is_a_baseline(tmp_path: Path, monkeypatch) -> None:
    factory = install(monkeypatch, lambda request: (ANSWER, "stop"))
    policy = Policy(overall=Thresholds(max_doom_rate=0.1))
    gated = gate_model(SETTINGS, policy, out=tmp_path / "old", max_samples=30)
    assert (gated.decision.verdict, gated.looked, len(factory.requests)) == ("pass", 30, 30)
    save_baseline(gated.observed, tmp_path / "b" / "base.json")
    baseline = load_baseline(tmp_path / "b" / "base.json")
    assert baseline == gated.observed

    install(monkeypatch, lambda request: (LOOP, "length"))
    worse = gate_model(
        SETTINGS, Policy(max_increase=0.1), out=tmp_path / "new", baseline=baseline,
        sequential=True,
    )  # fmt: skip
    assert worse.decision.verdict == "fail"
    assert worse.looked == 8
    prompts = {one.prompt for one in baseline.seen}
    assert {one.prompt for one in worse.observed.seen} <= prompts


def test_the_prompts_of_a_plain_run_are_made_again_too(tmp_path: Path, monkeypatch) -> None:
    install(monkeypatch, lambda request: (ANSWER, "stop"))
    execute(Settings(models=("a",), tasks=("quick",), max_new_tokens=300), tmp_path / "plain")
    baseline = observe_run(tmp_path / "plain")
    gated = gate_model(
        Settings(models=("b",), tasks=("quick",), max_new_tokens=300),
        Policy(max_increase=0.5), out=tmp_path / "new", baseline=baseline,
    )  # fmt: skip
    assert {one.prompt for one in gated.observed.seen} == {one.prompt for one in baseline.seen}
    assert gated.decision.checks[0].prompts == len(baseline.seen)


def test_a_baseline_with_other_settings_is_refused_before_the_model_is_run(
    tmp_path: Path, monkeypatch
) -> None:
    factory = install(monkeypatch, lambda request: (ANSWER, "stop"))
    gated = gate_model(SETTINGS, ONE_PERCENT, out=tmp_path / "old", max_samples=30)
    other = Settings(models=("a",), tasks=SETTINGS.tasks, max_new_tokens=200)
    made = len(factory.requests)
    for settings, most, message in (
        (other, None, "budget 200 against 300"),
        (SETTINGS, 31, "The baseline has 30 prompts"),
    ):
        with pytest.raises((GateUnusable, ValueError), match=message):
            gate_model(
                settings, Policy(max_increase=0.1), out=tmp_path / "new", max_samples=most,
                baseline=gated.observed,
            )  # fmt: skip
    assert len(factory.requests) == made
    repeated = Settings(models=("b",), tasks=SETTINGS.tasks, max_new_tokens=300, repeats=2)
    with pytest.raises(GateUnusable, match="repeats 2 against 1"):
        gate_model(
            repeated, Policy(max_increase=0.1), out=tmp_path / "rep", baseline=gated.observed
        )
    assert len(factory.requests) <= made + 16  # found at the first look
    foreign = observed(records(["clean"] * 5))
    with pytest.raises(GateUnusable, match="cannot be made again"):
        gate_model(
            Settings(models=("a",), max_new_tokens=1000), Policy(max_increase=0.1),
            out=tmp_path / "x", baseline=foreign,
        )  # fmt: skip


def test_a_killed_gate_goes_on_where_it_was(tmp_path: Path, monkeypatch) -> None:
    made = iter(range(1000))

    def dies(request):
        if next(made) == 12:
            raise KeyboardInterrupt
        return ANSWER, "stop"

    install(monkeypatch, dies)
    policy, out = Policy(overall=Thresholds(max_doom_rate=0.1)), tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        gate_model(SETTINGS, policy, out=out, sequential=True)
    with pytest.raises(GateUnusable, match="not complete"):
        gate_run(out, policy, sequential=True)
    factory = install(monkeypatch, lambda request: (ANSWER, "stop"))
    gated = gate_model(SETTINGS, policy, out=out, sequential=True, resume=True)
    assert (gated.decision.verdict, gated.looked) == ("pass", 40)
    assert len(factory.requests) == 28


def test_an_engine_that_fails_ends_the_gate_at_its_first_look(tmp_path: Path, monkeypatch) -> None:
    factory = install(monkeypatch, lambda request: ([], "error"))
    with pytest.raises(GateUnusable, match=r"8 of 8 generations failed .the engine stopped"):
        gate_model(SETTINGS, ONE_PERCENT, out=tmp_path / "run", sequential=True)
    assert len(factory.requests) == 8


def test_a_sequential_gate_judges_one_row(tmp_path: Path) -> None:
    warm = Settings(models=("a",), temperatures=(0.0, 0.7))
    with pytest.raises(ValueError, match="one row: give one --temperature"):
        gate_model(warm, ONE_PERCENT, out=tmp_path / "run", sequential=True)
    made = [*records(mixed(0, 20)), *records(mixed(0, 20), temperature=0.7)]
    with pytest.raises(ValueError, match="this run has 2"):
        gate_run(folder(tmp_path / "two", made), ONE_PERCENT, sequential=True)


def test_recorded_runs(tmp_path: Path) -> None:
    run = folder(tmp_path / "run", records(mixed(60, 120)))
    fixed = gate_run(run, ONE_PERCENT)
    assert (fixed.decision.verdict, fixed.looked, fixed.samples) == ("fail", 120, 120)
    assert fixed.decision.checks[0].corrected is not None
    played = gate_run(run, ONE_PERCENT, sequential=True, seed=3)
    assert (played.decision.verdict, played.looked, played.samples) == ("fail", 8, 120)
    part = folder(tmp_path / "part", records(mixed(60, 120)), samples=200)
    for sequential in (False, True):
        with pytest.raises(GateUnusable, match="80 of 200 generations are missing"):
            gate_run(part, ONE_PERCENT, sequential=sequential)
    with pytest.raises(GateUnusable, match="No baseline was written: 80 of 200"):
        save_baseline(observe_run(part), tmp_path / "base.json")


def test_baselines_that_are_none(tmp_path: Path) -> None:
    file = tmp_path / "base.json"
    with pytest.raises(GateUnusable, match="There is no baseline at"):
        load_baseline(file)
    for content in (b"{}", b"not json", b"\xff"):
        file.write_bytes(content)
        with pytest.raises(GateUnusable, match="cannot be understood"):
            load_baseline(file)
    save_baseline(observed(records(["clean"])), file)
    text = file.read_text()
    file.write_text(text.replace('"baseline_schema": 2', '"baseline_schema": 9'))
    with pytest.raises(GateUnusable, match="has schema 9, this LoopBench reads 2"):
        load_baseline(file)
    # One of an earlier schema need not have the fields of today.
    for old in (text.replace('"baseline_schema": 2', '"baseline_schema": 1'),
                '{"baseline_schema": 1}'):  # fmt: skip
        file.write_text(old)
        with pytest.raises(GateUnusable, match="before circular ends were told apart") as told:
            load_baseline(file)
        assert "judge its run again with 'loopbench score RUN --out NEW'" in str(told.value)


def test_audits_correct_both_rates_by_task_too(tmp_path: Path) -> None:
    made = [
        *records(["circular"] * 40 + ["clean"] * 60),
        *records(["doom"] * 40 + ["clean"] * 60, task="countdown"),
    ]
    stopped = [
        msgspec.structs.replace(
            one, generation=msgspec.structs.replace(one.generation, finish="loop")
        )
        for one in made
        if one.outcome in STUCK
    ]
    ended = [one for one in made if one.outcome not in STUCK]
    run = folder(tmp_path / "run", [*stopped, *ended])
    # 10 of 20 circular stops came to an end, 5 to a doom; 5 of 20 dooms went on in circles.
    came_to = {
        "chain_sum": ["clean"] * 10 + ["doom"] * 5 + ["circular"] * 5,
        "countdown": ["circular"] * 5 + ["doom"] * 15,
    }
    (run / AUDITS).write_bytes(
        b"".join(
            msgspec.json.encode(audit(f"a-0.0-{task}-{i}-0", outcome)) + b"\n"
            for task, outcomes in came_to.items()
            for i, outcome in enumerate(outcomes)
        )
    )
    rules = Thresholds(max_doom_rate=0.5, max_stuck_rate=0.6)
    policy = Policy(overall=rules, per_task={"*": rules})
    checks = gate_run(run, policy).decision.checks
    corrected = {(c.rule, c.task): (c.value, c.corrected) for c in checks}
    assert corrected == {
        ("max_doom_rate", "all"): (0.2, pytest.approx(0.2)),
        ("max_stuck_rate", "all"): (0.4, pytest.approx(0.3)),
        ("max_doom_rate", "chain_sum"): (0.0, pytest.approx(0.1)),
        ("max_stuck_rate", "chain_sum"): (0.4, pytest.approx(0.2)),
        ("max_doom_rate", "countdown"): (0.4, pytest.approx(0.3)),
        ("max_stuck_rate", "countdown"): (0.4, pytest.approx(0.4)),
    }


def test_a_policy_file_finds_its_baseline_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "gate.toml"
    file.write_text('[baseline]\npath = "main.json"\nmax_increase = "1pp"\n')
    assert read_policy(file, None)[1] == tmp_path / "main.json"
    assert read_policy(file, Path("other"))[1] == Path("other")
    assert read_policy(file, None, max_increase=0.2)[0].max_increase == 0.2
    with pytest.raises(ValueError, match="There is no policy file"):
        read_policy(tmp_path / "none.toml", None)
    file.write_text('[baseline]\npath = "main.json"\nmax_stuck_increase = "1pp"\n')
    policy, found = read_policy(file, None)
    assert (policy.max_stuck_increase, policy.max_increase, found) == (
        0.01, None, tmp_path / "main.json",
    )  # fmt: skip
    file.write_text("max_dom_rate = 0.1\n")
    with pytest.raises(ValueError, match=r"/gate\.toml has an unknown entry 'max_dom_rate'"):
        read_policy(file, None)
    with pytest.raises(ValueError, match="--max-increase needs --baseline"):
        read_policy(None, None, max_increase=0.2)
    with pytest.raises(ValueError, match="--max-stuck-increase needs --baseline"):
        read_policy(None, None, max_stuck_increase=0.2)
    with pytest.raises(ValueError, match="--baseline needs --max-increase"):
        read_policy(None, Path("x"), max_doom_rate=0.2)


def test_a_folder_is_a_run_unless_it_is_a_model(tmp_path: Path) -> None:
    assert is_run(tmp_path)
    assert not is_run(tmp_path / "nothing")
    (tmp_path / "config.json").write_text("{}")
    assert not is_run(tmp_path)
    (tmp_path / "header.json").write_text("{}")
    assert is_run(tmp_path)


def outputs(path: Path, *finishes: str | None, damaged: int = 0) -> Path:
    """Write a file of outputs, the first of which loops at its end."""
    texts = ["so it goes, " * 100, *(f"That was all of number {i}." for i in range(1, 99))]
    rows = [
        json.dumps({"prompt": f"p{i}", "text": text, "finish_reason": finish})
        for i, (text, finish) in enumerate(zip(texts, finishes, strict=False))
    ]
    path.write_text("\n".join([*rows, *["{"] * damaged]) + "\n")
    return path


RISKY = Policy(overall=Thresholds(max_doom_rate=0.5))


def test_a_file_of_outputs_is_judged_as_it_is(tmp_path: Path) -> None:
    file = outputs(tmp_path / "rows.jsonl", *["stop"] * 20)
    assert is_recording(str(file)) and not is_run(file)
    gated = gate_recording(str(file), RISKY, out=tmp_path / "run")
    (check,) = gated.decision.checks
    assert (gated.decision.verdict, check.value, check.prompts) == ("pass", 0, 20)
    assert (gated.decision.untold, gated.decision.untold_stuck) == (0, 0)


def test_a_rate_that_nobody_knows_does_not_pass(tmp_path: Path) -> None:
    file = outputs(tmp_path / "rows.jsonl", *[None] * 20)
    gated = gate_recording(str(file), RISKY, out=tmp_path / "run")
    assert (gated.decision.verdict, gated.decision.checks[0].value) == ("pass", 1 / 20)
    assert (gated.decision.untold, gated.decision.untold_stuck) == (20, 1)
    for rules in (
        {"overall": Thresholds(max_truncated=0.5)},
        {"per_task": {"*": Thresholds(max_truncated=0.5)}},
    ):
        with pytest.raises(GateUnusable, match=r"max_truncated .* of 20 outputs it is not known"):
            gate_run(tmp_path / "run", Policy(**rules))


def test_a_file_of_which_too_little_can_be_read_is_not_judged(tmp_path: Path) -> None:
    file = outputs(tmp_path / "rows.jsonl", *["stop"] * 19, damaged=1)
    with pytest.raises(GateUnusable, match=r"1 of 20 rows of .* cannot be read .*--max-errors"):
        gate_recording(str(file), RISKY, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    lenient = msgspec.structs.replace(RISKY, max_errors=0.05)
    assert gate_recording(str(file), lenient, out=tmp_path / "run").decision.verdict == "pass"


def test_the_mean_of_unequal_repeats_is_no_correction(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    rows = [("p0", "so it goes, " * 100)] * 3 + [(f"p{i}", "That was all.") for i in range(1, 9)]
    file.write_text("".join(json.dumps({"prompt": p, "text": t}) + "\n" for p, t in rows))
    gated = gate_recording(str(file), RISKY, out=tmp_path / "run")
    (check,) = gated.decision.checks
    assert (check.value, check.n, check.corrected) == (1 / 9, 11, None)
