"""Judging and grading a record again, without the model. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import msgspec

from loopbench import tasks
from loopbench.detectors import Detector
from loopbench.judging.jobs import Job
from loopbench.judging.outcome import circled, classify
from loopbench.judging.records import judge_generation, record_of
from loopbench.judging.thinking import loop_in_thinking
from loopbench.types import SCHEMA_VERSION, Record, Sample


@cache
def _version(task: str) -> int | None:
    """Return the version that a task has now; listing the tasks for every record is slow."""
    found = tasks.find(task)
    return found.version if found else None


def rescored(
    records: Iterator[Record], measure: Sequence[Detector]
) -> Iterator[tuple[Record, Record, bool]]:
    """Yield each record as it was, as it is judged now, and whether it was graded anew."""
    for record in records:
        # Without a grade no task is looked up: what a file of outputs calls one need not be ours.
        graded = record.category != "ungraded"
        if graded and _version(record.task) != record.task_version:
            # Detection needs no task; the grade stays as it was.
            verdicts = judge_generation(record.generation, measure)
            outcome = classify(record.generation.finish, verdicts)
            after = msgspec.structs.replace(
                record,
                schema_version=SCHEMA_VERSION,
                verdicts=verdicts,
                outcome=outcome,
                loop_in_thinking=loop_in_thinking(record.generation, verdicts),
                circled=circled(verdicts),
            )
            yield record, after, False
            continue
        fields = ("id", "task", "task_version", "level", "category", "prompt", "reference")
        sample = Sample(**{f: getattr(record, "sample_id" if f == "id" else f) for f in fields})
        job = Job(key=record.key, sample=sample, sampling=record.sampling, repeat=record.repeat)
        yield record, record_of(job, record.model, record.generation, measure, record.turns), True
