"""Judged outputs and summaries as tables of pandas, with a type for every column."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from loopbench.errors import BackendError
from loopbench.outputs.judged import JudgedOutput
from loopbench.outputs.summary import OutputsRow
from loopbench.results.frames import frame_of, required, rows_frame

if TYPE_CHECKING:
    import pandas as pd

_TYPES = {
    "file": "string",
    "row": "Int64",
    "id": "string",
    "repeat": "Int64",
    "field": "string",
    "model": "string",
    "task": "string",
    "group": "string",
    "prompt": "string",
    "finish": "string",
    "raw_finish": "string",
    "outcome": "string",
    "at_end": "string",
    "level": "string",
    "detector": "string",
    "period": "Int64",
    "repeats": "Int64",
    "onset": "Int64",
    "start": "Int64",
    "end": "Int64",
    "excerpt": "string",
    "template": "string",
    "tokens": "Int64",
    "tokenization": "string",
    "budget": "Int64",
    "budget_default": "boolean",
    "doubtful": "boolean",
    "wasted": "Int64",
    "error": "string",
}
"""Of the columns of `outputs_frame`; `left` and `strides` are lists, and kept out of tables."""


def outputs_frame(rows: Sequence[JudgedOutput]) -> pd.DataFrame:
    """Return one row for each output, with types that keep what is missing missing."""
    return frame_of(
        (name, dtype, [getattr(row, name) for row in rows]) for name, dtype in _TYPES.items()
    )


def summary_frame(rows: Sequence[OutputsRow]) -> pd.DataFrame:
    """Return one row for each line of a summary; a rate becomes three columns."""
    return rows_frame(OutputsRow, rows)


Add = Callable[[Sequence[JudgedOutput]], None]


@contextmanager
def csv_writer(file: BinaryIO | Any) -> Iterator[Add]:
    """Write rows as CSV, a batch at a time, the titles first."""
    required()
    titles = True

    def add(rows: Sequence[JudgedOutput]) -> None:
        nonlocal titles
        # A cell that begins like a formula is one to a spreadsheet; these texts are hostile.
        # Texts are quoted, whatever is in them: else a single \r would begin a line.
        text = (
            outputs_frame(rows)
            .map(_harmless)
            .to_csv(index=False, header=titles, quoting=csv.QUOTE_NONNUMERIC)
        )
        file.write(text.encode("utf-8", "replace"))
        titles = False

    yield add
    if titles:
        add([])


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple("=+-@\t\r") else value


@contextmanager
def parquet_writer(file: BinaryIO | Any) -> Iterator[Add]:
    """Write rows as parquet, a group of rows at a time."""
    required()
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise BackendError(
            "Parquet files need pyarrow; install it with: pip install 'loopbench-edge[files]'"
        ) from error
    schema = pyarrow.Table.from_pandas(outputs_frame([]), preserve_index=False).schema
    with parquet.ParquetWriter(file, schema) as writer:
        yield lambda rows: writer.write_table(
            pyarrow.Table.from_pandas(outputs_frame(rows), schema, preserve_index=False)
        )
