"""Observed runs and run folders by their outcomes, for the tests of gate and comparison."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from fakes import header, record

from loopbench.results.observations import seen_of
from loopbench.results.observed import BASELINE_SCHEMA, Observed
from loopbench.results.store import RECORDS, RunStore
from loopbench.types import Record, Verdict

SCORES = {"extraction": "extract_records", "tools": "tool_call"}


def records(
    outcomes: Sequence[str], *, task: str = "chain_sum", category: Any = "reasoning",
    scores: Sequence[float] | None = None, repeat: int = 0, **fields: Any,
) -> list[Record]:  # fmt: skip
    """Return a record per outcome; the i-th is about the i-th prompt of the task."""
    return [
        msgspec.structs.replace(
            record(
                f"{fields.get('model', 'a')}-{fields.get('temperature', 0.0)}-{task}-{i}-{repeat}",
                outcome,
                sample=str(i),
                task=task,
                category=category,
                repeat=repeat,
                score=scores[i] if scores else None,
                level="verbatim" if outcome == "doom" else None,
                **fields,
            ),
            verdicts=[
                Verdict(detector=name, version=1, level="verbatim", looped=False, terminal=False)
                for name in ("suffix", "counter")
            ],
        )
        for i, outcome in enumerate(outcomes)
    ]


def mixed(dooms: int, n: int) -> list[str]:
    """Return outcomes with the doomed ones spread evenly."""
    return ["doom" if (i * dooms) // n < ((i + 1) * dooms) // n else "clean" for i in range(n)]


def observed(made: Sequence[Record], **fields: Any) -> Observed:
    """Return a complete run of these records; `fields` change its header."""
    models = sorted({r.model for r in made}) or ["a"]
    temperatures = sorted({r.sampling.temperature for r in made}) or [0.0]
    repeats = 1 + max((r.repeat for r in made), default=0)
    base = header(*models)
    changed = {
        "tasks": {r.task: 1 for r in made} or {"chain_sum": 1},
        "samples": len({(r.task, r.sample_id) for r in made}),
        "repeats": repeats,
        "samplings": [
            msgspec.structs.replace(base.samplings[0], temperature=t, max_new_tokens=1000)
            for t in temperatures
        ],
    }
    return Observed(
        baseline_schema=BASELINE_SCHEMA,
        header=msgspec.structs.replace(base, **changed | fields),
        detectors={"counter": 1, "suffix": 1},
        seen=[seen_of(r) for r in made],
    )


def folder(path: Path, made: Sequence[Record], **fields: Any) -> Path:
    """Write a run folder of these records."""
    with RunStore.create(path, observed(made, **fields).header):
        pass
    # Not one by one: the store would wait for the disk after each.
    (path / RECORDS).write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in made))
    return path
