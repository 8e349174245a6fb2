"""`loopbench score`: the same records judged again, without a model."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from fakes import ANSWER, LOOP, RAMBLE, install

from loopbench import tasks
from loopbench.harness.api import rows_of
from loopbench.harness.plan import Settings
from loopbench.harness.runner import execute
from loopbench.results.rescoring import rescore_run
from loopbench.results.store import AUDITS, RECORDS, RunError, read_audits, read_records
from loopbench.types import Record, Request

SETTINGS = Settings(models=("a",), tasks=("chain_sum",), limit=6, max_new_tokens=600)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of two loops that are stopped, one of which escapes, two answers and a ramble."""
    said: dict[str, tuple[list[str], str]] = {}
    turns = iter([(LOOP, "length"), (ANSWER, "stop"), (RAMBLE, "length")] * 2)

    def script(request: Request) -> tuple[list[str], str]:
        return said.setdefault(request.prompt, next(turns, (ANSWER, "stop")))

    install(monkeypatch, script)
    return execute(SETTINGS, tmp_path / "run")


def rewrite(run: Path, change) -> None:
    """Change every record of a run in its file."""
    lines = [msgspec.json.encode(change(record)) + b"\n" for record in read_records(run)]
    (run / RECORDS).write_bytes(b"".join(lines))


def test_nothing_changes_where_nothing_has_changed(run: Path, tmp_path: Path) -> None:
    files = {name: (run / name).read_bytes() for name in (RECORDS, AUDITS)}
    result = rescore_run(run, tmp_path / "kept")
    assert result.rows == rows_of(run) == rows_of(tmp_path / "kept")
    assert (result.records, result.not_graded) == (6, 0)
    assert (result.outcomes_changed, result.grades_changed) == (0, 0)
    for name, content in files.items():
        assert (run / name).read_bytes() == content
        assert (tmp_path / "kept" / name).read_bytes() == content


def test_old_verdicts_and_grades_are_replaced(run: Path, tmp_path: Path) -> None:
    before = rows_of(run)
    rewrite(
        run,
        lambda record: msgspec.structs.replace(
            record,
            verdicts=[],
            outcome="clean",
            grade=msgspec.structs.replace(record.grade, correct=True, score=1.0),
        ),
    )
    assert rows_of(run) != before
    result = rescore_run(run, tmp_path / "kept")
    assert result.rows == before == rows_of(tmp_path / "kept")
    assert (result.outcomes_changed, result.grades_changed) == (4, 6)


@pytest.mark.parametrize("change", [{"task_version": 99}, {"task": "gone"}])
def test_records_of_another_task_version_keep_their_grades(run: Path, change: dict) -> None:
    assert "gone" not in tasks.names()
    rewrite(run, lambda record: msgspec.structs.replace(record, **change))
    result = rescore_run(run)
    assert (result.records, result.not_graded) == (6, 6)
    assert result.rows == rows_of(run)


def test_an_audit_belongs_to_the_stream_it_continued(run: Path) -> None:
    # The first attempt at every generation failed, and a resumed run made it again.
    def failed(record: Record) -> Record:
        empty = msgspec.structs.replace(
            record.generation, text="", token_ids=[], token_chars=[], output_tokens=0,
            finish="error", error="gone",
        )  # fmt: skip
        return msgspec.structs.replace(record, generation=empty, verdicts=[], outcome="error")

    lines = [msgspec.json.encode(failed(record)) + b"\n" for record in read_records(run)]
    (run / RECORDS).write_bytes(b"".join(lines) + (run / RECORDS).read_bytes())
    target = run.parent / "kept"
    result = rescore_run(run, target)
    assert result.rows == rows_of(run)
    assert list(read_audits(target)) == list(read_audits(run))


def test_no_run_is_written_over(run: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds a run already"):
        rescore_run(run, run)
    with pytest.raises(RunError, match="is not a run folder"):
        rescore_run(tmp_path, tmp_path / "kept")
    assert not (tmp_path / "kept").exists()
