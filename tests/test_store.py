"""The run folder survives cuts, other writers and full disks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fakes import ANSWER, install

from loopbench.plan import Settings
from loopbench.runner import execute
from loopbench.store import RECORDS, RunError, RunStore, read_header, read_records


@pytest.fixture
def run(tmp_path: Path, monkeypatch) -> Path:
    install(monkeypatch, lambda request: (ANSWER, "stop"))
    return execute(Settings(models=("a",), tasks=("chain_sum",), limit=3), tmp_path / "run")


def test_a_torn_last_line_is_dropped_wherever_it_was_cut(run: Path) -> None:
    whole = (run / RECORDS).read_bytes()
    lines = whole.splitlines(keepends=True)
    for cut in {1, len(lines[-1]) // 2, len(lines[-1]) - 1, len(lines[-1]) + 1}:
        (run / RECORDS).write_bytes(whole[:-cut])
        kept = (len(whole) - cut >= len(whole) - len(lines[-1])) + 1
        assert len(list(read_records(run))) == kept
        with RunStore.resume(run, read_header(run)):
            pass
        assert (run / RECORDS).read_bytes() == b"".join(lines[:kept])


def test_a_spoilt_line_in_the_middle_is_named(run: Path) -> None:
    lines = (run / RECORDS).read_bytes().splitlines(keepends=True)
    lines[1] = b'{"half": \n'
    (run / RECORDS).write_bytes(b"".join(lines))
    with pytest.raises(RunError, match=r"records\.jsonl line 2 cannot be understood"):
        list(read_records(run))


def test_two_writers_do_not_share_a_folder(run: Path) -> None:
    with (
        RunStore.resume(run, read_header(run)),
        pytest.raises(RunError, match="Another process"),
    ):
        RunStore.resume(run, read_header(run))


def test_a_full_disk_loses_nothing_that_was_written(run: Path, monkeypatch) -> None:
    record, *_ = read_records(run)
    before = (run / RECORDS).read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with RunStore.resume(run, read_header(run)) as store:
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(RunError, match=r"No space left on device.*--resume"):
            store.append(record)
    assert (run / RECORDS).read_bytes().startswith(before)


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path, run: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="Cannot write the run folder"):
        RunStore.create(tmp_path / "file" / "run", read_header(run))


def test_what_is_no_run_is_said(tmp_path: Path, run: Path) -> None:
    with pytest.raises(RunError, match="not a run folder"):
        read_header(tmp_path)
    (run / "header.json").write_bytes(b"\xff{")
    with pytest.raises(RunError, match="cannot be understood"):
        read_header(run)


def test_a_run_of_another_schema_is_refused(run: Path) -> None:
    header = (run / "header.json").read_bytes()
    (run / "header.json").write_bytes(
        header.replace(b'"schema_version": 1', b'"schema_version": 9')
    )
    with pytest.raises(RunError, match="schema version 9"):
        read_header(run)
