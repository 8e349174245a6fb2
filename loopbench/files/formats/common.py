"""What several formats look for in a row: names of models, budgets, counts of tokens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeGuard

from loopbench.files.outputs import Row, RowError

_MISSING = object()
_SETTINGS = (
    "sampling_params",
    "sampling",
    "gen_kwargs",
    "generation_kwargs",
    "generation_config",
    "generate_kwargs",
    "generation_parameters",
    "params",
    "parameters",
    "options",
    "config",
    "body",
)
_BUDGETS = (
    "max_new_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "max_tokens",
    "max_gen_toks",
    "num_predict",
    "n_predict",
)
_COUNTS = ("completion_tokens", "output_tokens", "completion_token_count", "eval_count")
_LARGEST = 1 << 31


def first_text(row: Mapping[str, Any], names: Iterable[str]) -> str | None:
    """Return the first of these fields that holds a text or a number, as a text."""
    for name in names:
        value = row.get(name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 64:
            return str(value)
    return None


_IDS = (
    "sample_id", "id", "uid", "custom_id", "task_id", "question_id", "doc_id", "instance_id",
    "problem_id", "prompt_id", "key", "idx", "index",
)  # fmt: skip


def id_of(row: Mapping[str, Any]) -> str | None:
    """Return the row's own name, as a text."""
    return first_text(row, _IDS)


def given_id(row: Mapping[str, Any]) -> str | int | None:
    """Return the row's own name as it is written: who looks it up has a number, or a text."""
    found = id_of(row)
    numbers = (row.get(name) for name in _IDS)
    return next((one for one in numbers if type(one) is int and str(one) == found), found)


def model_of(row: Mapping[str, Any]) -> str | None:
    """Return whose output it is."""
    return first_text(row, ("model", "model_name", "model_id", "generator", "model_name_or_path"))


def task_of(row: Mapping[str, Any]) -> str | None:
    """Return the task or data set that it belongs to."""
    return first_text(row, ("task", "task_name", "dataset", "dataset_name", "benchmark"))


def prompt_of(row: Mapping[str, Any]) -> str | None:
    """Return what was asked, where that is one text."""
    for name in ("prompt", "instruction", "question", "query", "input"):
        if isinstance(value := row.get(name), str) and value:
            return value
    return None


def budget_of(row: Mapping[str, Any]) -> int | None:
    """Return most tokens of the output, from the row or the settings inside it."""
    if (found := _number(row, _BUDGETS)) is not None:
        return found
    for name in _SETTINGS:
        inner = row.get(name)
        if isinstance(inner, dict) and (found := _number(inner, _BUDGETS)) is not None:
            return found
    return None


def _number(place: Mapping[str, Any], names: Iterable[str]) -> int | None:
    for name in names:
        if name in place and (found := count(place[name])) is not None:
            return found
    return None


def tokens_of(row: Mapping[str, Any]) -> int | None:
    """Return how many tokens the row says its output has."""
    usage = row.get("usage")
    found = _number(usage, _COUNTS) if isinstance(usage, dict) else None
    return _number(row, _COUNTS) if found is None else found


def ids_of(value: Any) -> list[int] | None:
    """Return a list of token ids; None if it is none, or empty."""
    return value if are_ids(value) else None


def object_of(row: Row) -> Mapping[str, Any]:
    """Return the fields of a row.

    Raises
    ------
    RowError
        If it is no object with fields.
    """
    if not isinstance(row.value, dict):
        raise RowError("it is no object with fields")
    return row.value


def count(value: Any) -> int | None:
    """Return a number of tokens; None for anything else."""
    # Tables hold whole numbers as floats where some rows have none.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    known = isinstance(value, int) and not isinstance(value, bool) and 0 < value < _LARGEST
    return value if known else None


def are_ids(value: Any) -> TypeGuard[list[int]]:
    """Whether it is a list of token ids."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(type(one) is int and -(1 << 63) <= one < 1 << 63 for one in value)
    )


def member(value: Any, path: str) -> Any:
    """Return what a dotted path leads to: names of fields, numbers of elements.

    Raises
    ------
    RowError
        If there is no such field, with those that there are.
    """
    at, found = "", value
    for name in path.split("."):
        if isinstance(found, dict) and path in found:
            return found[path]  # the name itself has dots
        following = _MISSING
        if isinstance(found, dict):
            following = found.get(name, _MISSING)
        elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            following = found[int(name)]
        if following is _MISSING:
            inside = f" in {at}" if at else ""
            there = listed(found) if isinstance(found, dict) else ""
            raise RowError(f"there is no field {name!r}{inside}" + (there and f", only {there}"))
        at, found = f"{at}.{name}".lstrip("."), following
    return found


def member_or_none(value: Any, path: str) -> Any:
    """Return what a dotted path leads to; None where there is nothing: tables have no nulls."""
    try:
        return member(value, path)
    except RowError:
        return None


def listed(fields: Iterable[Any], most: int = 20) -> str:
    """Return names of fields for a message: not too many, and none too long."""
    return ", ".join(f"{name!s:.80}" for name in islice(fields, most)) or "none"


def mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the objects of a list, or nothing where it is none."""
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))
