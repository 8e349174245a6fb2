"""Decoding under a schema: what is asked of the backend, and what keeps rows apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fakes import install, model_info

from loopbench import tasks
from loopbench.backends.base import Capabilities
from loopbench.harness.api import rows_of
from loopbench.harness.plan import Settings
from loopbench.harness.runner import PROMPT_ALLOWANCE, execute, prompt_allowance
from loopbench.judging.jobs import job_key
from loopbench.results.observed import sampling_differences
from loopbench.results.store import read_header, read_records
from loopbench.results.table import render
from loopbench.tasks.suites import select
from loopbench.types import Sampling


def settings(**changes: Any) -> Settings:
    base = {"models": ("a",), "tasks": ("tool_call",), "limit": 3, "early_stop": False}
    return Settings(**{**base, "constrained": True, **changes})


def test_requests_carry_the_schema_of_their_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    factory = install(monkeypatch, lambda request: (["[]"], "stop"))
    run = execute(settings(tasks=("tool_call", "extract_records"), limit=6), tmp_path / "r")
    kinds = {request.json_schema["type"] for request in factory.requests}  # type: ignore[index]
    assert kinds == {"array", "object"}
    assert all(sampling.constrained for sampling in read_header(run).samplings)
    (row,) = rows_of(run)
    assert row.constrained
    assert "| forced |" in render([row], "md")

    free = execute(settings(constrained=False), tmp_path / "f")
    assert {request.json_schema for request in factory.requests[6:]} == {None}
    assert "forced" not in render(rows_of(free), "md")
    keys = [{r.key for r in read_records(folder)} for folder in (run, free)]
    assert not keys[0] & keys[1]


def test_a_task_without_a_schema_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, lambda request: (["[]"], "stop"))
    with pytest.raises(ValueError, match="needs tasks with a JSON schema; chain_sum has none"):
        execute(settings(tasks=("tool_call", "chain_sum")), tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_a_backend_that_cannot_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    factory = install(monkeypatch, lambda request: (["[]"], "stop"))
    monkeypatch.setattr(factory, "capabilities", Capabilities())
    with pytest.raises(ValueError, match="does not work with the backend"):
        execute(settings(), tmp_path / "r")


def test_early_stopping_is_refused() -> None:
    with pytest.raises(ValueError, match="--constrained needs --no-early-stop"):
        settings(early_stop=True).check()


def test_the_choice_is_part_of_a_key_and_of_a_comparison() -> None:
    sample = select(["tool_call"], 1, 0)[0]
    free, forced = Sampling(), Sampling(constrained=True)
    assert job_key(model_info("a"), sample, free, 0) != job_key(model_info("a"), sample, forced, 0)
    differing = [d.what for d in sampling_differences([free], [forced]) if d.differs]
    assert differing == ["constrained"]
    cut = [d for d in sampling_differences([free], [Sampling(think_budget=64)]) if d.differs]
    assert [(d.what, d.first, d.second) for d in cut] == [("think_budget", "none", "64")]


@pytest.mark.parametrize("name", ["bfcl:simple", "bfcl:multiple"])
def test_bfcl_schemas_admit_its_answers(name: str) -> None:
    from jsonschema import Draft202012Validator

    task = tasks.get(name)
    for sample in task.samples(40, level="all"):
        schema = tasks.json_schema(sample)
        Draft202012Validator.check_schema(schema)
        assert Draft202012Validator(schema).is_valid(json.loads(task.oracle(sample)))


def test_long_prompts_get_the_context_that_they_need() -> None:
    assert prompt_allowance(select(["reference"], None, 0)) == PROMPT_ALLOWANCE
    longest = select(["tool_call:tools_40"], 4, 0)
    # The reference model's small vocabulary holds 1.6 bytes of such a prompt in a token.
    assert prompt_allowance(longest) >= max(len(s.prompt) for s in longest) / 1.6
    assert prompt_allowance([]) == PROMPT_ALLOWANCE
