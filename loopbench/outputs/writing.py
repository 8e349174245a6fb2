"""Judged outputs written down one after another: JSON lines, CSV, parquet."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from loopbench.outputs.judged import JudgedOutput

Write = Callable[[JudgedOutput], None]
ROWS = ("rows", "csv", "parquet")
"""Forms with a line for each output."""
_BATCH = 4096


@contextmanager
def writer_of(form: str, out: Path | None) -> Iterator[Write]:
    """Open what rows are written to; forms that are a summary write none.

    Parameters
    ----------
    form
        One of `ROWS`, or another.
    out
        The file; standard output without.

    Raises
    ------
    ValueError
        For parquet without a file.
    BackendError
        If pandas or pyarrow is needed and not installed.
    """
    if form not in ROWS:
        yield lambda one: None
        return
    if form == "parquet" and out is None:
        raise ValueError("--format parquet needs --out: a table is a file of its own.")
    with whole_file(out) if out else nullcontext(sys.stdout.buffer) as file:
        if form == "rows":
            yield lambda one: _line(file, one)
            return
        from loopbench.outputs.frames import csv_writer, parquet_writer

        with (csv_writer if form == "csv" else parquet_writer)(file) as add:
            batch: list[JudgedOutput] = []

            def write(one: JudgedOutput) -> None:
                batch.append(one)
                if len(batch) >= _BATCH:
                    add(batch)
                    batch.clear()

            yield write
            if batch:
                add(batch)


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that takes the place of an earlier one only when it is whole.

    Where writing it is interrupted, what was written stays beside it, as `.part`.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
    except BaseException:
        if part.exists() and not part.stat().st_size:
            part.unlink()
        raise
    part.replace(path)


def _line(file: BinaryIO | Any, one: JudgedOutput) -> None:
    # Flushed, so that whoever reads along sees each as it is judged.
    file.write(msgspec.json.encode(one) + b"\n")
    file.flush()
