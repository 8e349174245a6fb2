"""lm-eval's task manager, which also knows LoopBench's tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from loopbench.lmeval import tasks_path


def task_manager_class() -> type[Any]:
    """Return a subclass of `lm_eval.tasks.TaskManager` that includes LoopBench's tasks.

    lm-eval reads its 14,000 task files before it does anything, which takes half a minute.
    If only LoopBench's own tasks are asked for, that is left out.
    """
    from lm_eval.tasks import TaskManager

    if issubclass(TaskManager, _Ours):
        return TaskManager  # type: ignore[no-any-return]

    class LoopbenchTaskManager(_Ours, TaskManager):  # type: ignore[misc]
        def __init__(
            self,
            verbosity: str | None = None,
            include_path: str | Path | list[str | Path] | None = None,
            include_defaults: bool = True,
            metadata: dict[str, Any] | None = None,
        ) -> None:
            more = include_path if isinstance(include_path, list) else [include_path]
            self._arguments: dict[str, Any] = {
                "verbosity": verbosity,
                # The user's come last: they win.
                "include_path": [tasks_path(), *(path for path in more if path)],
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
            if not all(self._is_ours(name) for name in task_list):
                self.complete()
            return list(super().match_tasks(task_list))

        def load(self, task_list: Any) -> Any:
            names = task_list if isinstance(task_list, list) else [task_list]
            if not all(self._is_ours(name) for name in names):
                self.complete()
            return super().load(task_list)

        def _is_ours(self, name: Any) -> bool:
            # Not the user's: their groups may name tasks of lm-eval.
            entry = self._index.get(name) if isinstance(name, str) else None
            path = entry.yaml_path if entry else None
            return path is not None and Path(path).is_relative_to(tasks_path())

        def list_all_tasks(self, *args: Any, **kwargs: Any) -> str:
            self.complete()
            return str(super().list_all_tasks(*args, **kwargs))

    return LoopbenchTaskManager


class _Ours:
    """Marks the subclass, so that it is made once."""
