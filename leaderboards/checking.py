"""Checking entries of the leaderboard: what they say must follow from their records.

The records in turn must be those that the header asks for, judged as today's rules do.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from pathlib import Path, PureWindowsPath
from typing import Any

import msgspec

from loopbench.errors import RunError
from loopbench.judging.again import rescored
from loopbench.judging.jobs import job_key
from loopbench.judging.records import audit_of
from loopbench.judging.rules import detectors_of
from loopbench.leaderboards.entries import (
    AUDITS,
    ENTRY_SCHEMA,
    NAME,
    RECORDS,
    Kept,
    computed,
    content,
    incomplete,
    outdated,
    read,
)
from loopbench.report.runs import Loaded
from loopbench.types import Sample


def problems(path: Path) -> list[str]:
    """Return everything that is wrong with an entry; empty if nothing is.

    The entry is computed again from its records, the records are judged and graded again, and
    every record must be one that the header asks for.
    """
    try:
        kept = read(path)
    except RunError as error:
        return [str(error)]
    entry, run = kept.entry, kept.run
    found = []
    if entry.entry_schema != ENTRY_SCHEMA:
        found.append(f"schema {entry.entry_schema} is not {ENTRY_SCHEMA}")
    if entry.name != path.name or not NAME.fullmatch(entry.name):
        found.append(f"the name {entry.name!r} is not that of its folder")
    found += [
        f"model path {model.path!r} is more than a file name"
        for model in entry.header.models
        if PureWindowsPath(model.path).name != model.path
    ]
    found += [problem] if (problem := incomplete(run)) else []
    try:
        found += [*_foreign(run), *_computed_otherwise(kept, path)]
        if not outdated(entry.detectors, entry.header.judgement):
            found += _judged_otherwise(run)
    except (ValueError, IndexError) as error:
        # A header may name rules that do not exist, or nothing that was sampled.
        found.append(f"its records cannot be judged: {error}")
    return found


def _computed_otherwise(kept: Kept, path: Path) -> Iterator[str]:
    """Name fields that do not follow from header and records."""
    entry = kept.entry
    # Of the lines as they are kept: a field that records got since would change them.
    again = msgspec.structs.replace(
        computed(kept.run, entry.name, entry.machine, entry.note),
        records_sha256=hashlib.sha256(content(path / RECORDS)).hexdigest(),
        audits_sha256=hashlib.sha256(content(path / AUDITS)).hexdigest(),
    )
    pairs = differences(msgspec.to_builtins(entry), msgspec.to_builtins(again))
    for place, old, new in pairs:
        yield f"{place} is {old}, its records say {new}"


def _foreign(run: Loaded) -> Iterator[str]:
    """Name records that the header does not ask for, or whose key is not theirs."""
    header = run.header
    models = {model.name: model for model in header.models}
    seen: set[str] = set()
    for number, record in enumerate(run.records, 1):
        known = (
            record.model in models
            and header.tasks.get(record.task) == record.task_version
            and record.sampling in header.samplings
            and record.repeat < header.repeats
        )
        if not known:
            yield f"record {number} is not one that the header asks for"
            continue
        sample = Sample(
            task=record.task,
            task_version=record.task_version,
            id=record.sample_id,
            level=record.level,
            category=record.category,
            prompt=record.prompt,
            reference=record.reference,
        )
        if record.key != job_key(models[record.model], sample, record.sampling, record.repeat):
            yield f"record {number} has a key that is not its own"
        if record.key in seen:
            yield f"record {number} is there twice"
        seen.add(record.key)


def _judged_otherwise(run: Loaded) -> Iterator[str]:
    """Name records and audits that today's rules and graders judge otherwise."""
    measure = detectors_of(run.header.measure)
    for number, (before, after, _) in enumerate(rescored(iter(run.records), measure), 1):
        if before.outcome != after.outcome:
            yield f"record {number} is judged {after.outcome}, not {before.outcome}"
        elif not _alike(before.verdicts, after.verdicts):
            yield f"record {number} has verdicts of its own"
        if before.grade != after.grade:
            yield f"record {number} is graded otherwise"
    by_key = {record.key: record for record in run.records}
    for number, audit in enumerate(run.audits, 1):
        record = by_key.get(audit.key)
        if record is None:
            yield f"audit {number} belongs to no record"
        elif not _alike(audit_of(record, audit.generation, measure), audit):
            yield f"audit {number} is judged otherwise"


def _alike(old: Any, new: Any) -> bool:
    """Return whether two judgements are equal, but for the last digits of a rule's own measure."""
    pair = (msgspec.to_builtins(one) for one in (old, new))
    return old == new or next(differences(*pair), None) is None


def differences(old: Any, new: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield the innermost places in which two values differ.

    Numbers may differ in the seventh digit: limits of a bootstrap and measures of a rule depend
    on the platform's arithmetic and on the order of sums.

    Parameters
    ----------
    old, new
        Anything that JSON can hold.
    place
        Where they stand, for the answer.
    """
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            inner = f"{place}.{key}" if place else key
            yield from differences(old.get(key), new.get(key), inner)
    elif isinstance(old, Sequence) and isinstance(new, Sequence) and not isinstance(old, str):
        if len(old) != len(new):
            yield f"length of {place}", len(old), len(new)
            return
        for i, (a, b) in enumerate(zip(old, new, strict=True)):
            yield from differences(a, b, f"{place}[{i}]")
    elif isinstance(old, int | float) and isinstance(new, int | float):
        if not math.isclose(old, new, rel_tol=1e-6, abs_tol=1e-9):
            yield place, old, new
    elif old != new:
        yield place, old, new
