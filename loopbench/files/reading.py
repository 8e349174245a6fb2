"""Outputs of a file, whatever wrote it."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, Self

import msgspec

from loopbench.detectors.parts.tokens import END_TOKENS
from loopbench.files import formats, hub
from loopbench.files.containers import Contents, contents_of
from loopbench.files.containers.values import decode
from loopbench.files.documents import rows_of
from loopbench.files.finishes import finish_of, raw_of
from loopbench.files.formats.base import Format, Grouping, PerFile
from loopbench.files.formats.common import listed, member, member_or_none
from loopbench.files.formats.plain import Plain
from loopbench.files.outputs import Fields, FileError, FileOutput, Row, RowError, Skipped, shown
from loopbench.types import Struct

_TRIED = 64
"""First rows that are looked at to recognise a format: some may be damaged."""
_SHAPES = 256
"""Most shapes of rows that are remembered: in a hostile file each may have its own."""


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
    be read. A row of another format than the first is read by the format that knows it.

    Parameters
    ----------
    file
        Open for bytes, at its beginning; or rows that stand in no file.
    name
        What it is called in messages; its suffix tells CSV from text.
    how
        What the user says about it.

    Raises
    ------
    FileError
        If it holds no outputs that are known to anyone here, with the fields that it has.
    """

    def __init__(
        self,
        file: BinaryIO | Contents,
        name: str,
        how: How = How(),  # noqa: B008
    ) -> None:
        self.name = name
        self._file, self._how = file, how
        self._known = formats.known()
        self._readers: dict[str, Format] = {}
        self._shapes: dict[Any, Format] = {}
        asked = how.format or (formats.PLAIN if how.fields.text else None)
        if how.fields.text and asked != formats.PLAIN:
            raise FileError(
                f"A field of text is named, but the format {asked!r} knows its own; "
                "leave out --text-field or --as."
            )
        self._asked: Format | None = None
        if asked:
            self._asked = Plain(how.fields) if asked == formats.PLAIN else formats.get(asked)
        contents = file if isinstance(file, Contents) else contents_of(file, name)
        self.kind = contents.kind
        if self.kind == "text" and (how.fields != Fields() or how.format not in (None, "plain")):
            raise FileError(
                f"{name} is one text and has no fields. A table as text needs a name that ends in "
                ".csv or .tsv, and JSON begins with '{' or '['."
            )
        rows = _called(contents.rows, name)
        tried = list(islice(rows, 2))
        if len(tried) == 1 and (inner := self._inside(tried[0])):
            tried, rows = [], iter(inner)
        self.format = self._found(tried, rows)
        """The format of the first row that is of any."""
        if how.fields.finish or how.fields.group:
            tried += islice(rows, _TRIED)
            self._check_named(tried)
        self._rows = chain(tried, rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if not isinstance(self._file, Contents):
            self._file.close()

    def _inside(self, only: Row | Skipped) -> list[Row] | None:
        """Return the rows of a file that is one document of rows, and no row itself."""
        inner = rows_of(only) if isinstance(only, Row) else None
        if not inner or not isinstance(only, Row):
            return None
        # Its list may look like several samples of one row.
        known = [self._asked] if self._asked else self._known[:-1]
        if any(one.recognises(only) for one in known):
            return None
        return inner if self._asked or any(map(self._recognised, inner[:_TRIED])) else None

    def _found(self, tried: list[Row | Skipped], rows: Iterator[Row | Skipped]) -> Format:
        """Return the format; `tried` becomes what was taken from `rows` to find it."""
        for number in range(_TRIED):
            if number == len(tried):
                tried += islice(rows, 1)
            if number == len(tried):
                break
            row = tried[number]
            found = self._recognised(row) if isinstance(row, Row) else None
            if found:
                return found
        raise _not_understood(self.name, self.kind, tried, self._asked)

    def _recognised(self, row: Row) -> Format | None:
        if self._asked:
            return self._asked if self._asked.recognises(row) else None
        found = next((one for one in self._known if one.recognises(row)), None)
        return Plain(self._how.fields) if found and found.name == formats.PLAIN else found

    def again(self, number: int, index: int, line: bytes) -> FileOutput:
        """Read an output again, from the line at its place in the file.

        Parameters
        ----------
        number
            Of its row.
        index
            Which of the outputs of that row it was.
        line
            What stands there.

        Raises
        ------
        RowError
            If it does not stand there any more.
        """
        row = Row(number, decode(line), file=self.name)
        outputs = self._read(row, self._format_of(row))
        if (found := next(islice(outputs, index, None), None)) is None:
            raise RowError(f"{self.name} was changed: row {number} has other outputs now")
        return found

    def _format_of(self, row: Row) -> Format:
        if self._asked:
            return self._asked
        # Rows of one file are mostly alike, and there are many formats to ask.
        shape = _shape(row.value)
        if (found := self._shapes.get(shape)) is None:
            found = self.format
            if found.name == formats.PLAIN or not found.recognises(row):
                found = self._recognised(row) or found
            if len(self._shapes) < _SHAPES:
                self._shapes[shape] = found
        return found

    def _reader(self, row: Row) -> Format:
        """Return the reader of a row, which may remember those before."""
        found = self._format_of(row)
        if found.name not in self._readers:
            self._readers[found.name] = found.opened() if isinstance(found, PerFile) else found
        return self._readers[found.name]

    def __iter__(self) -> Iterator[Item | Skipped]:
        rows: Iterator[Row | Skipped] = self._rows
        if isinstance(self.format, Grouping):
            rows = self.format.grouped(rows)
        for row in rows:
            if isinstance(row, Skipped):
                yield row
                continue
            try:
                for output in self._read(row, self._reader(row)):
                    yield Item(row=row.number, output=output, at=row.at)
            except (RowError, TypeError, ValueError, RecursionError) as error:
                yield Skipped(row.number, shown(str(error)) or type(error).__name__)

    def _check_named(self, tried: list[Row | Skipped]) -> None:
        """Check that fields which the user named are in some of the rows, if not in all."""
        rows = [row for row in tried if isinstance(row, Row)]
        for path in (self._how.fields.finish, self._how.fields.group):
            problem = None
            for row in rows if path else ():
                try:
                    member(row.value, str(path))
                except RowError as error:
                    problem = problem or f"row {row.number}: {error}"
                else:
                    break
            else:
                if problem:
                    raise FileError(f"{self.name} cannot be read so: {problem}.")

    def _read(self, row: Row, reader: Format) -> Iterator[FileOutput]:
        said = self._said(row, reader)
        for output in reader.outputs(row):
            yield _whole(msgspec.structs.replace(output, **said) if said else output)

    def _said(self, row: Row, reader: Format) -> dict[str, Any]:
        """Return what the fields that the user named hold."""
        said: dict[str, Any] = {}
        fields = self._how.fields
        if fields.group is not None:
            group = member_or_none(row.value, fields.group)
            said["group"] = None if group is None else f"{group!s:.200}"
        if fields.finish is not None and reader.name != formats.PLAIN:
            word = member_or_none(row.value, fields.finish)
            said |= {"finish": finish_of(word), "raw_finish": raw_of(word)}
        return said


def _called(rows: Iterable[Row | Skipped], name: str) -> Iterator[Row | Skipped]:
    for row in rows:
        yield row._replace(file=name) if isinstance(row, Row) else row


def _shape(value: Any, deeper: bool = True) -> Any:
    """Return what tells one kind of row from another: names and types, two levels of them."""
    if type(value) is dict:
        if not deeper:
            return tuple(value)
        return tuple(value), tuple([_shape(one, False) for one in value.values()])
    if type(value) is list and value:
        first = value[0]
        return list, tuple(first) if type(first) is dict else type(first)
    return type(value)


def _whole(output: FileOutput) -> FileOutput:
    """Return an output whose texts can be written: JSON may hold halves of characters."""
    mended: dict[str, Any] = {
        name: _HALF.sub("\N{REPLACEMENT CHARACTER}", value)
        for name in _TEXTS_OF_OUTPUTS
        if isinstance(value := getattr(output, name), str)
        and not (value.isascii() or _is_whole(value))
    }
    text = mended.get("text", output.text)
    if output.finish == "unknown" and text and (kept := text.rstrip()).endswith(END_TOKENS):
        # It was decoded with its end token: who wrote one ended.
        mended["raw_finish"] = next(token for token in END_TOKENS if kept.endswith(token))
        mended["finish"] = "stop"
    return msgspec.structs.replace(output, **mended) if mended else output


def _is_whole(text: str) -> bool:
    try:
        text.encode()  # much faster than a search
    except UnicodeEncodeError:
        return False
    return True


_HALF = re.compile("[\ud800-\udfff]")
_TEXTS_OF_OUTPUTS = ("text", "raw_finish", "id", "prompt", "model", "task", "group", "error")


def _not_understood(
    name: str, kind: str, tried: list[Row | Skipped], asked: Format | None
) -> FileError:
    """Return why a file is refused: what there is, and what to say about it."""
    if not tried:
        return FileError(f"{name} is empty: there is no output in it.")
    row = next((row for row in tried if isinstance(row, Row)), None)
    if row is None:
        assert isinstance(tried[0], Skipped)
        return FileError(f"{name} cannot be read: row {tried[0].number}: {tried[0].problem}.")
    try:
        # A format may know a row and say why it holds no outputs.
        next((asked or formats.get(formats.PLAIN)).outputs(row), None)
        problem = "there is no output in it"
    except (RowError, TypeError, ValueError, RecursionError) as error:
        problem = str(error)
    if asked and asked.name != formats.PLAIN:
        return FileError(
            f"{name} is not in the format {asked.name!r}: row {row.number}: {problem}. "
            "Leave out --as to have the format found."
        )
    if asked:
        return FileError(f"{name} cannot be read so: row {row.number}: {problem}.")
    if not isinstance(row.value, dict):
        return FileError(f"{name} holds no outputs: its first row is {type(row.value).__name__}.")
    fields = listed(row.value, 30)
    return FileError(
        f"{name} ({kind}) is in no format known here. The fields of its first row: {fields}. "
        "Name the one with the outputs for 'loopbench detect', such as --text-field answer.text, "
        "or a format with --as."
    )


def open_reading(path: Path, how: How = How()) -> Reading:  # noqa: B008
    """Open a file of outputs, or a data set of the Hub: `hf:owner/name:config/split`.

    Raises
    ------
    FileError
        If there is none, it cannot be read, or it holds no outputs that are known to anyone here.
    """
    name = path.as_posix()
    if name.startswith(hub.PREFIX):
        return Reading(Contents("hub", hub.hub_rows(name)), name, how)
    try:
        file: io.BufferedReader = path.open("rb")
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}.") from error
    try:
        return Reading(file, str(path), how)
    except BaseException:
        file.close()
        raise
