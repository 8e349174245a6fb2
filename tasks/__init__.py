"""Tasks: seeded prompts with graders, one file per task, found by name and loaded lazily.

A task module exposes one object, `TASK`. A new file in this folder is a new task; third
parties register theirs under the entry-point group `loopbench.tasks`.
"""

from __future__ import annotations

from loopbench import naming
from loopbench.tasks.base import Task

HELPERS = frozenset(
    {"agents", "answers", "base", "calls", "functions", "records", "rng", "suites", "templates"}
)
"""Modules of this folder that serve the tasks and are none themselves."""


def names() -> list[str]:
    """Return the names of all tasks, sorted, without importing any of them."""
    return naming.names(__name__, HELPERS)


def get(name: str) -> Task:
    """Import and return one task.

    Raises
    ------
    loopbench.naming.UnknownNameError
        If there is no such task; the text says which name was probably meant.
    TypeError
        If the object registered under `name` does not follow the task contract, which
        only a third party's can.
    """
    task = naming.resolve("task", name, __name__, "TASK", HELPERS)
    if not isinstance(task, Task):
        raise TypeError(f"{name!r} is registered as a task but does not follow `Task`: {task!r}")
    return task
