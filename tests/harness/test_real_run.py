"""The whole way on the real engine and SmolLM2-135M: run, kill, resume, table, detect."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

LOOPBENCH = (sys.executable, "-c", "from loopbench.cli.app import main; main()")
RUN = (
    *LOOPBENCH, "run", "smollm2-135m", "--tasks", "quick", "--limit", "7",
    "--max-new-tokens", "48", "--slots", "2",
)  # fmt: skip


def records(folder: Path) -> list[bytes]:
    file = folder / "records.jsonl"
    return file.read_bytes().splitlines(keepends=True) if file.exists() else []


def call(*command: str, **options) -> str:
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, **options)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a whole run; what it printed lies beside the records."""
    out = tmp_path_factory.mktemp("whole") / "run"
    (out.parent / "printed.json").write_text(call(*RUN, "--out", str(out), "--format", "json"))
    return out


def test_a_killed_run_is_resumed_without_loss(tmp_path: Path, whole: Path) -> None:
    out = tmp_path / "run"
    with subprocess.Popen(
        [*RUN, "--out", str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        until = time.monotonic() + 120
        while len(records(out)) < 3 and process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    before = [line for line in records(out) if line.endswith(b"\n")]
    assert 3 <= len(before) < 7, "the run was not killed in its middle"

    call(*RUN, "--out", str(out), "--resume")
    after = records(out)
    assert after[: len(before)] == before
    keys = [json.loads(line)["key"] for line in after]
    assert len(set(keys)) == len(keys) == 7

    assert {json.loads(line)["key"] for line in records(whole)} == set(keys)


def test_ctrl_c_leaves_a_table_and_a_run_that_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "run"
    # More prompts than the other tests have: there must be something left to interrupt when
    # this process is slow to look.
    run = [*RUN, "--limit", "10"]
    # A terminal sends the signal to the whole group, the engine's process included.
    with subprocess.Popen(
        [*run, "--out", str(out), "--format", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A job in a shell's background ignores the signal, and its children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        until = time.monotonic() + 120
        while len(records(out)) < 2 and process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        printed, complaints = process.communicate(timeout=60)
    assert process.returncode == 130
    assert json.loads(printed)[0]["n"] == len(records(out)) < 10
    assert json.loads(printed)[0]["n_error"] == 0
    assert f"--resume --out {out}" in complaints
    assert "Traceback" not in complaints
    (row,) = json.loads(call(*run, "--out", str(out), "--resume", "--format", "json"))
    assert (row["n"], row["n_error"]) == (10, 0)


def test_the_table_has_what_others_build_on(whole: Path) -> None:
    out = whole
    (row,) = json.loads((out.parent / "printed.json").read_text())
    for name in (
        "model", "temperature", "budget", "n", "n_error", "doom_rate", "verbatim_rate",
        "counter_rate", "recovered_rate", "truncated_rate", "accuracy", "extraction_f1",
        "tool_score",
    ):  # fmt: skip
        assert name in row
    assert row["n"] == 7
    assert row["n_error"] == 0
    assert row["doom_rate"]["low"] <= row["doom_rate"]["value"] <= row["doom_rate"]["high"]
    assert json.loads(call(*LOOPBENCH, "table", str(out), "--format", "json")) == [row]
    assert json.loads(call(*LOOPBENCH, "score", str(out), "--format", "json")) == [row]

    rows = "".join(
        json.dumps(
            {
                "id": record["key"],
                "token_ids": record["generation"]["token_ids"],
                "text": record["generation"]["text"],
                "finish": record["generation"]["finish"],
            }
        )
        + "\n"
        for record in map(json.loads, records(out))
    )
    verdicts = [json.loads(line) for line in call(*LOOPBENCH, "detect", input=rows).splitlines()]
    assert [v["outcome"] for v in verdicts] == [json.loads(r)["outcome"] for r in records(out)]


def test_deterministic_runs_give_the_same_tokens(tmp_path: Path) -> None:
    runs = []
    for name in ("one", "two"):
        call(*RUN, "--limit", "2", "--deterministic", "--out", str(tmp_path / name))
        runs.append(
            {
                record["key"]: record["generation"]["token_ids"]
                for record in map(json.loads, records(tmp_path / name))
            }
        )
    assert runs[0] == runs[1]
    assert len(runs[0]) == 2


def test_agent_episodes_with_and_without_their_tools(tmp_path: Path) -> None:
    common = (
        *LOOPBENCH, "run", "smollm2-135m", "--tasks", "agent_lookup:easy", "--limit", "3",
        "--max-new-tokens", "48", "--max-turns", "2", "--slots", "2", "--format", "json",
    )  # fmt: skip
    (tools,) = json.loads(call(*common, "--out", str(tmp_path / "open")))
    (bare,) = json.loads(call(*common, "--closed-book", "--out", str(tmp_path / "closed")))
    for row in (tools, bare):
        assert (row["n"], row["n_error"], row["agent_score"]["n"]) == (3, 0, 3)
    assert bare["calls_per_episode"] == 0
    open_book, closed = (
        [json.loads(line) for line in records(tmp_path / name)] for name in ("open", "closed")
    )
    assert {r["sample_id"] for r in open_book} == {r["sample_id"] for r in closed}
    for record in open_book:
        # The chat template was applied to the whole conversation.
        assert 1 <= len(record["turns"]) <= 2
        assert record["turns"][0]["prompt_tokens"] > 250
        assert sum(t["tokens"] for t in record["turns"]) == len(record["generation"]["token_ids"])
    assert all(record["turns"] is None for record in closed)
    (again,) = json.loads(call(*LOOPBENCH, "score", str(tmp_path / "open"), "--format", "json"))
    assert again == tools
