"""The run folder survives cuts, other writers and full disks."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from fakes import ANSWER, audit, header, install, model_info, record

from loopbench.errors import RunError
from loopbench.harness.plan import Settings
from loopbench.harness.runner import execute
from loopbench.results.store import (
    AUDITS,
    HEADER,
    RECORDS,
    RunStore,
    read_audits,
    read_header,
    read_records,
    write_atomically,
)


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
        header.replace(b'"schema_version": 2', b'"schema_version": 9')
    )
    with pytest.raises(RunError, match="schema version 9"):
        read_header(run)


def stored(path: Path, *lines) -> Path:
    with RunStore.create(path, header()) as store:
        for line in lines:
            store.append(line)
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    lines = [record("k1", "doom", level="verbatim", onset=3), record("k2", "error")]
    run = stored(tmp_path / "deep" / "run", *lines, audit("k1"))
    assert read_header(run) == header()
    assert list(read_records(run)) == lines
    assert list(read_audits(run)) == [audit("k1")]
    with RunStore.resume(run, header()) as store:
        store.append(record("k3"))
    assert [r.key for r in read_records(run)] == ["k1", "k2", "k3"]


@pytest.mark.parametrize("name", [RECORDS, AUDITS])
def test_a_file_cut_anywhere_keeps_its_whole_lines(tmp_path: Path, name: str) -> None:
    run = stored(tmp_path / "run", *(f(k) for f in (record, audit) for k in "xyz"))
    whole = (run / name).read_bytes()
    read = read_records if name == RECORDS else read_audits
    for cut in range(0, len(whole) + 1, 17):
        (run / name).write_bytes(whole[:cut])
        keys = ["x", "y", "z"][: whole[:cut].count(b"\n")]
        assert [line.key for line in read(run)] == keys
        with RunStore.resume(run, header()) as store:
            store.append(record("new") if name == RECORDS else audit("new"))
        assert [line.key for line in read(run)] == [*keys, "new"]


def test_a_long_torn_line_is_dropped(tmp_path: Path) -> None:
    run = stored(tmp_path / "run", record("k"))
    whole = (run / RECORDS).read_bytes()
    for torn in (b"\0" * 200_000, b'{"key": "' + b"x" * 65_536):
        (run / RECORDS).write_bytes(whole + torn)
        with RunStore.resume(run, header()):
            pass
        assert (run / RECORDS).read_bytes() == whole


def test_other_settings_are_spelt_out(tmp_path: Path) -> None:
    run = stored(tmp_path / "run")
    change = msgspec.structs.replace
    for other, message in (
        (change(header(), seed=1), r"seed is 1 instead of 0\. Use the same settings"),
        (change(header(), tasks={"chain_sum": 2}), "tasks.chain_sum is 2 instead of 1"),
        (change(header(), stop=[]), r"stop is \[\] instead of "),
        (header("b"), r'models\[0\].name is "b" instead of "a"; models\[0\].fingerprint'),
        (
            change(
                header(), seed=1, repeats=2, samples=3, items_hash="", audit_min=0, audit_share=1.0
            ),
            "; and 2 more",
        ),
    ):
        with pytest.raises(RunError, match=message):
            RunStore.resume(run, other)


def test_what_is_not_measured_may_change(tmp_path: Path) -> None:
    run = stored(tmp_path / "run")
    moved = model_info("a", Path("/elsewhere/a.gguf"))
    other = msgspec.structs.replace(
        header(slots=8), created="later", loopbench_version="9", models=[moved]
    )
    with RunStore.resume(run, other) as store:
        assert store.header == header()


def test_another_process_cannot_write(tmp_path: Path) -> None:
    run = stored(tmp_path / "run")
    code = (
        "import sys; from pathlib import Path; from loopbench.results.store import *\n"
        "path = Path(sys.argv[1])\n"
        "try:\n    RunStore.resume(path, read_header(path)).close()\n"
        "except RunError as error:\n    print(error)"
    )
    other = [sys.executable, "-c", code, str(run)]
    with RunStore.resume(run, header()):
        held = subprocess.run(other, capture_output=True, text=True, check=True)
    free = subprocess.run(other, capture_output=True, text=True, check=True)
    assert held.stdout == f"Another process is writing to {run}; wait for it.\n"
    assert free.stdout == ""


@pytest.mark.parametrize("room", [0, 1, 200])
def test_a_line_that_does_not_fit_leaves_no_trace(tmp_path: Path, room: int) -> None:
    # A limit on the size of files cuts a write short, as a disk that gets full does.
    run = stored(tmp_path / "run", record("k1"))
    before = (run / RECORDS).read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with RunStore.resume(run, header()) as store:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + room, limits[1]))
        try:
            with pytest.raises(RunError, match=r"What was written before is safe; make room"):
                store.append(record("k2"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert (run / RECORDS).read_bytes() == before
    with RunStore.resume(run, header()) as store:
        store.append(record("k2"))
    assert [r.key for r in read_records(run)] == ["k1", "k2"]


def test_a_really_full_device_is_one_sentence(tmp_path: Path) -> None:
    run = stored(tmp_path / "run")
    with RunStore.resume(run, header()) as store:
        (run / RECORDS).symlink_to("/dev/full")
        with pytest.raises(RunError, match=r"records\.jsonl: No space left on device"):
            store.append(record("k"))


def test_a_failed_start_leaves_the_folder_free(tmp_path: Path, monkeypatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(RunError, match=r"Cannot write the run folder .* No space left"):
            RunStore.create(tmp_path / "run", header())
    assert [file.name for file in (tmp_path / "run").iterdir()] == [".lock"]
    stored(tmp_path / "run", record("k"))


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch) -> None:
    file = tmp_path / "summary.json"
    write_atomically(file, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(file, b"new")
    monkeypatch.undo()
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]
    write_atomically(file, b"new")
    assert file.read_bytes() == b"new"


def test_a_header_of_another_schema_may_have_other_fields(tmp_path: Path) -> None:
    run = stored(tmp_path / "run")
    (run / HEADER).write_bytes(b'{"schema_version": 3, "loopbench_version": "7.1", "novel": 1}')
    with pytest.raises(RunError, match=r"schema version 3, .* the version that wrote it \(7\.1\)"):
        read_header(run)


def test_a_record_of_the_wrong_shape_is_named(tmp_path: Path) -> None:
    run = stored(tmp_path / "run", record("k1"))
    (run / RECORDS).write_bytes(
        (run / RECORDS).read_bytes().replace(b'"outcome":"clean"', b'"outcome":"fine"')
    )
    with pytest.raises(RunError, match=r"line 1 cannot be understood: Invalid enum value 'fine'"):
        list(read_records(run))


def test_record_fields_stay() -> None:
    fields = msgspec.to_builtins(record("k", "doom", level="verbatim"))
    assert fields.keys() >= {
        "model", "task", "task_version", "sample_id", "sampling", "repeat", "generation",
        "verdicts", "outcome", "grade",
    }  # fmt: skip
    assert fields["generation"].keys() >= {
        "text", "token_ids", "finish", "raw_finish", "prompt_tokens", "output_tokens", "seconds",
        "error",
    }  # fmt: skip
    assert fields["verdicts"][0].keys() >= {
        "detector", "version", "level", "looped", "terminal", "onset", "period", "repeats",
        "spans", "score",
    }  # fmt: skip
    with pytest.raises(AttributeError, match="immutable"):
        record("k").outcome = "doom"  # type: ignore[misc]


def test_records_without_a_header_are_not_added_to(run: Path) -> None:
    kept = read_header(run)
    before = (run / RECORDS).read_bytes()
    (run / HEADER).unlink()
    with pytest.raises(RunError, match=r"holds a records\.jsonl without its header\.json"):
        RunStore.create(run, kept)
    assert (run / RECORDS).read_bytes() == before


@pytest.mark.parametrize("field", ["token_ids", "token_chars"])
def test_numbers_that_no_array_holds_are_named(run: Path, field: str) -> None:
    lines = [msgspec.json.decode(line) for line in (run / RECORDS).read_bytes().splitlines()]
    lines[1]["generation"][field][0] = 10**21
    text = "\n".join(json.dumps(line, separators=(",", ":")) for line in lines)
    (run / RECORDS).write_text(text + "\n")
    with pytest.raises(RunError, match=rf"line 2 cannot .*\$\.generation\.{field}\[0\]"):
        list(read_records(run))


def test_a_run_of_another_order_of_ends_is_not_gone_on_with(run: Path) -> None:
    header = read_header(run)
    text = (run / HEADER).read_text().replace('"precedence": 2', '"precedence": 1')
    (run / HEADER).write_text(text)
    with pytest.raises(RunError, match=r"earlier LoopBench.*another --out"):
        RunStore.resume(run, header)


def test_a_run_whose_outcomes_were_named_otherwise_is_judged_again_first(run: Path) -> None:
    header = read_header(run)
    earlier = msgspec.structs.replace(header, judgement=header.judgement - 1)
    (run / HEADER).write_bytes(msgspec.json.encode(earlier))
    with pytest.raises(RunError, match=r"named outcomes otherwise; judge it again with .*score"):
        RunStore.resume(run, header)
