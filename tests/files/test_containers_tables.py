"""Tables and archives, whole and damaged."""

from __future__ import annotations

import gzip
import io
import json
import struct
import warnings
import zipfile
from typing import Any

import pyarrow
import pyarrow.feather
import pyarrow.parquet
import pytest
import zstandard

from loopbench.files.containers import archives, contents_of
from loopbench.files.outputs import FileError, Row, Skipped

ROWS: list[dict[str, Any]] = [
    {"id": n, "text": f"row {n}", "samples": ["a", "b"], "about": {"model": "m"}}
    for n in range(600)
]


def parquet(rows: list[dict[str, Any]]) -> bytes:
    target = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), target)
    return target.getvalue()


def arrow(rows: list[dict[str, Any]], opened: Any) -> bytes:
    table, target = pyarrow.Table.from_pylist(rows), io.BytesIO()
    with opened(target, table.schema) as writer:
        writer.write_table(table, max_chunksize=100)
    return target.getvalue()


def feather(rows: list[dict[str, Any]]) -> bytes:
    target = io.BytesIO()
    pyarrow.feather.write_feather(pyarrow.Table.from_pylist(rows), target)
    return target.getvalue()


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("parquet", parquet(ROWS)),
        ("parquet", gzip.compress(parquet(ROWS), mtime=0)),
        ("arrow", arrow(ROWS, pyarrow.ipc.new_file)),
        ("arrow", arrow(ROWS, pyarrow.ipc.new_stream)),
        ("arrow", gzip.compress(arrow(ROWS, pyarrow.ipc.new_stream), mtime=0)),
        ("arrow", feather(ROWS)),
    ],
)
def test_tables_give_their_rows(kind: str, content: bytes) -> None:
    contents = contents_of(io.BytesIO(content), "file")
    rows = list(contents.rows)
    assert contents.kind == kind
    assert [row.value for row in rows if isinstance(row, Row)] == ROWS
    assert [row.number for row in rows] == list(range(1, 601))


def test_cells_without_a_value_are_no_fields() -> None:
    (one, two) = contents_of(io.BytesIO(parquet([{"a": "x"}, {"a": None}])), "f").rows
    assert isinstance(one, Row) and one.value == {"a": "x"}
    assert isinstance(two, Row) and two.value == {}


@pytest.mark.parametrize(
    "content",
    [parquet(ROWS), arrow(ROWS, pyarrow.ipc.new_file), arrow(ROWS, pyarrow.ipc.new_stream)],
)
def test_a_damaged_table_is_refused_or_said(content: bytes) -> None:
    for damaged in (content[: len(content) // 2], content[:8], content[:4] + bytes(2000)):
        try:
            rows = list(contents_of(io.BytesIO(damaged), "file").rows)
        except FileError as error:
            assert "file is no " in str(error)
        else:
            # A stream of batches may be read up to where it is cut.
            assert isinstance(rows[-1], Skipped) or len(rows) < len(ROWS)


def test_a_table_of_titles_and_texts() -> None:
    content = b'id,text,empty\n1,"a, b\nc",\n2,NA,\n'
    for name, text in (("x.csv", content), ("x.TSV.gz", content.replace(b",", b"\t"))):
        contents = contents_of(io.BytesIO(text), name)
        first, second = contents.rows
        assert contents.kind == "csv"
        assert isinstance(first, Row) and first.value["id"] == "1" and "empty" not in first.value
        assert isinstance(second, Row) and second.value["text"] == "NA"
    assert contents_of(io.BytesIO(b'{"text": "a"}\n'), "x.csv.jsonl").kind == "json"


def test_a_damaged_csv_keeps_the_rows_before() -> None:
    content = b"id,text\n" + b"1,a\n" * 600 + b"1,2,3,4,5\n" + b"1,a\n"
    *rows, last = contents_of(io.BytesIO(content), "x.csv").rows
    assert len(rows) >= 512 and isinstance(last, Skipped)
    assert "nothing behind it is read" in last.problem


def archive(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return target.getvalue()


def zstd_archive(members: dict[str, bytes]) -> bytes:
    """Return a zip file whose members are packed with zstd, as newer tools write them."""
    content, index = b"", b""
    for name, member in members.items():
        packed = zstandard.ZstdCompressor().compress(member)
        about = struct.pack(
            "<HHHHHIIIHH",
            63, 0, 93, 0, 0, zipfile.crc32(member), len(packed), len(member), len(name), 0,
        )  # fmt: skip
        index += b"PK\1\2" + struct.pack("<H", 63) + about
        index += struct.pack("<HHHII", 0, 0, 0, 0, len(content)) + name.encode()
        content += b"PK\3\4" + about + name.encode() + packed
    end = struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(index), len(content), 0)
    return content + index + b"PK\5\6" + end


MEMBERS = {
    "header.json": json.dumps({"eval": {"model": "m"}}).encode(),
    "samples/1_epoch_1.json": json.dumps({"id": 1, "text": "one"}).encode(),
    "samples/2_epoch_1.json": json.dumps({"id": 2, "text": "two"}).encode(),
    "summaries.json": b"[]",
}


@pytest.mark.parametrize("content", [archive(MEMBERS), zstd_archive(MEMBERS), archive(MEMBERS, 0)])
def test_an_archive_gives_its_samples_with_its_header(content: bytes) -> None:
    for packed in (content, gzip.compress(content)):
        rows = list(contents_of(io.BytesIO(packed), "x.eval").rows)
        assert [row.value["id"] for row in rows if isinstance(row, Row)] == [1, 2]
        assert all(isinstance(r, Row) and r.context == {"eval": {"model": "m"}} for r in rows)


@pytest.mark.parametrize("make", [archive, zstd_archive])
def test_a_damaged_member_is_passed_over(make: Any) -> None:
    content = bytearray(make(MEMBERS))
    at = content.index(b"samples/1_epoch_1.json") + len(b"samples/1_epoch_1.json")
    content[at : at + 12] = b"\xff" * 12
    damaged, other = contents_of(io.BytesIO(bytes(content)), "x.eval").rows
    assert isinstance(damaged, Skipped) and "samples/1_epoch_1.json" in damaged.problem
    assert isinstance(other, Row) and other.value["id"] == 2


@pytest.mark.parametrize("make", [archive, zstd_archive])
def test_a_member_that_grows_without_end_is_passed_over(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "LONGEST", 1 << 16)
    members = {"samples/1.json": b'"' + b"a" * (1 << 22) + b'"', "samples/2.json": b'{"id": 2}'}
    content = make(members)
    # The archive says less of it than there is.
    lying = content.replace(struct.pack("<I", (1 << 22) + 2), struct.pack("<I", 100))
    for one in (content, lying):
        bomb, other = contents_of(io.BytesIO(one), "x.eval").rows
        assert isinstance(bomb, Skipped) and isinstance(other, Row)


def test_other_archives_are_refused() -> None:
    for content, problem in (
        (archive({"results.jsonl": b"{}"}), "unpack it"),
        (archive({}), "unpack it"),
        (archive(MEMBERS)[:-30], "no readable zip file"),
    ):
        with pytest.raises(FileError, match=problem), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            list(contents_of(io.BytesIO(content), "x.zip").rows)
