"""What several commands share: options, and failures with their exit codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

USAGE, FAILED, INTERRUPTED = 2, 4, 130
FORMATS = ("text", "md", "csv", "json")
BY = ("model", "task", "level", "category")
STOP_CIRCULAR_HELP = (
    "Also end streams that go round. Many of these would have left again: the stuck rate then "
    "counts what was ever confirmed, and circular stops have an audit of their own."
)

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
