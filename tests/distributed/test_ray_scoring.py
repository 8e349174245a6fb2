"""What the tasks of the Ray Data pipelines do, without a cluster."""

from __future__ import annotations

import io
import json
from pathlib import Path

import msgspec
import pyarrow
import pytest
from scripted import scripted_run

from loopbench.distributed.scoring import (
    judge_batch,
    judge_range,
    lines_of,
    ranges,
)
from loopbench.judging.rows import judged
from loopbench.results.rescoring import rescore_run
from loopbench.results.store import read_records


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    return scripted_run(tmp_path / "run", monkeypatch)


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_every_line_is_in_one_stretch(tmp_path: Path, size: int) -> None:
    file = tmp_path / "lines"
    lines = [b"a\n", b"\n", b"bcdefgh\n", b"ij\n"]
    file.write_bytes(b"".join(lines) + b"torn")
    found = [line for r in ranges(file, size) for line in lines_of(file, r["start"], r["end"])]
    assert found == lines
    assert ranges(tmp_path / "missing") == []


def test_stretches_are_judged_as_the_whole_run(folder: Path) -> None:
    import pickle

    parts = [
        one
        for row in ranges(folder / "records.jsonl", 5_000)
        for one in pickle.loads(judge_range(row, keep=True)["judged"])
    ]
    assert [one.record for one in parts] == list(read_records(folder))
    whole = rescore_run(folder)
    assert rescore_run(folder, judged=lambda source, keep: parts) == whole
    assert whole.records == 12


def test_rows_are_judged_as_detect_does() -> None:
    rows = [
        {"id": "loop", "token_ids": [1, 2, 3] * 200, "finish": "length"},
        {"id": None, "token_ids": list(range(50)), "finish": "stop"},
    ]
    given = [row | {"prompt": "Go on.", "outcome": "unknown"} for row in rows]
    table = judge_batch(pyarrow.Table.from_pylist(given))
    lines = "".join(json.dumps({k: v for k, v in row.items() if v}) + "\n" for row in rows)
    assert [json.loads(line) for line in table.column("verdict").to_pylist()] == [
        msgspec.to_builtins(line) for line in judged(io.BytesIO(lines.encode()))
    ]
    assert table.column("outcome").to_pylist() == ["doom", "clean"]
    assert table.column("id").to_pylist() == ["loop", None]
    assert table.column("prompt").to_pylist() == ["Go on."] * 2
    assert sorted(table.column_names) == sorted([*given[0], "verdict"])


def test_a_row_without_an_output_is_refused() -> None:
    with pytest.raises(ValueError, match="neither token_ids nor text"):
        judge_batch(pyarrow.Table.from_pylist([{"id": "a"}]))
