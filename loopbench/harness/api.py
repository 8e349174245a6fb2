"""`loopbench.run`: the benchmark from Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from loopbench.harness.plan import settings_of
from loopbench.harness.runner import execute
from loopbench.judging.progress import Progress
from loopbench.models.catalog import expand
from loopbench.results.store import (
    SUMMARY,
    read_audits,
    read_header,
    read_records,
    write_atomically,
)
from loopbench.results.summary import By, Row, summarise
from loopbench.types import Struct

__all__ = ["RunResult", "rows_of", "run", "write_summary"]


class RunResult(Struct, frozen=True):
    """A finished run: its folder, and the rows of its table."""

    path: Path
    rows: list[Row]


def run(
    *models: str,
    out: str | Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    **settings: Any,
) -> RunResult:
    """Measure loop rates and scores of models.

    Parameters
    ----------
    *models
        GGUF files, names of the catalogue, or anything else that `loopbench run` takes: a file of
        outputs, say, which is judged as it is.
    out
        The run folder; by default a new one under `runs/`.
    resume
        Continue the run in `out`.
    progress
        Told about every token and outcome.
    **settings
        Fields of `loopbench.harness.plan.Settings`: `tasks`, `temperatures`, `max_new_tokens`,
        `repeats`, `limit`, `seed`, `slots`, `threads`, `early_stop`, …

    Returns
    -------
    RunResult

    Raises
    ------
    ValueError
        For settings, models or tasks that cannot be used.
    loopbench.errors.RunError
        If the run folder cannot be used.
    loopbench.errors.BackendError
        If the engine cannot be used.

    Examples
    --------
    >>> import loopbench
    >>> result = loopbench.run("smollm2-135m", tasks=["quick"], limit=4)  # doctest: +SKIP
    >>> result.rows[0].doom_rate.high  # doctest: +SKIP
    0.49
    """
    chosen = settings_of(*expand(models), **settings)
    path = execute(chosen, Path(out) if out else None, resume=resume, progress=progress)
    return RunResult(path=path, rows=write_summary(path))


def rows_of(path: Path, by: By = "model") -> list[Row]:
    """Return the rows of a run folder.

    Raises
    ------
    loopbench.errors.RunError
        If it is not one.
    """
    header = read_header(path)
    return summarise(read_records(path), read_audits(path), header, by)


def write_summary(path: Path) -> list[Row]:
    """Write `summary.json` beside the records and return its rows."""
    rows = rows_of(path)
    write_atomically(path / SUMMARY, msgspec.json.format(msgspec.json.encode(rows)))
    return rows
