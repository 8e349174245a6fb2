"""Tasks from elsewhere: `bfcl:simple`, `reasoning_gym:sudoku`, `hf:math_500`, `jsonl:my.jsonl`.

One module per source, loaded when a name asks for it. A source's packages are optional; where
one is missing the error says how to install it.
"""

from __future__ import annotations

import importlib
from collections.abc import Collection
from typing import Protocol

from loopbench.naming import UnknownNameError
from loopbench.tasks.base import Task

PREFIXES = {
    "bfcl": "bfcl",
    "hf": "hub",
    "ifeval": "ifeval",
    "jsonl": "jsonl",
    "reasoning_gym": "gym",
}
"""What a name begins with -> the module of the source."""


class SourceError(ValueError):
    """A source cannot be used; its text is one sentence that says what to do."""


class Source(Protocol):
    """A family of tasks under one prefix."""

    prefix: str
    placeholder: str
    """What comes after the prefix, for help texts: `<category>`."""
    description: str
    origin: str
    """Where the data come from: a package, a site, a file."""
    licence: str

    def known(self) -> list[str]:
        """Return the names after the prefix; empty where they are the user's own."""
        ...

    def size(self) -> str:
        """Say how much there is, or how to install it."""
        ...

    def levels(self) -> str:
        """Say which levels may follow a name."""
        ...

    def split(self, rest: str) -> tuple[str, str]:
        """Cut what comes after the prefix into a name and a level, which may be empty."""
        ...

    def open(self, name: str) -> Task:
        """Return one task.

        Raises
        ------
        SourceError, UnknownNameError
            If it cannot be had, or there is none of this name.
        """
        ...


def is_source(name: str) -> bool:
    """Return whether a task name begins with a source."""
    prefix, colon, _ = name.partition(":")
    return bool(colon) and prefix in PREFIXES


def source(prefix: str) -> Source:
    """Import and return a source."""
    module = importlib.import_module(f"{__name__}.{PREFIXES[prefix]}")
    found: Source = module.SOURCE
    return found


def split(name: str) -> tuple[str, str]:
    """Return the task's name, prefix included, and the level that follows it, if any."""
    prefix, _, rest = name.partition(":")
    if not rest:
        asked = source(prefix)
        raise SourceError(f"Say which: {prefix}:{asked.placeholder}; {_known(asked)}.")
    task, level = source(prefix).split(rest)
    return f"{prefix}:{task}", level


def get(name: str) -> Task:
    """Return the task of a name without a level.

    Raises
    ------
    SourceError
        If the source cannot be used.
    loopbench.naming.UnknownNameError
        If the source knows its names and this is none.
    """
    prefix, _, rest = name.partition(":")
    return source(prefix).open(rest)


def check_known(prefix: str, name: str, known: Collection[str]) -> None:
    """Refuse a name that a source does not know.

    Parameters
    ----------
    prefix
        The source.
    name
        Task of the source that is asked for.
    known
        All that it has.

    Raises
    ------
    loopbench.naming.UnknownNameError
        Its text says which name was probably meant.
    """
    if name not in known:
        raise UnknownNameError(f"{prefix} task", name, known)


def _known(asked: Source) -> str:
    known = asked.known()
    return f"known are {', '.join(known)}" if known else f"the tasks are {asked.description}"
