"""Reading files for a command: progress while it takes long, and what could not be read."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click

from loopbench.results.table import printable

if TYPE_CHECKING:
    from loopbench.files.reading import How
    from loopbench.outputs.judged import JudgedOutput
    from loopbench.outputs.judging import Judging, Unread
    from loopbench.outputs.sources import Source

NAMED = 5
"""Rows of a file whose problem is told; of further ones only how many there are."""
LARGE = 8 << 20
"""Bytes above which it is shown how far the reading is."""


class Reader:
    """Yields outputs and unread rows of files; tells everything else on standard error.

    Parameters
    ----------
    sources
        The files.
    how
        What the user says about them.
    judging
        How they are judged.
    """

    def __init__(self, sources: Sequence[Source], how: How, judging: Judging) -> None:
        self._sources, self._how, self._judging = sources, how, judging
        self.refused = 0
        """Files that were named and are not understood."""
        self._passed_over: list[str] = []
        self._unread: Counter[str] = Counter()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        size = sum(Path(s.place).stat().st_size for s in self._sources if Path(s.place).is_file())
        if size > LARGE and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

            self._bar = Progress(
                "Judging",
                BarColumn(),
                DownloadColumn(),
                TimeRemainingColumn(),
                console=Console(file=sys.stderr),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("", total=size)
        return self

    def __exit__(self, *_error: object) -> None:
        if self._bar:
            self._bar.stop()
        for file, count in self._unread.items():
            if count > NAMED:
                self._tell(f"{file}: {count - NAMED} further rows could not be read.")
        for problem in self._passed_over[:NAMED]:
            self._tell(f"Passed over: {problem}")
        if len(self._passed_over) > NAMED:
            self._tell(f"{len(self._passed_over) - NAMED} further files were passed over.")

    def __iter__(self) -> Iterator[JudgedOutput | Unread]:
        from loopbench.outputs.judging import Opened, Refused, Unread, judge_files

        for event in judge_files(self._sources, self._how, self._judging, progress=self._advance):
            if isinstance(event, Opened):
                if event.kind == "text":
                    self._tell(f"{event.file} is read as one text.")
                continue
            if isinstance(event, Refused):
                self._refuse(event.problem, event.named)
                continue
            if isinstance(event, Unread):
                self._unread[event.file] += 1
                if self._unread[event.file] <= NAMED:
                    self._tell(f"{event.file} row {event.row} is not read: {event.problem}.")
            yield event

    def _refuse(self, problem: str, named: bool) -> None:
        if named:
            self.refused += 1
            self._tell(problem)
        else:
            self._passed_over.append(problem)

    def nothing(self) -> str:
        """Return the sentence for the case that there was no output at all."""
        if len(self._sources) == 1 and self._unread:
            return "No output could be read."
        return "There is no output in these files that could be read."

    def _advance(self, read: int) -> None:
        if self._bar:
            self._bar.advance(self._task, read)

    def _tell(self, sentence: str) -> None:
        click.echo(f"loopbench: {printable(sentence)}", err=True)
