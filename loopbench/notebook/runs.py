"""Run folders, loaded: what was said about their outputs stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from loopbench.notebook.result import Result, columns
from loopbench.outputs.judged import JudgedOutput
from loopbench.outputs.recorded import described_record
from loopbench.report.charts import Plan
from loopbench.report.runs import Loaded
from loopbench.results.grid import Grid
from loopbench.results.summary import By, Row
from loopbench.results.table import footnotes, grid_of, percent, printable
from loopbench.types import Audit, Record

if TYPE_CHECKING:
    import pandas as pd

RUN_BY: tuple[By, ...] = ("model", "task", "level", "category")
_DIFFICULTY = "difficulty"
"""Of a task; `level` is that of a loop, as for files."""


class Run(NamedTuple):
    """A run folder, and what is in it."""

    place: str
    loaded: Loaded


class RunsResult(Result):
    """Outputs of one or several runs.

    Parameters
    ----------
    runs
        The runs.
    by
        What `rows` are split by.
    """

    def __init__(self, runs: Sequence[Run], by: By) -> None:
        self.runs = list(runs)
        self.rows: list[Row] = [row for run in runs for row in run.loaded.rows(by)]
        """The rows of the table."""

    @property
    def records(self) -> list[Record]:
        """One for each output, with its text, its verdicts and its grade."""
        return [record for run in self.runs for record in run.loaded.records]

    @property
    def audits(self) -> list[Audit]:
        """What became of streams that were stopped early and followed to the budget."""
        return [audit for run in self.runs for audit in run.loaded.audits]

    @cached_property
    def outputs(self) -> list[JudgedOutput]:
        """One row for each output, with the fields that those of files have."""
        return [
            described_record(record, row, run.place, run.loaded.header)
            for run in self.runs
            for row, record in enumerate(run.loaded.records, 1)
        ]

    @property
    def levels(self) -> tuple[str, ...]:
        return ("output", *RUN_BY)

    @property
    def notes(self) -> list[str]:
        return footnotes(self.rows)

    def __len__(self) -> int:
        return sum(len(run.loaded.records) for run in self.runs)

    def _title(self) -> str:
        models = {model.name for run in self.runs for model in run.loaded.header.models}
        names = ", ".join(printable(run.loaded.name) for run in self.runs[:3])
        more = ", …" if len(self.runs) > 3 else ""
        one = f", stuck {percent(self.rows[0].stuck_rate)} %" if len(self.rows) == 1 else ""
        kind = "run" if len(self.runs) == 1 else f"{len(self.runs)} runs"
        many = "1 model" if len(models) == 1 else f"{len(models)} models"
        return f"{kind} {names}{more}: {len(self)} outputs of {many}{one}."

    def _grid(self) -> Grid:
        return grid_of(self.rows)

    def _plans(self) -> list[Plan]:
        from loopbench.report.run_charts import plans_of
        from loopbench.report.runs import series_of

        return plans_of(series_of([run.loaded for run in self.runs]))

    def _texts(self, places: Sequence[int]) -> list[str | None]:
        records = self.records
        return [records[place].generation.text for place in places]

    def _rows_frame(self, level: str) -> pd.DataFrame:
        from loopbench.results.frames import rows_frame

        by: By = level  # type: ignore[assignment]
        rows = [(run.place, row) for run in self.runs for row in run.loaded.rows(by)]
        frame = rows_frame(Row, [row for _, row in rows])
        if level == "model":
            frame = frame.drop(columns="group")
        else:
            frame = frame.rename(columns={"group": _DIFFICULTY if level == "level" else level})
        return columns({"file": ("string", [place for place, _ in rows])}).join(frame)

    def _outputs_frame(self) -> pd.DataFrame:
        from loopbench.outputs.frames import outputs_frame

        records = self.records
        audits: list[Audit | None] = []
        for run in self.runs:
            followed = {audit.key: audit for audit in run.loaded.audits}
            audits += [followed.get(record.key) for record in run.loaded.records]
        return outputs_frame(self.outputs).join(
            columns(
                {
                    "temperature": ("Float64", [r.sampling.temperature for r in records]),
                    "repetition_penalty": (
                        "Float64",
                        [r.sampling.repetition_penalty for r in records],
                    ),
                    "category": ("string", [r.category for r in records]),
                    _DIFFICULTY: ("string", [r.level for r in records]),
                    "correct": ("boolean", [r.grade.correct for r in records]),
                    "score": ("Float64", [r.grade.score for r in records]),
                    "answer": ("string", [r.grade.answer for r in records]),
                    "problem": ("string", [r.grade.problem for r in records]),
                    "in_thinking": ("boolean", [r.loop_in_thinking for r in records]),
                    "circled": ("boolean", [r.circled for r in records]),
                    "stopped": ("boolean", [r.generation.finish == "loop" for r in records]),
                    "audit_outcome": ("string", [a and a.outcome for a in audits]),
                    "escaped": ("boolean", [a and a.escaped for a in audits]),
                    "prompt_tokens": ("Int64", [r.generation.prompt_tokens for r in records]),
                    "seconds": ("Float64", [r.generation.seconds for r in records]),
                    "key": ("string", [r.key for r in records]),
                }
            )
        )
