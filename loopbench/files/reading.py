"""Outputs of a file, whatever wrote it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

from loopbench.files import formats
from loopbench.files.containers import contents_of
from loopbench.files.formats.base import Format
from loopbench.files.formats.common import member
from loopbench.files.formats.plain import Plain
from loopbench.files.outputs import Fields, FileError, FileOutput, Row, RowError, Skipped
from loopbench.types import Struct

_TRIED = 64
"""First rows that are looked at to recognise a format: some may be damaged."""
_WRAPPERS = ("rows", "data", "results", "outputs", "samples", "examples", "instances", "items")


class How(Struct, frozen=True):
    """How to read files, where the user says so."""

    format: str | None = None
    """Name of the format; None to find it out."""
    fields: Fields = Fields()


class Item(Struct, frozen=True):
    """An output with the row of the file that holds it."""

    row: int
    output: FileOutput
    at: int | None = None
    """Byte at which its line begins, where it can be read again from there."""


class Reading:
    """The outputs of one file, read as they are asked for.

    Iterate over it once: it yields an `Item` per output and a `Skipped` per row that could not
    be read.

    Parameters
    ----------
    file
        Open for bytes, at its beginning.
    name
        What it is called in messages; its suffix tells CSV from text.
    how
        What the user says about it.

    Raises
    ------
    FileError
        If it holds no outputs that are known to anyone here, with the fields that it has.
    """

    def __init__(self, file: BinaryIO, name: str, how: How = How()) -> None:  # noqa: B008
        self.name = name
        contents = contents_of(file, name)
        self.kind = contents.kind
        first = list(islice(contents.rows, _TRIED))
        rows = [row for row in first if isinstance(row, Row)]
        rest: Iterator[Row | Skipped] = chain(first, contents.rows)
        self.format = self._format(rows, how)
        if self.format is None and (inner := _unwrapped(first)):
            self.format = self._format(inner, how)
            rest = iter(inner)
        if self.format is None:
            raise _not_understood(name, self.kind, first, rows)
        self._rows, self._group = rest, how.fields.group

    def _format(self, rows: list[Row], how: How) -> Format | None:
        if how.format not in (None, formats.PLAIN):
            return formats.get(str(how.format))
        plain = Plain(how.fields)
        if how.format or how.fields.text:
            return plain
        if len(rows) == 1 and _wrapped(rows[0]):
            # A document of rows is no row, though its list may look like several samples.
            return formats.recognised(rows[0], formats.names()[:-1])
        for row in rows:
            if found := formats.recognised(row):
                return plain if found.name == formats.PLAIN else found
        return None

    def __iter__(self) -> Iterator[Item | Skipped]:
        assert self.format
        grouped = getattr(self.format, "grouped", None)
        for row in grouped(self._rows) if grouped else self._rows:
            if isinstance(row, Skipped):
                yield row
                continue
            try:
                for output in self.format.outputs(row):
                    yield Item(row=row.number, output=self._grouped(output, row), at=row.at)
            except (RowError, TypeError, ValueError, RecursionError) as error:
                yield Skipped(row.number, str(error))

    def _grouped(self, output: FileOutput, row: Row) -> FileOutput:
        if self._group is None:
            return output
        import msgspec

        return msgspec.structs.replace(output, group=str(member(row.value, self._group)))


def _wrapped(row: Row) -> list[Any] | None:
    """Return the rows that a document holds as a list, where it is such a document."""
    if not isinstance(row.value, dict):
        return None
    for name in _WRAPPERS:
        found = row.value.get(name)
        if isinstance(found, list) and found and all(isinstance(one, dict) for one in found):
            return found
    return None


def _unwrapped(first: list[Row | Skipped]) -> list[Row] | None:
    if len(first) != 1 or not isinstance(first[0], Row):
        return None
    found = _wrapped(first[0])
    context = {k: v for k, v in first[0].value.items() if v is not found} if found else {}
    # Hugging Face's dataset viewer wraps each row once more.
    return found and [
        Row(number, one.get("row", one) if set(one) >= {"row", "row_idx"} else one, None, context)
        for number, one in enumerate(found, 1)
    ]


def _not_understood(name: str, kind: str, first: list[Row | Skipped], rows: list[Row]) -> FileError:
    if not first:
        return FileError(f"{name} is empty: there is no output in it.")
    if not rows:
        assert isinstance(first[0], Skipped)
        return FileError(f"{name} cannot be read: row {first[0].number}: {first[0].problem}.")
    value = rows[0].value
    if not isinstance(value, dict):
        return FileError(f"{name} holds no outputs: its first row is {type(value).__name__}.")
    fields = ", ".join(map(str, list(value)[:30])) or "none"
    return FileError(
        f"{name} ({kind}) is in no format known here. The fields of its first row: {fields}. "
        "Name the one with the outputs with --text-field, such as --text-field answer.text, or a "
        "format with --as."
    )


def open_reading(path: Path, how: How = How()) -> Reading:  # noqa: B008
    """Open a file of outputs.

    Raises
    ------
    FileError
        If there is none, it cannot be read, or it holds no outputs that are known to anyone here.
    """
    try:
        file: io.BufferedReader = path.open("rb")
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}.") from error
    return Reading(file, str(path), how)
