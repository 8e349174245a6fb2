"""A small run by a script, for tests of scoring it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fakes import ANSWER, LOOP, RAMBLE, by_task, install

from loopbench.harness.plan import Settings
from loopbench.harness.runner import execute


def scripted_run(out: Path, monkeypatch: Any) -> Path:
    """Return a run of twelve records: answers, loops and rambling."""
    install(
        monkeypatch, by_task(other=(RAMBLE, "length"), red=(LOOP, "length"), a=(ANSWER, "stop"))
    )
    chosen = Settings(models=("a",), tasks=("chain_sum",), limit=12, max_new_tokens=600)
    return execute(chosen, out)
