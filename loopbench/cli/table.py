"""The command `table`, and the printing of rows that other commands share with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from loopbench.cli.console import print_grid, say
from loopbench.cli.shared import show_options

if TYPE_CHECKING:
    from loopbench.results.summary import Row


@click.command()
@click.argument("path", metavar="RUN", type=click.Path(path_type=Path))
@show_options
def table(path: Path, by: Any, form: str) -> None:
    """Print the table of a run."""
    print_run(path, by, form)


def print_run(path: Path, by: Any, form: str) -> Sequence[Row]:
    """Print the table of a run folder and return its rows.

    Parameters
    ----------
    path
        A run folder.
    by
        What rows are split by.
    form
        `text`, `md`, `csv` or `json`.
    """
    from loopbench.harness.api import rows_of

    rows = rows_of(path, by)
    print_rows(rows, form)
    return rows


def print_rows(rows: Sequence[Row], form: str) -> None:
    """Print rows, with their notes where the format has none of its own."""
    from loopbench.results.table import footnotes, grid_of, render

    if form != "text":
        click.echo(render(rows, form), nl=False)
        return
    print_grid(grid_of(rows))
    for note in footnotes(rows):
        say(note)
