"""Printing tables: to a terminal as wide as it is, to a file without folding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

WITHOUT_TERMINAL = 240
"""A file has no width: nothing is folded there."""


def print_table(table: Any) -> None:
    """Print a `rich` table on standard output."""
    _console().print(table)


def width() -> int:
    """Return how many columns a table may have."""
    return _console().width


def _console() -> Console:
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=WITHOUT_TERMINAL)
    return console
