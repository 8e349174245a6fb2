"""`loopbench lm-eval` is lm-eval's command line."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from loopbench.cli import app as cli
from loopbench.lmeval import tasks_path

pytestmark = pytest.mark.filterwarnings("ignore")


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["loopbench", *arguments])
    try:
        cli.main()
    except SystemExit as error:
        return int(error.code or 0)
    return 0


def test_the_path_of_the_tasks_is_printed(monkeypatch, capsys) -> None:
    assert call(monkeypatch, "lm-eval", "--print-path") == 0
    assert Path(capsys.readouterr().out.strip()) == tasks_path()
    assert (tasks_path() / "_edge.yaml").is_file()


@pytest.mark.slow
def test_lm_eval_runs_with_its_own_arguments(monkeypatch, capsys, tmp_path) -> None:
    code = call(
        monkeypatch, "lm-eval", "--model", "dummy", "--tasks", "loopbench_tools", "--limit", "2",
        "--output_path", str(tmp_path), "--log_samples",
    )  # fmt: skip
    assert code == 0
    assert "doom_rate" in capsys.readouterr().out
    (results,) = tmp_path.rglob("results_*.json")
    found = json.loads(results.read_text())
    assert found["loopbench"]["responses"] == 2
    row = found["results"]["loopbench_tool_call"]
    for name in ("stuck_rate", "doom_rate"):
        assert row[f"{name},none"] == 0
    for name in ("recovered_rate", "truncated_rate"):
        assert row[f"{name},none"] == "N/A"
    (samples,) = tmp_path.rglob("samples_*.jsonl")
    lines = [json.loads(line) for line in samples.read_text().splitlines()]
    assert [line["loopbench"][0]["tokenization"] for line in lines] == ["words-v2"] * 2


def test_its_help_is_lm_evals(monkeypatch, capsys) -> None:
    assert call(monkeypatch, "lm-eval", "run", "--help") == 0
    assert "--gen_kwargs" in capsys.readouterr().out


def test_mistakes_are_one_sentence(monkeypatch, capsys) -> None:
    assert call(monkeypatch, "lm-eval", "--model", "loopbench", "--tasks", "loopbench_tools") == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("loopbench: Name a model")


def test_without_lm_eval_the_command_says_how_to_get_it(monkeypatch, capsys) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert call(monkeypatch, "lm-eval", "--tasks", "x", "--model", "y") == 2
    assert "pip install 'loopbench-edge[lm-eval]'" in capsys.readouterr().err
