"""Runs with real loops in them, for the tests of the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from fakes import generation, header, record

from loopbench.detectors.parts.tokens import fallback_tokens
from loopbench.judging.outcome import classify
from loopbench.judging.records import judge_generation
from loopbench.judging.rules import MEASURE, detectors_of
from loopbench.results.store import RECORDS, RunStore
from loopbench.types import Grade, Record, Sampling

VERBATIM = "We try this. " + "so it goes, " * 60
COUNTER = "A list:\n" + "".join(f"{i}. Lily lies.\n" for i in range(1, 61))
CLEAN = "The answer is 7."
HOSTILE = (
    "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>"
    "<!-- \u2028\u2029 \u202etxet\u202c \x1b[31m \x00 &lt;b&gt; $x$ {{ 7 * 7 }} \U0001f600"
)


def said(
    key: str, text: str, *, finish: Any = "stop", correct: bool | None = False, **fields: Any
) -> Record:
    """Return a record of an output, judged by the measuring rules."""
    ids, pieces = fallback_tokens(text)
    made = generation(pieces, finish, ids)
    measure = detectors_of(MEASURE)
    verdicts = judge_generation(made, measure)
    base = record(key, temperature=fields.pop("temperature", 0.0), budget=2000)
    return msgspec.structs.replace(
        base,
        generation=made,
        verdicts=verdicts,
        outcome=classify(finish, verdicts),
        grade=Grade(correct=correct, score=None if correct is None else float(correct)),
        **fields,
    )


def few() -> list[Record]:
    """Return one output of every kind."""
    return [
        said("clean", CLEAN, correct=True),
        said("verbatim", VERBATIM, finish="length"),
        said("counter", COUNTER, finish="length", task="tool_call", category="tools"),
        said("recovered", VERBATIM + "But no, that is enough now. Answer: 7"),
        said("cut", "Once upon a time", finish="length", correct=None),
    ]


def write(path: Path, made: Sequence[Record], **fields: Any) -> Path:
    """Write a run folder of these records."""
    models = list(dict.fromkeys(r.model for r in made))
    changed = {
        "samples": len(made),
        "tasks": {r.task: 1 for r in made},
        "samplings": [
            Sampling(temperature=t, max_new_tokens=2000)
            for t in dict.fromkeys(r.sampling.temperature for r in made)
        ],
    }
    with RunStore.create(path, msgspec.structs.replace(header(*models), **changed | fields)):
        pass
    (path / RECORDS).write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in made))
    return path
