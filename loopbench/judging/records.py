"""From a generation to its record: verdicts, outcome and grade. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from loopbench import tasks
from loopbench.detectors import Detector
from loopbench.detectors.parts.tokens import as_ids
from loopbench.judging.episodes import cycle_verdict, episode_grade, judge_episode
from loopbench.judging.jobs import Job
from loopbench.judging.monitor import scan_all
from loopbench.judging.outcome import STUCK, circled, classify
from loopbench.judging.thinking import loop_in_thinking, whole_text
from loopbench.naming import UnknownNameError
from loopbench.types import (
    SCHEMA_VERSION,
    Audit,
    Generation,
    Grade,
    Output,
    Record,
    Sample,
    Turn,
    Verdict,
)


def judge_generation(generation: Output, measure: Sequence[Detector]) -> list[Verdict]:
    """Return the verdicts on one generation, each token with the text it added."""
    # Once for all detectors: each would convert a list for itself.
    ids = cast("Sequence[int]", as_ids(generation.token_ids))
    return scan_all(measure, ids, generation.pieces)


def record_of(
    job: Job,
    model: str,
    generation: Generation,
    measure: Sequence[Detector],
    turns: list[Turn] | None = None,
) -> Record:
    """Judge and grade one generation, or the joined turns of an episode.

    Parameters
    ----------
    job
        What was asked.
    model
        Short name for tables.
    generation
        What came back.
    measure
        Detectors that decide about the outcome.
    turns
        Of an episode, whose texts `generation` joins.
    """
    sample = job.sample
    if turns:
        verdicts, outcome = judge_episode(generation, turns, measure)
        grade = episode_grade(sample, generation, turns)
    else:
        verdicts = judge_generation(generation, measure)
        if sample.category == "agents":
            # Without tools there are no calls: said, so that both books have the same rules.
            verdicts = [v for v in verdicts if v.detector != "toolcycle"] + [cycle_verdict(())]
        outcome = classify(generation.finish, verdicts)
        grade = grade_of(sample, whole_text(generation))
    return Record(
        schema_version=SCHEMA_VERSION,
        key=job.key,
        model=model,
        task=sample.task,
        task_version=sample.task_version,
        sample_id=sample.id,
        level=sample.level,
        category=sample.category,
        prompt=sample.prompt,
        reference=sample.reference,
        sampling=job.sampling,
        repeat=job.repeat,
        generation=generation,
        verdicts=verdicts,
        outcome=outcome,
        grade=grade,
        turns=turns,
        loop_in_thinking=loop_in_thinking(generation, verdicts),
        circled=circled(verdicts),
    )


def grade_of(sample: Sample, text: str) -> Grade:
    """Grade an output; ungraded where the sample comes from no task of this version."""
    if sample.category == "ungraded":
        return Grade()
    try:
        task = tasks.get(sample.task)
    except UnknownNameError:
        return Grade()
    return task.grade(sample, text) if task.version == sample.task_version else Grade()


def audit_of(record: Record, generation: Generation, measure: Sequence[Detector]) -> Audit:
    """Judge an early-stopped stream together with its continuation.

    Parameters
    ----------
    record
        Of the stream up to where it was stopped.
    generation
        Its continuation only.
    measure
        Detectors that decide about the outcome.
    """
    verdicts = judge_generation(Output.joined([record.generation, generation]), measure)
    outcome = classify(generation.finish, verdicts)
    return Audit(
        schema_version=SCHEMA_VERSION,
        key=record.key,
        generation=generation,
        verdicts=verdicts,
        outcome=outcome,
        # A doomed stream that goes on in circles has left its loop, but not the other way round.
        escaped=outcome != "doom" if record.outcome == "doom" else outcome not in STUCK,
    )
