"""What several formats look for in a row: names of models, budgets, counts of tokens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

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
_ID = 1 << 63


def first_text(row: Mapping[str, Any], names: Iterable[str]) -> str | None:
    """Return the first of these fields that holds a text or a number, as a text."""
    for name in names:
        value = row.get(name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return None


def id_of(row: Mapping[str, Any]) -> str | None:
    """Return the row's own name."""
    return first_text(
        row,
        (
            "sample_id", "id", "uid", "custom_id", "task_id", "question_id", "doc_id",
            "instance_id", "problem_id", "prompt_id", "key", "idx", "index",
        ),
    )  # fmt: skip


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
    for place in (row, *(row[name] for name in _SETTINGS if isinstance(row.get(name), Mapping))):
        for name in _BUDGETS:
            if (found := _count(place.get(name))) is not None:
                return found
    return None


def tokens_of(row: Mapping[str, Any]) -> int | None:
    """Return how many tokens the row says its output has."""
    usage = row.get("usage")
    for place in (usage if isinstance(usage, Mapping) else {}, row):
        for name in _COUNTS:
            if (found := _count(place.get(name))) is not None:
                return found
    return None


def ids_of(value: Any) -> list[int] | None:
    """Return a list of token ids; None if it is none, or empty."""
    known = isinstance(value, list) and value and all(type(one) is int for one in value)
    return value if known and all(-_ID <= one < _ID for one in value) else None


def count_of(value: Any) -> int | None:
    """Return a number of tokens; None if it is none, or none that can be."""
    return _count(value)


def object_of(row: Row) -> Mapping[str, Any]:
    """Return the fields of a row.

    Raises
    ------
    RowError
        If it is no object with fields.
    """
    if not isinstance(row.value, Mapping):
        raise RowError("it is no object with fields")
    return row.value


def text_in(row: Mapping[str, Any], name: str) -> str:
    """Return the text of a field.

    Raises
    ------
    RowError
        If the field holds no text.
    """
    value = row.get(name)
    if not isinstance(value, str):
        raise RowError(f"its field {name!r} holds no text")
    return value


def _count(value: Any) -> int | None:
    # Tables hold whole numbers as floats where some rows have none.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    known = isinstance(value, int) and not isinstance(value, bool) and 0 < value < _LARGEST
    return value if known else None


def member(value: Any, path: str) -> Any:
    """Return what a dotted path leads to: names of fields, numbers of elements.

    Raises
    ------
    RowError
        If there is no such field, with those that there are.
    """
    at, found = "", value
    for name in path.split("."):
        if isinstance(found, Mapping) and path in found:
            return found[path]  # the name itself has dots
        following = _MISSING
        if isinstance(found, Mapping):
            following = found.get(name, _MISSING)
        elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            following = found[int(name)]
        if following is _MISSING:
            there = ", ".join(map(str, list(found)[:20])) if isinstance(found, Mapping) else ""
            inside = f" in {at}" if at else ""
            raise RowError(f"there is no field {name!r}{inside}" + (there and f", only {there}"))
        at, found = f"{at}.{name}".lstrip("."), following
    return found


def mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the objects of a list, or nothing where it is none."""
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, Mapping))


def content_text(content: Any) -> str | None:
    """Return the text of a message's content: a text, or parts of which some are text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    parts = [
        part if isinstance(part, str) else part.get("text") or part.get("thinking") or ""
        for part in content
        if isinstance(part, str | Mapping)
    ]
    return "".join(part for part in parts if isinstance(part, str))
