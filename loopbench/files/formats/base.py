"""The contract of a format: it knows its rows, and reads outputs from them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from loopbench.files.outputs import FileOutput, Row, Skipped


@runtime_checkable
class Format(Protocol):
    """One way in which a tool writes outputs down."""

    name: str
    """What `--as` takes."""
    title: str
    """Which tool's which files, in a few words, for lists and docs."""
    finish: str
    """What its files tell about why an output ended, in a few words."""

    def recognises(self, row: Row) -> bool:
        """Whether a row is one of these: true only if `outputs` can read rows like it."""
        ...

    def outputs(self, row: Row) -> Iterator[FileOutput]:
        """Yield the outputs of a row, several samples as several.

        A row may rightly hold none: a conversation without an answer, say.

        Raises
        ------
        RowError
            If it is no such row, with the field that is wrong.
        """
        ...


@runtime_checkable
class PerFile(Protocol):
    """What a format has besides where its rows of one file belong together."""

    def opened(self) -> Format:
        """Return a reader for one more file, which may remember the rows before.

        The format itself remembers nothing: a row can be read again with it.
        """
        ...


@runtime_checkable
class Grouping(Protocol):
    """What a format has besides where one output may be spread over rows, as in a saved stream."""

    def grouped(self, rows: Iterator[Row | Skipped]) -> Iterator[Row | Skipped]:
        """Yield the rows of a file with the parts of one output joined.

        Rows of other formats and the skipped ones stay; see `loopbench.files.chunks`.
        """
        ...
