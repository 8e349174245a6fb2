"""Runs as a report sees them: records by series, one series per row of the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import msgspec

from loopbench.errors import RunError
from loopbench.results.columns import Columns
from loopbench.results.header import Header
from loopbench.results.observations import Observation, observation_of
from loopbench.results.store import read_audits, read_header, read_records
from loopbench.results.structure import structure_loop
from loopbench.results.summary import By, Row, followed_by_key, rows
from loopbench.results.table import printable
from loopbench.types import Audit, Record, Struct


class Loaded(Struct, frozen=True, dict=True):
    """One run folder in memory, its records reduced once."""

    name: str
    header: Header
    records: list[Record]
    """The last one of each key: a failed generation may have been made again."""
    audits: list[Audit]

    @cached_property
    def observations(self) -> list[Observation]:
        """What is counted of each record, in their order."""
        return [observation_of(record, structure_loop(record)) for record in self.records]

    @cached_property
    def _columns(self) -> Columns:
        return Columns(self.observations)

    def rows(self, by: By = "model") -> list[Row]:
        """Return the run's rows."""
        return rows(self._columns, followed_by_key(self.audits), self.header, by)


class Series(Struct, frozen=True):
    """One model at one temperature and budget in one run, and its outputs."""

    label: str
    run: str
    row: Row
    by_task: list[Row]
    by_level: list[Row]
    records: list[Record]
    observations: list[Observation]
    """Of the records, in their order."""


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
            places = [i for i, o in enumerate(run.observations) if _observed_in(o) == cell]
            found.append(
                Series(
                    label="",
                    run=run.name,
                    row=row,
                    by_task=[r for r in by_task if _cell(r) == cell],
                    by_level=[r for r in by_level if _cell(r) == cell],
                    records=[run.records[i] for i in places],
                    observations=[run.observations[i] for i in places],
                )
            )
    return _labelled(found)


def _cell(row: Row) -> tuple[str, float, int]:
    return row.model, row.temperature, row.budget


def _observed_in(one: Observation) -> tuple[str, float, int]:
    return one.seen.model, one.seen.temperature, one.budget


def _labelled(found: Sequence[Series]) -> list[Series]:
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
    labels = unique(labels, [str(i + 1) for i in range(len(found))])
    return [
        msgspec.structs.replace(one, label=label) for one, label in zip(found, labels, strict=True)
    ]
