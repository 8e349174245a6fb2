"""Judging and grading a run again from its records, without the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from loopbench import tasks
from loopbench.detectors import Detector
from loopbench.monitor import MEASURE
from loopbench.plan import Job
from loopbench.runner import audit_of, record_of
from loopbench.store import RunStore, read_audits, read_header, read_records
from loopbench.types import Record, Sample, Struct


class Rescored(Struct, frozen=True):
    """What changed when a run was judged again."""

    records: int
    outcomes_changed: int
    grades_changed: int
    not_graded: int
    """Records whose task is another version now: they keep their grade."""


def rescore_run(source: Path, target: Path) -> Rescored:
    """Judge every record of a run with today's detectors and graders, into a new folder.

    The source stays as it is. Early-stopped streams stay stopped where they were.

    Raises
    ------
    loopbench.store.RunError
        If the source is no run, or the target holds one.
    """
    header = msgspec.structs.replace(read_header(source), measure=list(MEASURE))
    measure = [rule.build() for rule in header.measure]
    outcomes = grades = kept = count = 0
    stopped: dict[str, Record] = {}
    with RunStore.create(target, header) as store:
        for before, after, regraded in rescored(read_records(source), measure):
            store.append(after)
            count += 1
            outcomes += before.outcome != after.outcome
            grades += before.grade != after.grade
            kept += not regraded
            if after.generation.finish == "loop":
                stopped[after.key] = after
        for audit in read_audits(source):
            if audit.key in stopped:
                store.append(audit_of(stopped[audit.key], audit.generation, measure))
    return Rescored(
        records=count, outcomes_changed=outcomes, grades_changed=grades, not_graded=kept
    )


def rescored(
    records: Iterator[Record], measure: Sequence[Detector]
) -> Iterator[tuple[Record, Record, bool]]:
    """Yield each record as it was, as it is judged now, and whether it was graded anew."""
    for record in records:
        known = record.task in tasks.names()
        if not known or tasks.get(record.task).version != record.task_version:
            yield record, record, False
            continue
        fields = ("id", "task", "task_version", "level", "category", "prompt", "reference")
        sample = Sample(**{f: getattr(record, "sample_id" if f == "id" else f) for f in fields})
        job = Job(key=record.key, sample=sample, sampling=record.sampling, repeat=record.repeat)
        yield record, record_of(job, record.model, record.generation, measure), True
