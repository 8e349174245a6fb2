"""Outputs that are spread over several rows: saved streams, segments."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any, NamedTuple

from loopbench.files.outputs import Row, Skipped


class Chunk(NamedTuple):
    """What tells a row that is a part from one that is whole."""

    key: Hashable
    """Equal for the parts of one output, as long as it has not ended."""
    last: bool


def joined(
    rows: Iterator[Row | Skipped],
    chunk_of: Callable[[Any], Chunk | None],
    join: Callable[[list[Any]], Any],
) -> Iterator[Row | Skipped]:
    """Yield rows, those that are parts of one output as one row.

    Parameters
    ----------
    rows
        In the order of the file.
    chunk_of
        What part a value is; None if it is none.
    join
        One value of several parts; asked for two and more.
    """
    open_: dict[Hashable, list[Row]] = {}
    for row in rows:
        chunk = None if isinstance(row, Skipped) else chunk_of(row.value)
        if chunk is None or isinstance(row, Skipped):
            yield row
            continue
        open_.setdefault(chunk.key, []).append(row)
        if chunk.last:
            yield _one(open_.pop(chunk.key), join)
    # What is left was cut off before its last part.
    for parts in open_.values():
        yield _one(parts, join)


def _one(parts: list[Row], join: Callable[[list[Any]], Any]) -> Row:
    first = parts[0]
    if len(parts) == 1:
        return first
    # Its line alone is not all of it, so it cannot be read again from there.
    return first._replace(value=join([part.value for part in parts]), at=None)
