"""One output as a file holds it, and what can go wrong while it is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from loopbench.types import Count, Finish, Id, Struct


class FileOutput(Struct, frozen=True):
    """One output of a file: a text, token ids, or both."""

    text: str | None = None
    token_ids: list[Id] | None = None
    token_chars: list[Count] | None = None
    """Characters of the text that each token added; without, tokens are placed evenly."""
    pieces: list[str] | None = None
    """The text of each token, where the file has it so; instead of `token_chars`."""
    finish: Finish = "unknown"
    raw_finish: str | None = None
    """The file's own word for why it ended; None where it has none."""
    id: str | int | None = None
    """The file's own name of the item; its number is used without."""
    repeat: int = 0
    """Which of several outputs of one item."""
    prompt: str | None = None
    prompt_hash: str | None = None
    """SHA-256 of the prompt, in hexadecimal digits, where the prompt itself is not there."""
    model: str | None = None
    task: str | None = None
    group: str | None = None
    """Value of the field that the user groups by."""
    budget: int | None = None
    """Most new tokens that were allowed, where the file says so."""
    budget_default: bool = False
    """The budget is the default of the tool that wrote the file; nobody chose it."""
    output_tokens: int | None = None
    """Tokens as the file counts them."""
    error: str | None = None
    """Why there is no output, where generating it failed; `finish` is then `error`."""
    field: str = "text"
    """Where it stood in its row, such as `choices[1].message.content`."""


class Row(NamedTuple):
    """One value of a file: a line, an element of an array, a row of a table, a member."""

    number: int
    """From 1 on: the line of a file of lines, else the place in the order of the file."""
    value: Any
    at: int | None = None
    """Byte at which its line begins, where it can be read again from there."""
    context: Mapping[str, Any] = {}
    """What the file says about all its rows, such as the header of an archive."""
    file: str = ""
    """What the file is called, for tools that tell the task or the model only there."""


class Skipped(NamedTuple):
    """A row that could not be read; the others are still judged."""

    number: int
    problem: str
    """One sentence without its row, such as "it is cut off"."""


def shown(text: str, most: int = 1000) -> str:
    """Return a text of a file as a message may have it: on one line, without control characters.

    Examples
    --------
    >>> shown("red:\\x1b[31m\\n  next")
    'red:\N{REPLACEMENT CHARACTER}[31m next'
    """
    line = " ".join(text[: 2 * most].split())[:most]
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in line)


class FileError(ValueError):
    """A file cannot be read at all; its text is one sentence for the user."""

    def __init__(self, problem: str) -> None:
        super().__init__(shown(problem))


class RowError(ValueError):
    """A row cannot be read; its text says what is wrong with which field."""

    def __init__(self, problem: str) -> None:
        super().__init__(shown(problem))


class Fields(Struct, frozen=True):
    """Which fields hold what, where the user says so; dots lead into nested ones."""

    text: str | None = None
    finish: str | None = None
    group: str | None = None
