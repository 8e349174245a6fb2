"""Compressed files, binary files, and what is no file of outputs."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
from collections.abc import Callable

import pytest
import zstandard

from loopbench.files.containers import contents_of, streams
from loopbench.files.outputs import FileError, Row, Skipped

LINES = b"".join(
    json.dumps({"id": n, "text": f"row {n} " * 40}).encode() + b"\n" for n in range(2000)
)


def zst(content: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(content)


class Pipe(io.RawIOBase):
    """Gives a few bytes at a time, and cannot go back."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        return self._content.readinto(memoryview(buffer)[:7])


PACKERS: list[Callable[[bytes], bytes]] = [gzip.compress, zst]


@pytest.mark.parametrize("pack", PACKERS)
def test_packed_files_are_read_without_a_suffix(pack: Callable[[bytes], bytes]) -> None:
    half = LINES.index(b"\n", len(LINES) // 2) + 1
    # Several frames one after another, and packed twice.
    for content in (pack(LINES), pack(LINES[:half]) + pack(LINES[half:]), pack(pack(LINES))):
        rows = list(contents_of(io.BytesIO(content), "file").rows)
        assert [row.value["id"] for row in rows if isinstance(row, Row)] == list(range(2000))
        assert all(isinstance(row, Row) and row.at is None for row in rows)


def test_a_pipe_is_read_however_little_it_gives() -> None:
    for content in (
        LINES[:500] + b"\n",
        gzip.compress(LINES, mtime=0),
        json.dumps([{"a": 1}]).encode(),
    ):
        piped = contents_of(io.BufferedReader(Pipe(content), 8), "-")
        plain = contents_of(io.BytesIO(content), "-")
        assert piped.kind == plain.kind == "json"
        assert [r._replace(at=None) if isinstance(r, Row) else r for r in piped.rows] == [
            r._replace(at=None) if isinstance(r, Row) else r for r in plain.rows
        ]


@pytest.mark.parametrize("pack", PACKERS)
def test_a_cut_packed_file_gives_its_rows_and_says_so(pack: Callable[[bytes], bytes]) -> None:
    # Nothing repeats in it, so that much of it is left.
    import random

    chance = random.Random(5)
    lines = b"".join(
        b'{"text": "%s"}\n' % chance.randbytes(2000).hex().encode() for _ in range(1000)
    )
    packed = pack(lines)
    *rows, last = contents_of(io.BytesIO(packed[: len(packed) // 2]), "file").rows
    assert len(rows) > 100 and all(isinstance(row, Row) for row in rows)
    assert isinstance(last, Skipped)


@pytest.mark.parametrize("pack", PACKERS)
def test_a_cut_is_said_wherever_it_is(pack: Callable[[bytes], bytes]) -> None:
    """Also behind the last line, where nothing of the content is missing."""
    packed = pack(LINES)
    for left in range(1, 30):
        *rows, last = contents_of(io.BytesIO(packed[:-left]), "file").rows
        assert isinstance(last, Skipped) and len(rows) <= 2000
    with pytest.raises(FileError, match="file cannot be read: "):
        list(contents_of(io.BytesIO(packed[:9]), "file").rows)


@pytest.mark.parametrize("pack", PACKERS)
def test_a_damaged_packed_file_is_refused_or_said(pack: Callable[[bytes], bytes]) -> None:
    packed = pack(LINES)
    for at in (4, 12, len(packed) // 2, len(packed) - 6):
        damaged = bytearray(packed)
        damaged[at] ^= 0xFF
        try:
            rows = list(contents_of(io.BytesIO(bytes(damaged)), "file").rows)
        except FileError as error:
            assert str(error).startswith("file ")
        else:
            assert len(rows) <= 2001


@pytest.mark.parametrize("pack", PACKERS)
def test_a_file_that_grows_without_end_fills_no_memory(pack: Callable[[bytes], bytes]) -> None:
    line = b'{"text": "' + b"a" * 1000 + b'"}\n'
    packed = pack(line * 30_000)
    assert len(packed) < 1 << 20
    tracemalloc.start()
    count = sum(1 for _ in contents_of(io.BytesIO(packed), "file").rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 30_000 and peak < 16 << 20


def test_a_file_packed_too_often_is_refused() -> None:
    content = LINES[:200]
    for _ in range(8):
        content = gzip.compress(content, mtime=0)
    with pytest.raises(FileError, match="packed more than 3 times"):
        contents_of(io.BytesIO(content), "file")


def test_a_text_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from loopbench.files.containers import values

    monkeypatch.setattr(values, "LONGEST", 1 << 12)
    with pytest.raises(FileError, match="one text of more than"):
        list(contents_of(io.BytesIO(b"word " * 2000), "file").rows)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (gzip.compress(b"", mtime=0), "is empty, or cut off"),
        (b"\x7fELF\0\0\1", "is binary"),
        (b"GGUF\3\0\0\0", "is binary"),
        ("utf-16 without a mark".encode("utf-16-le"), "is binary"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
    ],
)
def test_what_holds_no_outputs_is_refused(content: bytes, problem: str) -> None:
    with pytest.raises(FileError, match=problem):
        contents_of(io.BytesIO(content), "file")


def test_text_is_one_row() -> None:
    (row,) = contents_of(io.BytesIO("Grüße \xff".encode("latin-1")), "file").rows
    assert isinstance(row, Row) and row.value == "Gr\ufffd\ufffde \ufffd"


def test_zstd_without_its_reader_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(FileError, match=r"pip install 'loopbench-edge\[files\]'"):
        contents_of(io.BytesIO(zst(LINES)), "file")


def test_a_table_in_a_packed_file_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LARGEST", 1 << 10)
    with pytest.raises(FileError, match="larger than"):
        list(contents_of(io.BytesIO(gzip.compress(b"PAR1" + b"\0" * 5000, mtime=0)), "file").rows)
