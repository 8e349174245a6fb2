"""Judging and grading a run again from its records, without the model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

import msgspec

from loopbench.detectors import Detector
from loopbench.judging.again import rescored
from loopbench.judging.outcome import JUDGEMENT
from loopbench.judging.records import audit_of
from loopbench.judging.rules import MEASURE, detectors_of
from loopbench.results.columns import Columns
from loopbench.results.header import Header
from loopbench.results.observations import Followed, Observation, followed_of, observation_of
from loopbench.results.store import (
    AUDITS,
    HEADER,
    RECORDS,
    RunStore,
    read_audited,
    read_header,
    read_records,
)
from loopbench.results.structure import structure_loop
from loopbench.results.summary import By, Row, rows
from loopbench.types import Audit, Record, Struct


class Rescored(Struct, frozen=True):
    """A run judged again, and what changed."""

    rows: list[Row]
    records: int
    outcomes_changed: int
    grades_changed: int
    not_graded: int
    """Records whose task is another version now: they keep their grade."""


class Again(NamedTuple):
    """One record judged again, reduced to what a table and a new run folder need."""

    observation: Observation
    outcome_changed: bool
    grade_changed: bool
    graded: bool
    """Graded anew, because its task still has its version."""
    record: Record | None
    """None where it is not kept."""


JudgedAgain = Callable[[Path, bool], Iterable[Again]]
"""Run folder and whether records are kept -> all its records, judged again, in their order."""


def again(records: Iterable[Record], measure: Sequence[Detector], *, keep: bool) -> Iterator[Again]:
    """Yield every record as it is judged now.

    Parameters
    ----------
    records
        As they were judged.
    measure
        Detectors that decide now.
    keep
        Whether the new records are kept.
    """
    for before, after, graded in rescored(iter(records), measure):
        yield Again(
            observation_of(after, structure_loop(after)),
            before.outcome != after.outcome,
            before.grade != after.grade,
            graded,
            after if keep else None,
        )


def rescore_run(
    source: Path,
    target: Path | None = None,
    by: By = "model",
    judged: JudgedAgain | None = None,
) -> Rescored:
    """Judge every record of a run with today's detectors and graders.

    The source stays as it is. Early-stopped streams stay stopped where they were.

    Parameters
    ----------
    target
        A new run folder for the records as they are judged now; None keeps nothing.
    judged
        Who judges the records, where that is not this process.

    Raises
    ------
    loopbench.errors.RunError
        If the source is no run, or the target holds one.
    """
    header = msgspec.structs.replace(
        read_header(source, earlier=True), measure=list(MEASURE), judgement=JUDGEMENT
    )
    measure = detectors_of(header.measure)
    changed: Counter[str] = Counter()
    columns = Columns()
    followed: dict[str, Followed] = {}
    with nullcontext() if target is None else _kept_if_whole(target, header) as store:
        keep = target is not None
        for one in (
            judged(source, keep) if judged else again(read_records(source), measure, keep=keep)
        ):
            if store and one.record:
                store.append(one.record)
            columns.add(one.observation)
            changed["records"] += 1
            changed["outcomes"] += one.outcome_changed
            changed["grades"] += one.grade_changed
            changed["kept"] += not one.graded
        for audit in rescored_audits(source, measure):
            if store:
                store.append(audit)
            if audit.outcome != "error":
                followed[audit.key] = followed_of(audit)
    return Rescored(
        rows=rows(columns, followed, header, by),
        records=changed["records"],
        outcomes_changed=changed["outcomes"],
        grades_changed=changed["grades"],
        not_graded=changed["kept"],
    )


@contextmanager
def _kept_if_whole(target: Path, header: Header) -> Iterator[RunStore]:
    """Make a new run; what an error leaves of it goes away, for `score` cannot resume."""
    with RunStore.create(target, header) as store:
        try:
            yield store
        except BaseException:
            for name in (HEADER, RECORDS, AUDITS):
                (target / name).unlink(missing_ok=True)
            raise


def rescored_audits(source: Path, measure: Sequence[Detector]) -> Iterator[Audit]:
    """Yield the audits of a run as they are judged now."""
    for record, audit in read_audited(source):
        yield audit_of(record, audit.generation, measure)
