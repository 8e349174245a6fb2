"""lm-eval's task manager, which also knows LoopBench's tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lm_eval.tasks import TaskManager

from loopbench.lmeval import tasks_path


class LoopbenchTaskManager(TaskManager):  # type: ignore[misc]
    """Includes LoopBench's tasks, and reads lm-eval's own ones only when they are needed.

    lm-eval reads its 14,000 task files before it does anything, which takes half a minute;
    if only LoopBench's tasks are asked for, that is left out. Tasks of the user's folder
    win over both; the arguments are those of `lm_eval.tasks.TaskManager`.
    """

    def __init__(
        self,
        verbosity: str | None = None,
        include_path: str | Path | list[str | Path] | None = None,
        include_defaults: bool = True,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        theirs = include_path if isinstance(include_path, list) else [include_path]
        self._arguments: dict[str, Any] = {
            "verbosity": verbosity,
            "include_path": [tasks_path(), *(path for path in theirs if path)],
            "metadata": metadata,
        }
        self._complete = not include_defaults
        super().__init__(include_defaults=False, **self._arguments)

    def complete(self) -> None:
        """Read lm-eval's own tasks too, if that was asked for and not done yet."""
        if not self._complete:
            self._complete = True
            super().__init__(include_defaults=True, **self._arguments)

    def match_tasks(self, task_list: list[str]) -> list[str]:
        """Return the names that match the patterns."""
        self._complete_for(task_list)
        return list(super().match_tasks(task_list))

    def load(self, task_list: Any) -> Any:
        """Return tasks and groups, made from names, files or configurations."""
        self._complete_for(task_list if isinstance(task_list, list) else [task_list])
        return super().load(task_list)

    def list_all_tasks(self, *args: Any, **kwargs: Any) -> str:
        """Return the table of all tasks."""
        self.complete()
        return str(super().list_all_tasks(*args, **kwargs))

    def _complete_for(self, specifications: list[Any]) -> None:
        if not all(self._is_ours(specification) for specification in specifications):
            self.complete()

    def _is_ours(self, specification: Any) -> bool:
        # Not the user's: their groups may name tasks of lm-eval.
        entry = self._index.get(specification) if isinstance(specification, str) else None
        path = entry.yaml_path if entry else None
        return path is not None and Path(path).is_relative_to(tasks_path())
