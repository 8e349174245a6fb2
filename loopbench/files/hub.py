"""Data sets of the Hugging Face Hub, row by row, through `datasets`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from loopbench.files.outputs import FileError, Row, Skipped

PREFIX = "hf:"
_FORM = "hf:OWNER/NAME, hf:OWNER/NAME:CONFIG, or hf:OWNER/NAME:CONFIG/SPLIT"
_NAME = re.compile(
    r"(?P<repo>\w[\w.-]*/\w[\w.-]*)(?::(?P<config>[^/:\s]+))?(?:/(?P<split>[^/:\s\[\]]+))?",
    re.ASCII,
)
_NAMED = 20
_SENTENCE = 300


class HubName(NamedTuple):
    """Which rows of which data set."""

    repo: str
    config: str | None = None
    split: str | None = None


def parse(name: str) -> HubName:
    """Return what a name such as `hf:owner/name:config/split` means.

    Raises
    ------
    FileError
        If it is no such name.

    Examples
    --------
    >>> parse("hf:farm/hay:oats/test")
    HubName(repo='farm/hay', config='oats', split='test')
    """
    found = _NAME.fullmatch(name.removeprefix(PREFIX))
    if not name.startswith(PREFIX) or not found:
        raise FileError(f"{name} names no data set of the Hub; write {_FORM}.")
    return HubName(found["repo"], found["config"], found["split"])


def hub_rows(name: str) -> Iterator[Row | Skipped]:
    """Yield the rows of a data set as they are downloaded.

    No code of a data set is run: those that need it are refused.

    Raises
    ------
    FileError
        If `datasets` is not installed, there is no such data set, configuration or split, or the
        Hub cannot be reached.
    """
    return rows_of(parse(name), name)


def rows_of(which: HubName, name: str) -> Iterator[Row | Skipped]:
    """Yield the rows of a data set, which may be a folder, too.

    Raises
    ------
    FileError
        As `hub_rows`.
    """
    try:
        import datasets
    except ImportError as error:
        raise FileError(
            f"{name} is a data set of the Hub; install its reader with: pip install datasets"
        ) from error
    try:
        found = datasets.load_dataset(which.repo, which.config, split=which.split, streaming=True)
    # What it raises depends on its version, and on that of what it downloads with.
    except Exception as error:
        raise FileError(f"{name} cannot be read: {_why(error)}.") from error
    return _numbered(_one(found, which, name), name)


def _one(found: Any, which: HubName, name: str) -> Any:
    """Return the only split, its pictures and sounds left as they are.

    Raises
    ------
    FileError
        If there are several.
    """
    if isinstance(found, dict):
        if len(found) != 1:
            there = ", ".join(list(map(str, found))[:_NAMED]) or "none"
            base = name.rstrip("/")
            raise FileError(f"{name} has several splits: {there}. Name one: {base}/SPLIT")
        found = next(iter(found.values()))
    if getattr(found, "features", None) and hasattr(found, "decode"):
        return found.decode(False)
    return found


def _numbered(rows: Any, name: str) -> Iterator[Row | Skipped]:
    number = 0
    try:
        for values in rows:
            number += 1
            # As in tables: a row lacks a field where others have it.
            kept = {key: value for key, value in values.items() if value is not None}
            yield Row(number, kept, file=name)
    except Exception as error:
        if not number:
            raise FileError(f"{name} cannot be read: {_why(error)}.") from error
        yield Skipped(number + 1, f"{_why(error)}; nothing behind it is read")


def _why(error: Exception) -> str:
    """Return what went wrong in one sentence, the likeliest reasons in our own words."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    told = " ".join(str(error).split())
    if "DatasetNotFoundError" in kinds:
        return "there is no such data set on the Hub, or it is private"
    # Of the network, whichever library noticed.
    if kinds & {"ConnectionError", "ConnectError", "TimeoutException", "OfflineModeIsEnabled"}:
        return "the Hub cannot be reached"
    return told[:_SENTENCE].rstrip(".") or type(error).__name__
