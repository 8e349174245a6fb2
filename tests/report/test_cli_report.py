"""`loopbench report` as a user meets it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from fakes import record
from looping_runs import few, said, write

from loopbench.cli.app import cli
from loopbench.errors import RunError
from loopbench.report.runs import load, series_of


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write(tmp_path / "run", few())


def call(*arguments: object):
    return CliRunner().invoke(cli, ["report", *map(str, arguments)])


def test_a_run_gets_its_page_beside_its_records(run: Path) -> None:
    result = call(run)
    assert result.exit_code == 0, result.output
    page = (run / "report.html").read_text()
    assert "script-src 'sha256-" in page
    assert page.count("<figure") == 6
    assert re.search(r"suffix v\d", page)  # the rules' agreement


def test_card_and_charts_alone_write_no_page(run: Path, tmp_path: Path) -> None:
    result = call(run, "--markdown", tmp_path / "card.md", "--charts", tmp_path / "charts")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "card.md").read_text().startswith("---\nmodel-index:")
    assert (tmp_path / "charts" / "incidence.svg").exists()
    assert not (run / "report.html").exists()


def test_traces_can_be_limited_and_the_page_says_so(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.html"
    assert call(run, "-o", out, "--max-traces", 2, "--detectors", "none").exit_code == 0
    assert "The first 2 outputs; 3 more are in the records." in out.read_text()
    assert "What each rule would have reported" not in out.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["RUN", "RUN"], "Say where the page of several runs goes"),
        (["RUN", "--detectors", "sufix"], "Did you mean 'suffix'?"),
    ],
)
def test_bad_input_is_one_sentence(run: Path, arguments: list[str], message: str) -> None:
    result = call(*(str(run) if a == "RUN" else a for a in arguments))
    assert result.exit_code != 0
    assert message in result.output + str(result.exception)


def test_a_folder_without_records_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not a run folder"):
        load(tmp_path)
    with pytest.raises(RunError, match="no records yet"):
        load(write(tmp_path / "empty", []))


def test_a_run_in_which_everything_failed_still_has_a_page(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [record("a", "error"), record("b", "error")])
    result = call(run, "--markdown", tmp_path / "card.md", "-o", tmp_path / "r.html")
    assert result.exit_code == 0, result.output
    assert "2 outputs" in (tmp_path / "r.html").read_text()


def test_without_matplotlib_the_card_is_still_written(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert call(run, "--markdown", tmp_path / "card.md").exit_code == 0
    result = call(run)
    assert "pip install 'loopbench-edge[plots]'" in str(result.exception)


def test_no_two_series_have_one_label(tmp_path: Path) -> None:
    first = load(write(tmp_path / "one", [said("a", "x"), said("b", "y", temperature=0.5)]))
    second = load(write(tmp_path / "two", [said("a", "x")]))
    labels = [one.label for one in series_of([first, second, second])]
    assert labels == ["a T=0 · one", "a T=0.5", "a T=0 · two · 3", "a T=0 · two · 4"]
