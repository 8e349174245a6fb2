"""Corpus files: what is written is read, and what is wrong is refused by name."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from loopbench.calibration.corpus import CorpusError, Trace, read_traces, write_traces

LOOP = Trace(
    uid="a",
    source="constructed",
    category="loop",
    prompt_id="p1",
    prompt="Count.",
    finish="length",
    label="verbatim",
    onset=1,
    token_ids=[5, 1, 2, 1, 2],
    token_chars=[3, 0, 1, 0, 1],
    text="so 🙂🙂",
    label_source="constructed",
    tokenizer="words-v2",
)
REAL = msgspec.structs.replace(
    LOOP,
    uid="b",
    label="none",
    onset=None,
    label_source="read",
    model="smollm2-135m",
    temperature=0.3,
    budget=1024,
    task="countdown",
    note="a table",
)


@pytest.mark.parametrize("name", ["traces.jsonl", "traces.jsonl.gz"])
def test_what_is_written_is_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    assert write_traces(path, iter([LOOP, REAL])) == 2
    assert list(read_traces(path)) == [LOOP, REAL]
    assert list(read_traces(str(path))) == [LOOP, REAL]


def test_an_archive_depends_on_its_traces_alone(tmp_path: Path) -> None:
    paths = [tmp_path / "one.jsonl.gz", tmp_path / "other.jsonl.gz"]
    for path in paths:
        write_traces(path, [LOOP, REAL])
    one, other = (path.read_bytes() for path in paths)
    assert one == other
    # No flags, no time, best compression, unknown system.
    assert one[3:10] == b"\x00\x00\x00\x00\x00\x02\xff"
    assert gzip.decompress(one).count(b"\n") == 2


def test_pieces_are_what_each_token_added() -> None:
    assert LOOP.pieces == ["so ", "", "🙂", "", "🙂"]


def test_blank_lines_and_an_empty_file_are_no_traces(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(b"\n" + msgspec.json.encode(LOOP) + b"\n  \n")
    assert list(read_traces(path)) == [LOOP]
    path.write_bytes(b"")
    assert list(read_traces(path)) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"label": "loop"}, "line 2 is no trace: Invalid enum value 'loop'"),
        ({"finish": "error"}, "line 2 is no trace: Invalid enum value 'error'"),
        ({"token_ids": ["x"]}, "line 2 is no trace: Expected `int`"),
        ({"surplus": 1}, "line 2 is no trace: Object contains unknown field `surplus`"),
        ({"token_ids": [1]}, "line 2: trace 'b' has 1 token_ids but 5 token_chars"),
        ({"text": "so"}, "line 2: trace 'b' has token_chars that do not add up to its 2 char"),
        ({"token_chars": [6, 0, -1, 0, 0]}, "line 2: trace 'b' has token_chars that do not add"),
        ({"onset": None}, "line 2: trace 'b' must have an onset if and only if it loops"),
        ({"label": "none"}, "line 2: trace 'b' must have an onset if and only if it loops"),
        ({"onset": 5}, "line 2: trace 'b' has its onset 5 outside its 5 tokens"),
        ({"onset": -1}, "line 2: trace 'b' has its onset -1 outside its 5 tokens"),
        ({"uid": "a"}, "line 2: trace 'a' has a uid that an earlier line has"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, change: dict[str, Any], complaint: str) -> None:
    path = tmp_path / "t.jsonl"
    bad = msgspec.to_builtins(LOOP) | {"uid": "b"} | change
    path.write_bytes(msgspec.json.encode(LOOP) + b"\n" + json.dumps(bad).encode() + b"\n")
    traces = read_traces(path)
    assert next(traces) == LOOP
    with pytest.raises(CorpusError) as caught:
        next(traces)
    message = str(caught.value)
    assert message.startswith("t.jsonl, ")
    assert complaint in message


@pytest.mark.parametrize(
    "line", [b"nonsense", b"[]", b"{", b'{"uid": "a"}', b"\xff", b"[" * 99_999]
)
def test_hostile_lines_are_refused(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(line)
    with pytest.raises(CorpusError, match=r"^t\.jsonl, line 1 is no trace: "):
        list(read_traces(path))


@pytest.mark.parametrize("damage", ["cut", "no archive", "broken"])
def test_a_broken_archive_is_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "t.jsonl.gz"
    write_traces(path, [LOOP, REAL])
    whole = path.read_bytes()
    path.write_bytes(
        {
            "cut": whole[:-20],
            "no archive": b"{}\n",
            "broken": whole[:30] + bytes(b ^ 0xFF for b in whole[30:60]) + whole[60:],
        }[damage]
    )
    with pytest.raises(CorpusError, match=r"t\.jsonl\.gz is no complete gzip file"):
        list(read_traces(path))


@pytest.mark.parametrize("name", ["traces.json", "traces", "traces.gz", "traces.csv.gz"])
def test_another_kind_of_file_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"{}")
    complaint = rf"^{name} is no corpus file; its name must end in \.jsonl or \.jsonl\.gz\.$"
    with pytest.raises(CorpusError, match=complaint):
        list(read_traces(path))
    with pytest.raises(CorpusError, match=complaint):
        write_traces(path, [LOOP])
    assert path.read_bytes() == b"{}"


def test_a_bad_trace_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    write_traces(path, [LOOP])
    before = path.read_bytes()
    with pytest.raises(CorpusError, match=r"^Trace 'a' cannot be written: it has a uid that an "):
        write_traces(path, [LOOP, REAL, LOOP])
    wrong = msgspec.structs.replace(REAL, onset=2)
    with pytest.raises(CorpusError, match=r"^Trace 'b' cannot be written: it must have an onset"):
        write_traces(path, [wrong])
    assert path.read_bytes() == before


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(read_traces(tmp_path / "none.jsonl.gz"))
