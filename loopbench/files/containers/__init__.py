"""What a file is made of: values one after another, a table, an archive, a text."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import PurePath
from typing import BinaryIO, NamedTuple

from loopbench.files.containers.streams import DAMAGES, peek, plain_stream
from loopbench.files.outputs import FileError, Row, Skipped, shown

__all__ = ["Contents", "contents_of"]

_PACKED = (".gz", ".zst", ".zstd")
_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_LFS = b"version https://git-lfs.github.com/spec/"


class Contents(NamedTuple):
    """The rows of a file, read as they are asked for."""

    kind: str
    """`json`, `events`, `parquet`, `arrow`, `csv`, `zip`, `text` or `hub`."""
    rows: Iterator[Row | Skipped]


def contents_of(file: BinaryIO, name: str) -> Contents:
    """Find out by its first bytes what a file is.

    Of its name only `.csv` and `.tsv` count: nothing inside tells a table from a text with commas.
    A file that is damaged further on gives its rows up to there, and then a `Skipped`.

    Raises
    ------
    FileError
        If it cannot be read, is empty, or is of a kind that nobody can read outputs from.
    """
    stream, as_is = plain_stream(file, name)
    head = peek(stream, name)
    kind, rows = _found(stream, head, name, as_is)
    return Contents(kind, _to_the_damage(rows, name))


def _found(
    stream: io.BufferedReader, head: bytes, name: str, as_is: bool
) -> tuple[str, Iterator[Row | Skipped]]:
    if head.startswith(b"PAR1"):
        from loopbench.files.containers.tables import parquet_rows

        return "parquet", parquet_rows(stream, name)
    # The second is a stream of batches, as `datasets` saves them.
    if head.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        from loopbench.files.containers.tables import arrow_rows

        return "arrow", arrow_rows(stream, name, head.startswith(b"ARROW1"))
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        from loopbench.files.containers.archives import zip_rows

        return "zip", zip_rows(stream, name)
    _refuse(head, name, as_is)
    suffixes = [suffix.lower() for suffix in PurePath(name).suffixes]
    while suffixes and suffixes[-1] in _PACKED:
        suffixes.pop()
    if suffixes and (separator := _SEPARATORS.get(suffixes[-1])):
        from loopbench.files.containers.tables import csv_rows

        return "csv", csv_rows(stream, name, separator)
    from loopbench.files.containers.values import is_json, json_rows

    if is_json(head):
        return "json", json_rows(stream, as_is)
    from loopbench.files.containers.events import START, event_rows

    if START.match(head):
        return "events", event_rows(stream)
    return "text", _text(stream, name)


def _refuse(head: bytes, name: str, as_is: bool) -> None:
    """Refuse what is no file of outputs, though it might be read as a text.

    Raises
    ------
    FileError
        If it is one of those.
    """
    if b"\0" in head:
        raise FileError(
            f"{name} is no file of outputs: it is binary. Known are JSON, parquet, Arrow, CSV, "
            "inspect's .eval, and text, each also as .gz and .zst."
        )
    text = head.lstrip()
    if not text and len(head) < 1 << 15:
        cut = "" if as_is else ", or cut off"
        raise FileError(f"{name} is empty{cut}: there is no output in it.")
    if text.startswith(_LFS):
        raise FileError(f"{name} only points to a file in Git LFS; fetch it with: git lfs pull")


def _to_the_damage(rows: Iterator[Row | Skipped], name: str) -> Iterator[Row | Skipped]:
    """Yield rows until one cannot be read; if that is the first, the file cannot."""
    number = 0
    try:
        for row in rows:
            yield row
            number = row.number
    except DAMAGES as error:
        problem = shown(str(error)).rstrip(".") or "it is damaged"
        if not number:
            if isinstance(error, FileError):
                raise
            raise FileError(f"{name} cannot be read: {problem}.") from error
        yield Skipped(number + 1, f"{problem}; nothing behind it is read")


def _text(stream: io.BufferedReader, name: str) -> Iterator[Row]:
    from loopbench.files.containers.values import LONGEST

    content = stream.read(LONGEST + 1)
    if len(content) > LONGEST:
        raise FileError(f"{name} is one text of more than {LONGEST >> 20} MiB; cut it.")
    yield Row(1, content.decode("utf-8", "replace"))
