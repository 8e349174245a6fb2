"""Printing tables: to a terminal as wide as it is, to a file without folding."""

from __future__ import annotations

from typing import Any


def print_table(table: Any) -> None:
    """Print a `rich` table on standard output."""
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        # A file has no width: nothing is folded there.
        console = Console(highlight=False, markup=False, width=240)
    console.print(table)
