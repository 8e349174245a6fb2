"""`loopbench calibrate`: labelled traces and runs in, tables out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from fakes import ANSWER, LOOP, RAMBLE, install
from test_calibration import LOOP as LOOPING
from test_calibration import PROSE, trace

from loopbench.calibration.command import DOOM_ROW, STUCK_ROW, detectors_on, escapes_of, traces_in
from loopbench.calibration.corpus import CorpusError, write_traces
from loopbench.calibration.measures import part_of
from loopbench.cli.app import cli
from loopbench.harness.plan import Settings
from loopbench.harness.runner import execute
from loopbench.types import Request

TRACES = [trace(f"v{i}", PROSE[i:] + LOOPING, "verbatim", onset=300 - i) for i in range(6)] + [
    trace(f"n{i}", PROSE[i:], "none") for i in range(6)
]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    write_traces(folder / "a.jsonl", TRACES[:7])
    write_traces(folder / "b.jsonl.gz", TRACES[7:])
    return folder


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six streams: two that loop to the budget, two answers, two rambles."""
    said: dict[str, tuple[list[str], str]] = {}
    turns = iter([(LOOP, "length"), (ANSWER, "stop"), (RAMBLE, "length")] * 2)

    def script(request: Request) -> tuple[list[str], str]:
        return said.setdefault(request.prompt, next(turns, (ANSWER, "stop")))

    install(monkeypatch, script)
    settings = Settings(
        models=("a",), tasks=("chain_sum",), limit=6, max_new_tokens=600, early_stop=False
    )
    return execute(settings, tmp_path / "run")


def test_a_folder_is_all_its_files_and_a_part_is_a_part(corpus: Path) -> None:
    assert [t.uid for t in traces_in([corpus])] == [t.uid for t in TRACES]
    for part in ("development", "held-out"):
        chosen = traces_in([corpus], part)
        assert [t.uid for t in chosen] == [t.uid for t in TRACES if part_of(t) == part]


def test_the_rules_of_doom_come_first(corpus: Path) -> None:
    measured = detectors_on([corpus], ["suffix"], "all")
    assert [row.detector for row in measured.result] == [DOOM_ROW, STUCK_ROW, "suffix"]
    assert [row.f1.value for row in measured.result] == [1.0, 1.0, 1.0]
    assert measured.grids[0].rows[0][0] == "suffix or counter or toolcycle"


@pytest.mark.parametrize("form", ["text", "md", "json"])
def test_the_command_prints_every_form(corpus: Path, form: str) -> None:
    arguments = ["calibrate", str(corpus), "--detectors", "suffix,vllm", "--part", "all"]
    result = CliRunner().invoke(cli, [*arguments, "--format", form], catch_exceptions=False)
    assert result.exit_code == 0
    if form == "json":
        assert [row["detector"] for row in json.loads(result.output)] == [
            DOOM_ROW, STUCK_ROW, "suffix", "vllm",
        ]  # fmt: skip
    else:
        assert "6/6" in result.output
        assert "false alarms" in result.output


def test_escapes_of_a_run(run: Path) -> None:
    measured = escapes_of([run], most=0.05)
    flagged = {row.repeats: row.rate for row in measured.result["escapes"] if row.by == "all"}
    assert (flagged[8].value, flagged[8].n) == (0.0, 2)
    assert measured.notes[0].startswith("verbatim: stop from 4 repeats; 0.0 [")
    assert measured.notes[1].startswith("counter: no stream was flagged")
    result = CliRunner().invoke(cli, ["calibrate", "--escapes", str(run)], catch_exceptions=False)
    assert "verbatim: stop from 4 repeats" in result.output
    assert "circular: no output was going round" in result.output


def test_what_is_no_corpus_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"none holds no labelled traces; name"):
        (tmp_path / "none").mkdir()
        traces_in([tmp_path / "none"])
    (tmp_path / "x.txt").write_text("so it goes")
    with pytest.raises(CorpusError, match=r"must end in \.jsonl"):
        traces_in([tmp_path / "x.txt"])
