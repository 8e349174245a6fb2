"""What a file is made of: values one after another, a table, an archive, a text."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import PurePath
from typing import BinaryIO, NamedTuple

from loopbench.files.containers.streams import peek, plain_stream
from loopbench.files.outputs import FileError, Row, Skipped

__all__ = ["Contents", "contents_of"]


class Contents(NamedTuple):
    """The rows of a file, read as they are asked for."""

    kind: str
    """`json`, `events`, `parquet`, `arrow`, `csv`, `zip` or `text`."""
    rows: Iterator[Row | Skipped]


def contents_of(file: BinaryIO, name: str) -> Contents:
    """Find out by its first bytes what a file is.

    Of its name only `.csv` and `.tsv` count: nothing inside tells a table from a text with commas.

    Raises
    ------
    FileError
        If it cannot be read, is empty, or is of a kind that nobody can read outputs from.
    """
    stream, as_is = plain_stream(file, name)
    head = peek(stream, name)
    if head.startswith(b"PAR1"):
        from loopbench.files.containers.tables import parquet_rows

        return Contents("parquet", parquet_rows(stream, name))
    if head.startswith(b"ARROW1"):
        from loopbench.files.containers.tables import arrow_rows

        return Contents("arrow", arrow_rows(stream, name))
    if head.startswith(b"PK"):
        from loopbench.files.containers.archives import zip_rows

        return Contents("zip", zip_rows(stream, name))
    if b"\0" in head:
        raise FileError(
            f"{name} is no file of outputs: it is binary. Known are JSON, parquet, Arrow, CSV, "
            "inspect's .eval, and text, each also as .gz and .zst."
        )
    suffixes = [part.lower() for part in PurePath(name).suffixes]
    for suffix, separator in ((".csv", ","), (".tsv", "\t")):
        if suffix in suffixes:
            from loopbench.files.containers.tables import csv_rows

            return Contents("csv", csv_rows(stream, name, separator))
    text = head.lstrip()
    if not text and len(head) < 1 << 15:
        raise FileError(f"{name} is empty: there is no output in it.")
    if text.startswith((b"{", b"[", b'"')):
        from loopbench.files.containers.values import json_rows

        return Contents("json", json_rows(stream, as_is))
    from loopbench.files.containers.events import START, event_rows

    if START.match(head):
        return Contents("events", event_rows(stream))
    return Contents("text", _text(stream, name))


def _text(stream: io.BufferedReader, name: str) -> Iterator[Row]:
    from loopbench.files.containers.values import LONGEST

    content = stream.read(LONGEST + 1)
    if len(content) > LONGEST:
        raise FileError(f"{name} is one text of more than {LONGEST >> 20} MiB; cut it.")
    yield Row(1, content.decode("utf-8", "replace"))
