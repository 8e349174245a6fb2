"""Rows as tables of pandas, with a type for every column that keeps what is missing missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import inspect

from loopbench.errors import BackendError
from loopbench.results.summary import Rate
from loopbench.results.table import mended
from loopbench.types import Struct

if TYPE_CHECKING:
    import pandas as pd

_DTYPES: dict[type[inspect.Type], str] = {
    inspect.StrType: "string",
    inspect.LiteralType: "string",
    inspect.BoolType: "boolean",
    inspect.IntType: "Int64",
    inspect.FloatType: "Float64",
}
_PARTS = (("value", ""), ("low", "_low"), ("high", "_high"))


def required() -> Any:
    """Return pandas.

    Raises
    ------
    BackendError
        If it is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise BackendError(
            "Tables need pandas; install it with: pip install 'loopbench-edge[files]'"
        ) from error
    return pandas


def frame_of(columns: Iterable[tuple[str, str, Sequence[Any]]]) -> pd.DataFrame:
    """Return a table of these columns.

    Parameters
    ----------
    columns
        Name, type and values of each; None is missing.
    """
    pandas = required()
    made = {
        name: pandas.array([_cell(value, dtype) for value in values], dtype=dtype)
        for name, dtype, values in columns
    }
    return pandas.DataFrame(made)  # type: ignore[no-any-return]


def _cell(value: Any, dtype: str) -> Any:
    return mended(str(value)) if dtype == "string" and value is not None else value


def rows_frame(kind: type[Struct], rows: Sequence[Struct]) -> pd.DataFrame:
    """Return a table with one row for each record of one kind.

    A rate becomes three columns, such as `doom_rate`, `doom_rate_low` and `doom_rate_high`; a
    list becomes a text.

    Parameters
    ----------
    kind
        The type of the records, which names the columns also where there are none.
    rows
        The records.
    """
    return frame_of(_columns(kind, rows))


def _columns(
    kind: type[Struct], rows: Sequence[Struct]
) -> Iterator[tuple[str, str, Sequence[Any]]]:
    for field in msgspec.structs.fields(kind):
        values = [getattr(row, field.name) for row in rows]
        if field.type is Rate:
            for part, suffix in _PARTS:
                yield f"{field.name}{suffix}", "Float64", [getattr(v, part) for v in values]
            continue
        shape = inspect.type_info(field.type)
        if isinstance(shape, inspect.UnionType):
            (shape,) = (one for one in shape.types if not isinstance(one, inspect.NoneType))
        if isinstance(shape, inspect.ListType):
            yield field.name, "string", [None if v is None else ", ".join(v) for v in values]
        else:
            yield field.name, _DTYPES[type(shape)], values
