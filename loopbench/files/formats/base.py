"""The contract of a format: it knows its rows, and reads outputs from them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from loopbench.files.outputs import FileOutput, Row


class Format(Protocol):
    """One way in which a tool writes outputs down.

    Where one output can be spread over several rows, as in a saved stream, a format also has a
    method `grouped(rows)`: it takes the rows and the skipped ones of the file, and yields them
    with the parts of one output joined (see `loopbench.files.chunks`).
    """

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
