"""Files of outputs, loaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from loopbench.files.outputs import FileError, FileOutput, Skipped
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


class Opened(NamedTuple):
    """A file that was read."""

    format: str
    """What wrote it."""
    stamp: tuple[int, int] | None
    """Its size and time, to see whether it is still the same; None for what is no file."""


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
        return notes(self.rows)

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
        wanted = [self.outputs[place] for place in places]
        for file, ones in groupby(wanted, key=lambda one: one.file):
            found += self._read_again(file, [*ones])
        return found

    def _read_again(self, file: str, wanted: Sequence[JudgedOutput]) -> Iterator[str | None]:
        """Yield the texts of outputs of one file, which keeps them in the same order."""
        opened = self._files.get(file)
        if opened is None or file == STDIN_NAME:
            raise FileError(f"The texts of {file} are not kept, and it cannot be read again.")
        if opened.stamp != stamp_of(file):
            raise FileError(f"{file} has changed since it was loaded; load it again.")
        with open_reading(Path(file), self._how) as reading:
            outputs = _outputs(reading)
            for one in wanted:
                place = (one.row, one.field, one.repeat)
                same = (o.text for row, o in outputs if (row, o.field, o.repeat) == place)
                yield next(same, None)


def _outputs(reading: Reading) -> Iterator[tuple[int, FileOutput]]:
    for item in reading:
        if not isinstance(item, Skipped):
            yield item.row, item.output
