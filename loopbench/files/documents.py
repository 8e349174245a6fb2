"""Documents that hold rows: results of a tool, pages of a data set, dictionaries of rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from loopbench.files.outputs import Row

_WRAPPERS = ("rows", "data", "results", "outputs", "samples", "examples", "instances", "items")


def rows_of(document: Row) -> list[Row] | None:
    """Return the rows inside a document; None where it holds none.

    What else the document says becomes their `context`.
    """
    value = document.value
    if not isinstance(value, dict):
        return None
    for name in _WRAPPERS:
        found: Any = value.get(name)
        about = {key: one for key, one in value.items() if key != name}
        if _are_rows(found):
            return _numbered(((one, about) for one in found), document)
        # lm-eval's results in Python: a list of rows for each task.
        if isinstance(found, dict) and found and all(map(_are_rows, found.values())):
            each = ((one, {**about, "task": task}) for task, rows in found.items() for one in rows)
            return _numbered(each, document)
    if len(value) > 1 and all(isinstance(one, dict) for one in value.values()):
        # A dictionary of rows, each under its name.
        return _numbered((({"id": key, **one}, {}) for key, one in value.items()), document)
    return None


def _are_rows(found: Any) -> bool:
    return isinstance(found, list) and any(isinstance(one, dict) for one in found)


def _numbered(values: Iterable[tuple[Any, dict[str, Any]]], document: Row) -> list[Row]:
    rows = []
    for number, (one, about) in enumerate(values, 1):
        # Hugging Face's dataset viewer wraps each row once more.
        wrapped = isinstance(one, dict) and {"row", "row_idx"} <= one.keys()
        rows.append(Row(number, one["row"] if wrapped else one, None, about, document.file))
    return rows
