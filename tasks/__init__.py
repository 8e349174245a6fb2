"""Tasks: seeded prompts with graders, one file per task, found by name and loaded lazily.

A task module exposes one object, `TASK`. A new file in this folder is a new task; third
parties register theirs under the entry-point group `loopbench.tasks`. Names with a colon are
tasks of a source: see `loopbench.tasks.sources`.
"""

from __future__ import annotations

from typing import Any

from loopbench import naming
from loopbench.tasks.base import Task
from loopbench.types import Sample

HELPERS = frozenset(
    {
        "agents",
        "answers",
        "arithmetic",
        "base",
        "calls",
        "decoys",
        "functions",
        "records",
        "rng",
        "sources",
        "suites",
        "templates",
    }
)
"""Modules of this folder that serve the tasks and are none themselves."""


def names() -> list[str]:
    """Return the names of all tasks, sorted, without importing any of them."""
    return naming.names(__name__, HELPERS)


def get(name: str) -> Task:
    """Import and return one task.

    Parameters
    ----------
    name
        A task, or a task of a source (`bfcl:simple`), without a level.

    Raises
    ------
    loopbench.tasks.sources.SourceError
        If a source cannot be used: its package is missing, or the file is.
    loopbench.naming.UnknownNameError
        If there is no such task; the text says which name was probably meant.
    loopbench.naming.PluginError
        If a third party's object cannot be loaded, or does not follow the task contract.
    """
    if ":" in name:
        from loopbench.tasks import sources

        if sources.is_source(name):
            return sources.get(name)
    task = naming.resolve("task", name, __name__, "TASK", HELPERS)
    if not isinstance(task, Task):
        raise naming.PluginError("task", name, f"{task!r} does not follow the contract of tasks")
    return task


def find(name: str) -> Task | None:
    """Return a task by name, or None if it cannot be had here."""
    try:
        return get(name)
    except ValueError:
        # Unknown, or a source whose package or file is not there.
        return None


def default_level(task: Task) -> str:
    """Return the level of a task that is named without one: its own choice, or the hardest."""
    own: str | None = getattr(task, "default_level", None)
    return own or task.levels[-1]


def origin(task: Task) -> str | None:
    """Return which data a task of a source draws on; None for a task with items of its own."""
    found: str | None = getattr(task, "origin", None)
    return found


def json_schema(sample: Sample) -> dict[str, Any]:
    """Return the schema that constrained decoding keeps an output to.

    Raises
    ------
    ValueError
        If the sample's task has none.
    """
    schema = getattr(get(sample.task), "json_schema", None)
    if schema is None:
        raise ValueError(f"--constrained needs tasks with a JSON schema; {sample.task} has none.")
    found: dict[str, Any] = schema(sample)
    return found
