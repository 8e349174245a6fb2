"""Progress of a run: a bar in a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from loopbench.judging.outcome import STUCK
from loopbench.results.table import printable

LOG_EVERY_S = 5.0


class Display:
    """Shows generations done, tokens per second, stuck outputs so far and the time left.

    Parameters
    ----------
    console
        Where to show it; standard error, so that a table can be piped.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(file=sys.stderr)
        self._bar: Progress | None = None
        self._task: Any = None
        self._started = time.monotonic()
        self._logged = self._started
        self._text, self._total, self._finished = "", 0, 0
        self._tokens = self._stuck = 0

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[speed]:.0f} tok/s · {task.fields[stuck]} stuck ·"),
                TimeRemainingColumn(),
                console=self._console,
            )
            self._bar.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._bar:
            self._bar.stop()

    def phase(self, text: str, total: int) -> None:
        """Begin a part of the run with so many generations."""
        self._text, self._total, self._finished = printable(text), total, 0
        self._tokens = self._stuck = 0
        self._started = self._logged = time.monotonic()
        if self._bar:
            self._task = self._bar.add_task(self._text, total=total, speed=0.0, stuck=0)
        else:
            self._log(f"{self._text}: {total} generations")

    def token(self, count: int) -> None:
        """More tokens were generated."""
        self._tokens += count
        if time.monotonic() - self._logged >= (0.25 if self._bar else LOG_EVERY_S):
            self._show()

    def done(self, outcome: str) -> None:
        """One generation has ended."""
        self._finished += 1
        self._stuck += outcome in STUCK
        if self._bar or self._finished == self._total:
            self._show()

    def note(self, sentence: str) -> None:
        """Something that explains a wait: a line of its own, above a bar."""
        self._log(printable(sentence))

    def _show(self) -> None:
        now = time.monotonic()
        self._logged = now
        elapsed = max(now - self._started, 1e-9)
        speed = self._tokens / elapsed
        if self._bar:
            self._bar.update(self._task, completed=self._finished, speed=speed, stuck=self._stuck)
            return
        left = elapsed / self._finished * (self._total - self._finished) if self._finished else None
        self._log(
            f"{self._text}: {self._finished}/{self._total} done, {speed:.0f} tok/s, "
            f"{self._stuck} stuck, {'?' if left is None else f'{left:.0f}'} s left"
        )

    def _log(self, line: str) -> None:
        # In a log file, a line stays a line.
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)
