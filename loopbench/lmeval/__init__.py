"""LoopBench inside lm-evaluation-harness: loop columns on any generative task.

`loopbench lm-eval …` is lm-eval's own command line with this switched on; `simple_evaluate`
is its Python entry point with the same. Nothing here imports lm-eval until it is used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["simple_evaluate", "tasks_path"]


def tasks_path() -> Path:
    """Return the folder of LoopBench's own tasks in lm-eval's format (`--include_path`)."""
    import loopbench.tasks

    return Path(loopbench.tasks.__file__).parent / "lm_eval"


def simple_evaluate(*args: Any, **kwargs: Any) -> Any:
    """Call `lm_eval.simple_evaluate` and add the loop columns to its results.

    LoopBench's own tasks and model types are known by name. The results gain `stuck_rate`,
    `doom_rate`, `circular_rate`, `recovered_rate` and `truncated_rate` for every generative
    task, the logged samples a field `loopbench`.

    Raises
    ------
    loopbench.lmeval.command.MissingError
        If lm-eval is not installed.
    """
    from loopbench.lmeval.command import require
    from loopbench.lmeval.evaluation import loop_columns

    require()
    with loop_columns():
        from lm_eval.evaluator import simple_evaluate as original

        return original(*args, **kwargs)
