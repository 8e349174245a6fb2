"""The prompts of `bench_harness` as a task of inspect_ai; loaded by `inspect eval`."""

from __future__ import annotations

import json
from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.model import GenerateConfig
from inspect_ai.scorer import includes
from inspect_ai.solver import generate


@task
def prompts(path: str, repeat_penalty: float | None = None) -> Task:
    """Return the task: one user message per line of the file, generated once.

    Parameters
    ----------
    repeat_penalty
        Sent with every request to a server that would penalise repetition unless told.
    """
    told = {} if repeat_penalty is None else {"repeat_penalty": repeat_penalty}
    config = GenerateConfig(extra_body=told or None)
    with Path(path).open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    samples = [Sample(id=row["id"], input=row["prompt"], target="42") for row in rows]
    return Task(dataset=samples, solver=generate(), scorer=includes(), config=config)
