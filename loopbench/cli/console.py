"""Printing tables: to a terminal as wide as it is, to a file without folding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from loopbench.results.grid import Grid

WITHOUT_TERMINAL = 240
"""A file has no width: nothing is folded there."""


def print_table(table: Any) -> None:
    """Print a `rich` table on standard output."""
    _console().print(table)


def print_grid(grid: Grid) -> None:
    """Print a grid on standard output, in parts where the terminal is too narrow for it."""
    console = _console()
    for table in grid.tables(console.width):
        console.print(table)


def say(sentence: str) -> None:
    """Print a sentence; a terminal that is too narrow for it breaks it between words."""
    console = _console()
    console.print(sentence, soft_wrap=not console.is_terminal)


def _console() -> Console:
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=WITHOUT_TERMINAL)
    return console
