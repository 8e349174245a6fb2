"""Judging files: events in order, alone and in several processes."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from loopbench.errors import BackendError
from loopbench.files.outputs import FileError
from loopbench.files.reading import How
from loopbench.outputs import judging as module
from loopbench.outputs.judged import JudgedOutput
from loopbench.outputs.judging import Judging, Opened, Refused, Unread, judge_files
from loopbench.outputs.sources import sources

LOOP = "not yet, " * 80


def told(*paths: Path, judging: Judging = Judging()) -> list[object]:  # noqa: B008
    return list(judge_files(sources([str(path) for path in paths]), How(), judging))


def written(path: Path, *rows: object) -> Path:
    path.write_text(
        "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)
    )
    return path


def test_everything_is_told_in_the_order_of_the_files(tmp_path: Path) -> None:
    first = written(tmp_path / "a.jsonl", {"text": LOOP}, "{", {"text": "fine"})
    second = tmp_path / "b.bin"
    second.write_bytes(b"\0\1")
    third = written(tmp_path / "c.jsonl", {"text": "fine", "finish_reason": "stop"})
    events = told(first, second, third)
    assert [type(event) for event in events] == [
        Opened, JudgedOutput, Unread, JudgedOutput, Refused, Opened, JudgedOutput,
    ]  # fmt: skip
    assert events[0] == Opened(str(first), "plain", "json")
    assert isinstance(events[2], Unread)
    assert events[2].row == 2
    assert isinstance(events[4], Refused)
    assert events[4].named


def test_processes_say_the_same_in_the_same_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        {"id": i, "text": LOOP if i % 3 else "A fine day.", "finish": "length"} for i in range(40)
    ]
    path = written(tmp_path / "a.jsonl", *rows, '{"text": 5}')
    alone = told(path, judging=Judging(workers=1))
    monkeypatch.setattr(module, "ALONE", 3_000)
    monkeypatch.setattr(module, "CHUNK", 2_000)
    assert told(path, judging=Judging(workers=2)) == alone
    assert len(alone) == 42


def test_ends_only_says_the_same_about_the_end(tmp_path: Path) -> None:
    texts = [LOOP, LOOP + "It ended well, after all, and everyone went home.", "Fine."]
    rows = [{"text": text, "finish": finish} for text in texts for finish in ("length", "stop")]
    path = written(tmp_path / "a.jsonl", *rows)
    whole = [one for one in told(path) if isinstance(one, JudgedOutput)]
    ends = [
        one for one in told(path, judging=Judging(ends_only=True)) if isinstance(one, JudgedOutput)
    ]
    assert [one.stuck for one in ends] == [one.stuck for one in whole]
    assert [one.onset for one in ends if one.stuck] == [one.onset for one in whole if one.stuck]
    assert {one.outcome for one in whole} == {"doom", "recovered", "truncated", "clean"}
    assert {one.outcome for one in ends} == {"doom", "clean", "truncated"}


def test_progress_is_told_in_bytes_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", *({"text": "fine " * 2_000} for _ in range(30)))
    packed = tmp_path / "b.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    for file in (path, packed):
        read: list[int] = []
        list(judge_files(sources([str(file)]), How(), Judging(), progress=read.append))
        assert sum(read) == file.stat().st_size


def test_folders_hold_files_of_outputs(tmp_path: Path) -> None:
    written(tmp_path / "b.jsonl", {"text": "fine"})
    (tmp_path / "deep").mkdir()
    written(tmp_path / "deep" / "a.json", {"text": "fine"})
    (tmp_path / ".hidden").mkdir()
    written(tmp_path / ".hidden" / "c.jsonl", {"text": "fine"})
    (tmp_path / "model.bin").write_bytes(b"\0")
    (tmp_path / "results.json").write_text('{"accuracy": 1.0}')
    found = list(sources([str(tmp_path)]))
    assert [Path(one.place).name for one in found] == ["b.jsonl", "a.json", "results.json"]
    assert not any(one.named for one in found)
    events = list(judge_files(found, How(), Judging()))
    assert [event.named for event in events if isinstance(event, Refused)] == [False]
    assert next(iter(sources([str(tmp_path / "*.jsonl")]))).place.endswith("b.jsonl")
    twice = list(sources([str(tmp_path / "b.jsonl"), str(tmp_path)]))
    assert len(twice) == 3
    assert twice[0].named


@pytest.mark.parametrize("place", ["nothing.jsonl", "*.nothing", "empty"])
def test_what_is_not_there_is_told(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileError, match=r"There is no file|No file matches"):
        list(sources([place]))


def test_a_tokenizer_that_is_not_there_is_told_before_anything_is_read(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", {"text": "fine"})
    with pytest.raises(BackendError, match="There is no tokenizer"):
        told(path, judging=Judging(tokenizer=str(tmp_path / "none.json")))
