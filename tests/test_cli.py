"""The command line as a user meets it: bad input is one sentence and a code, never a trace."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import ANSWER, LOOP, install

from loopbench.plan import Settings
from loopbench.runner import execute


def loopbench(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from loopbench.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        **options,
    )


@pytest.fixture
def run(tmp_path: Path, monkeypatch) -> Path:
    turns = iter([True, False] * 50)
    install(monkeypatch, lambda request: (LOOP, "length") if next(turns) else (ANSWER, "stop"))
    settings = Settings(
        models=("a",), tasks=("chain_sum", "tool_call"), limit=4, early_stop=False,
        max_new_tokens=300,
    )  # fmt: skip
    return execute(settings, tmp_path / "run")


BAD = {
    "no model": (["run"], "Missing argument 'MODEL...'"),
    "unknown model": (["run", "smolm2-135m"], "Did you mean 'smollm2-135m'?"),
    "not a GGUF": (["run", "zip.gguf"], "is not a GGUF file"),
    "an empty file": (["run", "empty.gguf"], "is not a GGUF file: it is empty"),
    "zero budget": (["run", "smollm2-135m", "--max-new-tokens", "0"], "budget must be between"),
    "no number": (["run", "smollm2-135m", "--temperature", "cold"], "'cold' is not a list"),
    "negative": (["run", "smollm2-135m", "--temperature", "-1"], "between 0 and 10, got -1"),
    "no repeats": (["run", "smollm2-135m", "--repeats", "0"], "--repeats must be at least 1"),
    "resume of what": (["run", "smollm2-135m", "--resume"], "--resume needs --out"),
    "unknown option": (["run", "x", "--temprature", "1"], "Did you mean"),
    "unknown detector": (["score", "RUN", "--detectors", "sufix"], "Did you mean 'suffix'?"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_sentence_and_code_2(case: str, tmp_path: Path, run: Path) -> None:
    (tmp_path / "zip.gguf").write_bytes(b"PK\x03\x04 something else")
    (tmp_path / "empty.gguf").write_bytes(b"")
    arguments, message = BAD[case]
    arguments = [str(run) if a == "RUN" else a for a in arguments]
    result = loopbench(*arguments, cwd=tmp_path)
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.returncode == 2


def test_what_is_no_run_is_a_failure(tmp_path: Path) -> None:
    for command in ("table", "score"):
        result = loopbench(command, str(tmp_path))
        assert result.returncode == 4
        assert result.stderr.startswith(f"loopbench: {tmp_path} is not a run folder")


def test_formats_tell_the_same_numbers(run: Path) -> None:
    rows = json.loads(loopbench("table", str(run), "--format", "json").stdout)
    assert [row["doom_rate"]["value"] for row in rows] == [0.5]
    csv = loopbench("table", str(run), "--format", "csv").stdout.splitlines()
    assert dict(zip(csv[0].split(","), csv[1].split(","), strict=True))["doom_rate"] == "0.5"
    for form in ("md", "text"):
        assert "50.0" in loopbench("table", str(run), "--format", form).stdout


def test_rows_by_task(run: Path) -> None:
    rows = json.loads(loopbench("table", str(run), "--by", "task", "--format", "json").stdout)
    assert [(row["group"], row["n"]) for row in rows] == [("chain_sum", 2), ("tool_call", 2)]


def test_score_without_the_model_says_the_same(run: Path, tmp_path: Path) -> None:
    table = loopbench("table", str(run), "--format", "json").stdout
    kept = tmp_path / "kept"
    scored = loopbench("score", str(run), "--format", "json", "--out", str(kept))
    assert scored.stdout == table == loopbench("table", str(kept), "--format", "json").stdout
    assert "4 records judged again: 0 outcomes and 0 grades changed" in scored.stderr


def test_agreement_of_detectors(run: Path) -> None:
    arguments = ("score", str(run), "--detectors", "suffix,counter")
    result = json.loads(loopbench(*arguments, "--format", "json").stdout)
    assert [rate["doom_rate"]["value"] for rate in result["rates"]] == [0.5, 0.0]
    assert result["agreement"] == [[1.0, 0.5], [0.5, 1.0]]
    assert "Cohen's kappa" in loopbench(*arguments).stdout


@pytest.mark.parametrize("what", ["models", "tasks", "detectors", "backends"])
def test_ls_shows_names(what: str) -> None:
    known = {
        "models": "smollm2-135m", "tasks": "countdown", "detectors": "suffix",
        "backends": "llamacpp",
    }  # fmt: skip
    assert known[what] in loopbench("ls", what).stdout


def test_detect_reads_rows_and_text(tmp_path: Path) -> None:
    rows = [
        {"id": "x", "token_ids": [1, 2] * 100, "finish": "length"},
        {"uid": "y", "token_ids": [1, 2] * 100, "finish": "stop"},
        {"text": "".join(f"{i}. Lily lies.\n" for i in range(90))},
    ]
    given = "\n".join(map(json.dumps, rows))
    result = loopbench("detect", input=given)
    verdicts = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(v["id"], v["outcome"], v["level"]) for v in verdicts] == [
        ("x", "doom", "verbatim"),
        ("y", "recovered", "verbatim"),
        (3, "doom", "counter"),
    ]
    assert verdicts[0].keys() >= {"detector", "period", "repeats", "onset"}
    assert (verdicts[0]["period"], verdicts[0]["repeats"], verdicts[0]["onset"]) == (2, 100, 0)

    (tmp_path / "plain.txt").write_text("round and round we go, " * 60)
    plain = loopbench("detect", str(tmp_path / "plain.txt"))
    assert json.loads(plain.stdout)["outcome"] == "doom"


@pytest.mark.parametrize("line", ["{", '{"id": 1}', '{"token_ids": ["a"]}', '{"finish": "odd"}'])
def test_detect_names_the_line_that_it_cannot_read(line: str) -> None:
    result = loopbench("detect", input='{"token_ids": [1]}\n' + line + "\n")
    assert len(result.stdout.splitlines()) == 1
    assert result.stderr.startswith("loopbench: Line 2 cannot be judged: ")
    assert result.returncode == 2


def test_model_text_does_not_reach_the_terminal_as_control_codes(run: Path) -> None:
    header = run / "header.json"
    records = run / "records.jsonl"
    for file in (header, records):
        file.write_text(file.read_text().replace('"a"', '"a\\u001b[31mred\\u0007"'))
    for form in ("text", "md"):
        printed = loopbench("table", str(run), "--format", form).stdout
        assert "red" in printed
        assert "\x1b" not in printed
        assert "\x07" not in printed
