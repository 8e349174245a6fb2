"""Tables: parquet and Arrow through pyarrow, CSV through pandas; a batch of rows at a time."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from loopbench.files.outputs import FileError, Row

PARQUET, ARROW = b"PAR1", b"ARROW1"
_BATCH = 256


def parquet_rows(stream: io.BufferedReader, name: str) -> Iterator[Row]:
    """Yield the rows of a parquet file.

    Raises
    ------
    FileError
        If it cannot be read, or pyarrow is not installed.
    """
    pyarrow = _pyarrow(name)
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(_seekable(stream)) as file:
            yield from _numbered(file.iter_batches(batch_size=_BATCH))
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise FileError(f"{name} is no readable parquet file: {error}.") from error


def arrow_rows(stream: io.BufferedReader, name: str) -> Iterator[Row]:
    """Yield the rows of an Arrow IPC file, such as `datasets` saves.

    Raises
    ------
    FileError
        If it cannot be read, or pyarrow is not installed.
    """
    pyarrow = _pyarrow(name)
    try:
        with pyarrow.ipc.open_file(_seekable(stream)) as file:
            batches = (file.get_batch(at) for at in range(file.num_record_batches))
            yield from _numbered(batches)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise FileError(f"{name} is no readable Arrow file: {error}.") from error


def csv_rows(stream: io.BufferedReader, name: str, separator: str) -> Iterator[Row]:
    """Yield the rows of a CSV file with a line of titles.

    Raises
    ------
    FileError
        If it cannot be read, or pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise FileError(
            f"{name} is a table; install its reader with: pip install 'loopbench-edge[files]'"
        ) from error
    number = 0
    try:
        with pandas.read_csv(
            stream, sep=separator, chunksize=_BATCH, dtype=str, keep_default_na=False
        ) as parts:
            for part in parts:
                for values in part.to_dict("records"):
                    number += 1
                    yield Row(number, {str(k): v for k, v in values.items() if v != ""})
    except (ValueError, OSError) as error:
        raise FileError(f"{name} is no readable table: {error}.") from error


def _numbered(batches: Iterator[Any]) -> Iterator[Row]:
    number = 0
    for batch in batches:
        for values in batch.to_pylist():
            number += 1
            yield Row(number, {key: value for key, value in values.items() if value is not None})


def _pyarrow(name: str) -> Any:
    try:
        import pyarrow
        import pyarrow.ipc
    except ImportError as error:
        raise FileError(
            f"{name} is a table; install its reader with: pip install 'loopbench-edge[files]'"
        ) from error
    return pyarrow


def _seekable(stream: io.BufferedReader) -> Any:
    # A table has its index at its end; what cannot be gone through freely is held.
    return stream if stream.seekable() else io.BytesIO(stream.read())
