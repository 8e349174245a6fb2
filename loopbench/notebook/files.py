"""Files of outputs, loaded."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from loopbench.files.outputs import FileError, Skipped
from loopbench.files.reading import How, Reading, open_reading
from loopbench.notebook.result import Result
from loopbench.outputs.judged import JudgedOutput
from loopbench.outputs.judging import STDIN_NAME, Unread
from loopbench.outputs.summary import BY, By, OutputsRow, Summary
from loopbench.outputs.table import notes, one_line, summary_grid
from loopbench.report.charts import Plan
from loopbench.results.grid import Grid
from loopbench.results.table import printable

if TYPE_CHECKING:
    import pandas as pd

_TOLD = 5
"""Problems that are told one by one."""


_IN_PYTHON = (
    (r"--(text|finish|group)-field ([\w]+\.[\w.]+)", r"\1_field='\2'"),
    (r"--(text|finish|group)-field", r"\1_field"),
    (r"--as\b", "format"),
    (r"--tokenizer\b", "tokenizer"),
)
"""The options of the command line, as they are called here."""


class Opened(NamedTuple):
    """A file that was read."""

    format: str
    """What wrote it."""
    stamp: tuple[int, int] | None
    """Its size and time, to see whether it is still the same; None for what is no file."""


class _Spot(NamedTuple):
    """Where an output stands in its file."""

    row: int
    field: str
    repeat: int
    before: int
    """Outputs of its row with the same field and number that stand before it."""


class _Spots:
    """Counts outputs that stand in the same place; those of a row follow one another."""

    def __init__(self) -> None:
        self._row: tuple[str, int] | None = None
        self._seen = Counter[tuple[str, int]]()

    def of(self, file: str, row: int, field: str, repeat: int) -> _Spot:
        """Return the spot of the next output."""
        if (file, row) != self._row:
            self._row = file, row
            self._seen.clear()
        self._seen[field, repeat] += 1
        return _Spot(row, field, repeat, self._seen[field, repeat] - 1)


def in_python(sentence: str) -> str:
    """Return a sentence of the command line with the names that its options have here."""
    for option, name in _IN_PYTHON:
        sentence = re.sub(option, name, sentence)
    return sentence


def stamp_of(file: str) -> tuple[int, int] | None:
    """Return size and time of a file."""
    path = Path(file)
    if not path.is_file():
        return None
    status = path.stat()
    return status.st_size, status.st_mtime_ns


class OutputsResult(Result):
    """Outputs of files, judged.

    Parameters
    ----------
    outputs
        One row for each.
    summary
        What was counted.
    files
        The files that were read.
    unread
        Rows that could not be read.
    passed_over
        Files of folders and patterns that hold no outputs that are known.
    how, ends_only
        How the files were read, and whether only ends were looked at.
    by
        What `rows` are split by.
    """

    def __init__(
        self,
        outputs: list[JudgedOutput],
        summary: Summary,
        files: dict[str, Opened],
        unread: list[Unread],
        passed_over: list[str],
        how: How,
        ends_only: bool,
        by: By | None,
    ) -> None:
        self._outputs = outputs
        self.rows: list[OutputsRow] = summary.rows(by)
        """The summary; the last row is that of all."""
        self.unread, self.passed_over = unread, passed_over
        self.formats = {name: file.format for name, file in files.items()}
        """What each file was read as."""
        self._summary, self._files, self._how = summary, files, how
        self._ends_only = ends_only

    @property
    def outputs(self) -> list[JudgedOutput]:
        return self._outputs

    @property
    def records(self) -> list[JudgedOutput]:
        """One for each output."""
        return self.outputs

    @property
    def levels(self) -> tuple[str, ...]:
        return ("output", *BY)

    @property
    def notes(self) -> list[str]:
        return [in_python(note) for note in notes(self.rows)]

    def _title(self) -> str:
        names = [*self._files]
        where = f"{len(names)} files" if len(names) > 1 else printable(Path(names[0]).name)
        kinds = ", ".join(sorted(set(self.formats.values())))
        return f"{where} ({kinds}): {one_line(self.rows[-1])}"

    def _grid(self) -> Grid:
        return summary_grid(self.rows, self._ends_only)

    def _problems(self) -> list[str]:
        said = [f"{one.file} row {one.row} is not read: {one.problem}." for one in self.unread]
        if len(said) > _TOLD:
            said = [*said[:_TOLD], f"{len(said) - _TOLD} further rows: see .unread"]
        if self.passed_over:
            some = ", ".join(self.passed_over[:_TOLD])
            more = ", …" if len(self.passed_over) > _TOLD else ""
            said.append(f"Passed over, for they hold no outputs that are known: {some}{more}.")
        return said

    def _plans(self) -> list[Plan]:
        from loopbench.report.output_charts import plans_of_outputs

        return plans_of_outputs(self.outputs, self.rows)

    def _outputs_frame(self) -> pd.DataFrame:
        from loopbench.outputs.frames import outputs_frame

        return outputs_frame(self.outputs)

    def _rows_frame(self, level: str) -> pd.DataFrame:
        from loopbench.outputs.frames import summary_frame

        by: By = level  # type: ignore[assignment]
        rows = self._summary.rows(by)
        frame = summary_frame(rows[:-1] if len(rows) > 1 else rows).drop(columns="by")
        if level == "all":
            return frame.drop(columns="name")
        return frame.rename(columns={"name": level})

    def _texts(self, places: Sequence[int]) -> list[str | None]:
        found: list[str | None] = []
        for file, some in groupby(places, key=lambda place: self.outputs[place].file):
            found += self._read_again(file, [self._spots[place] for place in some])
        return found

    @cached_property
    def _spots(self) -> list[_Spot]:
        """Where each output stands in its file."""
        spots = _Spots()
        return [spots.of(one.file, one.row, one.field, one.repeat) for one in self.outputs]

    def _read_again(self, file: str, spots: Sequence[_Spot]) -> Iterator[str | None]:
        """Yield the texts of outputs of one file, which keeps them in the same order."""
        opened = self._files.get(file)
        if opened is None or file == STDIN_NAME:
            raise FileError(f"The texts of {file} are not kept, and it cannot be read again.")
        if opened.stamp != stamp_of(file):
            raise FileError(f"{file} has changed since it was loaded; load it again.")
        with open_reading(Path(file), self._how) as reading:
            texts = _texts_of(reading)
            for spot in spots:
                yield next((text for found, text in texts if found == spot), None)


def _texts_of(reading: Reading) -> Iterator[tuple[_Spot, str | None]]:
    spots = _Spots()
    for item in reading:
        if not isinstance(item, Skipped):
            output = item.output
            yield spots.of(reading.name, item.row, output.field, output.repeat), output.text
