"""The prompts of `bench_harness` as a task of inspect_ai; loaded by `inspect eval`."""

import json
from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import includes
from inspect_ai.solver import generate


@task
def prompts(path: str) -> Task:
    """Return the task: one user message per line of the file, generated once."""
    with Path(path).open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    samples = [Sample(id=row["id"], input=row["prompt"], target="42") for row in rows]
    return Task(dataset=samples, solver=generate(), scorer=includes())
