"""What several commands share: options, printing, and failures with their exit codes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from loopbench.cli.console import print_grid, say

if TYPE_CHECKING:
    from loopbench.results.summary import Row

USAGE, FAILED, INTERRUPTED = 2, 4, 130
FORMATS = ("text", "md", "csv", "json")
BY = ("model", "task", "level", "category")

Command = TypeVar("Command", bound=Callable[..., Any])


def list_of(kind: Callable[[str], Any]) -> Callable[[Any, Any, str], tuple[Any, ...]]:
    """Return a callback that splits an option's value at commas."""

    def split(context: Any, parameter: Any, value: str) -> tuple[Any, ...]:
        try:
            return tuple(kind(part.strip()) for part in value.split(",") if part.strip())
        except ValueError as error:
            raise click.BadParameter(f"{value!r} is not a list such as 0,0.1: {error}") from error

    return split


def show_options(command: Command) -> Command:
    """Add `--format` and `--by`."""
    command = click.option(
        "--format", "form", type=click.Choice(FORMATS), default="text", show_default=True
    )(command)
    return click.option(
        "--by", type=click.Choice(BY), default="model", show_default=True, help="One row per …"
    )(command)


class Failure(click.ClickException):
    """A run that failed."""

    exit_code = FAILED

    def show(self, file: Any = None) -> None:
        from loopbench.results.table import printable

        # An engine's message may quote the model's chat template.
        lines = self.format_message().splitlines()
        click.echo("loopbench: " + "\n".join(map(printable, lines)), err=True)


class Usage(Failure):
    """Something was asked for that cannot be done."""

    exit_code = USAGE


def print_run(path: Path, by: Any, form: str) -> Sequence[Row]:
    """Print the table of a run folder and return its rows."""
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
