"""What the tasks that judge a run again do, without a cluster."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripted import scripted_run

from loopbench.distributed.scoring import judge_range, lines_of, ranges
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
