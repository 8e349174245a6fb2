"""Runs as a report sees them: records by series, one series per row of the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from loopbench.errors import RunError
from loopbench.results.store import Header, read_audits, read_header, read_records
from loopbench.results.summary import By, Row, summarise
from loopbench.results.table import printable
from loopbench.types import Audit, Record, Struct


class Loaded(Struct, frozen=True):
    """One run folder in memory."""

    name: str
    header: Header
    records: list[Record]
    """The last one of each key: a failed generation may have been made again."""
    audits: list[Audit]

    def rows(self, by: By = "model") -> list[Row]:
        """Return the run's rows."""
        return summarise(self.records, self.audits, self.header, by)


class Series(Struct, frozen=True):
    """One model at one temperature and budget in one run, and its outputs."""

    label: str
    run: str
    row: Row
    by_task: list[Row]
    by_level: list[Row]
    records: list[Record]


def load(path: Path) -> Loaded:
    """Read a run folder.

    Raises
    ------
    loopbench.errors.RunError
        If it is none, or nothing was recorded in it.
    """
    header = read_header(path)
    records = {record.key: record for record in read_records(path)}
    if not records:
        raise RunError(f"{path} has no records yet; wait for the run, or continue it.")
    name = path.resolve().name
    return Loaded(
        name=name, header=header, records=[*records.values()], audits=[*read_audits(path)]
    )


def series_of(runs: Sequence[Loaded]) -> list[Series]:
    """Split runs into series, labelled so that no two look the same."""
    found = []
    for run in runs:
        by_task, by_level = run.rows("task"), run.rows("level")
        for row in run.rows():
            cell = _cell(row)
            found.append(
                Series(
                    label="",
                    run=run.name,
                    row=row,
                    by_task=[r for r in by_task if _cell(r) == cell],
                    by_level=[r for r in by_level if _cell(r) == cell],
                    records=[
                        r
                        for r in run.records
                        if (r.model, r.sampling.temperature, r.sampling.max_new_tokens) == cell
                    ],
                )
            )
    return _labelled(found)


def _cell(row: Row) -> tuple[str, float, int]:
    return row.model, row.temperature, row.budget


def _labelled(found: Sequence[Series]) -> list[Series]:
    def replaced(labels: Sequence[str]) -> list[Series]:
        pairs = zip(found, labels, strict=True)
        return [
            Series(**{f: getattr(s, f) for f in s.__struct_fields__} | {"label": label})
            for s, label in pairs
        ]

    def unique(labels: Sequence[str], more: Sequence[str]) -> list[str]:
        seen = Counter(labels)
        return [
            f"{label} · {extra}" if seen[label] > 1 else label
            for label, extra in zip(labels, more, strict=True)
        ]

    labels = [f"{printable(s.row.model)} T={s.row.temperature:g}" for s in found]
    if len({s.row.budget for s in found}) > 1:
        labels = unique(labels, [f"{s.row.budget} tokens" for s in found])
    labels = unique(labels, [printable(s.run) for s in found])
    return replaced(unique(labels, [str(i + 1) for i in range(len(found))]))
