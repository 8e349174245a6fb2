"""`loopbench score`: the same records judged again, without a model."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest
from circling import ROUND
from fakes import ANSWER, LOOP, RAMBLE, generation, install

from loopbench import tasks
from loopbench.errors import RunError
from loopbench.harness.api import rows_of
from loopbench.harness.plan import Settings
from loopbench.harness.runner import execute
from loopbench.judging.outcome import JUDGEMENT
from loopbench.results.rescoring import rescore_run
from loopbench.results.store import AUDITS, HEADER, RECORDS, read_audits, read_header, read_records
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


def test_outcomes_that_were_named_otherwise_change_and_say_so(run: Path, tmp_path: Path) -> None:
    counted = "".join(f"{i}. Next.\n" for i in range(1, 90)) + "That is all."

    def left_a_count(record: Record) -> Record:
        if record.outcome != "clean":
            return record
        pieces = re.findall(r"\S+|\s+", counted)
        said = generation(pieces, "stop", list(range(len(pieces))))
        return msgspec.structs.replace(record, generation=said, outcome="recovered")

    rewrite(run, left_a_count)
    header = msgspec.structs.replace(read_header(run), judgement=1)
    (run / HEADER).write_bytes(msgspec.json.encode(header))
    (before,) = rows_of(run)
    result = rescore_run(run, tmp_path / "new")
    assert (before.judgement, before.recovered_rate.value) == (1, 2 / 6)
    assert (result.rows[0].judgement, result.rows[0].recovered_rate.value) == (JUDGEMENT, 0)
    assert result.outcomes_changed == 2
    assert read_header(tmp_path / "new").judgement == JUDGEMENT


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


def test_what_cannot_be_judged_again_leaves_no_half_of_a_run(run: Path, tmp_path: Path) -> None:
    whole = (run / RECORDS).read_bytes()
    (run / RECORDS).write_bytes(whole + b'{"schema_version": 7}\n')
    for _ in range(2):
        with pytest.raises(RunError, match="line 7 cannot be understood"):
            rescore_run(run, tmp_path / "again")
    assert not (tmp_path / "again" / HEADER).exists()
    (run / RECORDS).write_bytes(whole)
    assert rescore_run(run, tmp_path / "again").records == 6


def as_of_schema_1(run: Path, separators: tuple[str, str] = (",", ":")) -> Path:
    """Write a run as the version before circular ends did."""
    for name in (RECORDS, AUDITS):
        if not (run / name).exists():
            continue
        lines = (run / name).read_bytes().splitlines()
        for i, line in enumerate(lines):
            fields = json.loads(line) | {"schema_version": 1}
            fields.pop("circled", None)
            gain = {"detector": "gain", "version": 3, "level": "near", "looped": False}
            kept = [v for v in fields["verdicts"] if v["detector"] != "circular"]
            fields["verdicts"] = [*kept, gain | {"terminal": False}]
            if fields["outcome"] == "circular":
                fields["outcome"] = "truncated"
            lines[i] = json.dumps(fields, separators=separators).encode()
        (run / name).write_bytes(b"".join(line + b"\n" for line in lines))
    header = json.loads((run / HEADER).read_bytes()) | {"schema_version": 1}
    (run / HEADER).write_text(json.dumps(header))
    return run


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")], ids=["as we do", "as json does"])
def test_a_run_of_before_is_refused_and_can_be_judged_again(
    run: Path, tmp_path: Path, separators: tuple[str, str]
) -> None:
    expected = rows_of(run)
    old = as_of_schema_1(run, separators)
    with pytest.raises(RunError, match=r"circular ends .* 'loopbench score .*/run --out NEW'"):
        rows_of(old)
    with pytest.raises(RunError, match="circular ends"):
        execute(SETTINGS, old, resume=True)
    result = rescore_run(old, tmp_path / "new")
    assert result.rows == expected == rows_of(tmp_path / "new")
    assert {r.schema_version for r in read_records(tmp_path / "new")} == {2}
    assert {a.schema_version for a in read_audits(tmp_path / "new")} == {2}
    # Its verdicts are not those of today, and nobody reads them.
    assert {len(r.verdicts) for r in read_records(old)} == {0}
    assert [r.generation for r in read_records(old)] == [
        r.generation for r in read_records(tmp_path / "new")
    ]


def test_what_was_truncated_may_be_circular_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, lambda request: (ROUND, "length"))
    old = as_of_schema_1(execute(SETTINGS, tmp_path / "run"))
    assert {r.outcome for r in read_records(old)} == {"truncated"}
    result = rescore_run(old)
    assert result.outcomes_changed == 6
    assert result.rows[0].circular_rate.value == result.rows[0].stuck_rate.value == 1
    assert result.rows[0].truncated_rate.value == result.rows[0].doom_rate.value == 0
