"""Tables: parquet and Arrow through pyarrow, CSV through pandas; a batch of rows at a time."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from loopbench.files.containers.streams import seekable
from loopbench.files.outputs import FileError, Row

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
        with seekable(stream, name) as source, parquet.ParquetFile(source) as file:
            yield from _numbered(file.iter_batches(batch_size=_BATCH))
    except FileError:
        raise
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise FileError(f"{name} is no readable parquet file: {error}.") from error


def arrow_rows(stream: io.BufferedReader, name: str, indexed: bool) -> Iterator[Row]:
    """Yield the rows of an Arrow file.

    Parameters
    ----------
    stream, name
        The file, at its beginning, and what it is called in messages.
    indexed
        It is a file of Arrow, or of Feather; else a stream of batches, such as `datasets` saves.

    Raises
    ------
    FileError
        If it cannot be read, or pyarrow is not installed.
    """
    pyarrow = _pyarrow(name)
    try:
        if indexed:
            with seekable(stream, name) as source, pyarrow.ipc.open_file(source) as file:
                batches = (file.get_batch(at) for at in range(file.num_record_batches))
                yield from _numbered(batches)
        else:
            with pyarrow.ipc.open_stream(stream) as file:
                yield from _numbered(iter(file))
    except FileError:
        raise
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
            stream,
            sep=separator,
            chunksize=_BATCH,
            dtype=str,
            keep_default_na=False,
            encoding_errors="replace",
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
        # What a damaged file says of its own arrays may lead outside of them.
        batch.validate(full=True)
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
