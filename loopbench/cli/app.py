"""The command line: every command has a file of its own. Anything heavy is imported by it."""

from __future__ import annotations

import sys
from typing import Any

import click

import loopbench
from loopbench.cli.calibrate import calibrate
from loopbench.cli.compare import compare
from loopbench.cli.detect import detect
from loopbench.cli.gate import gate
from loopbench.cli.leaderboard import leaderboard
from loopbench.cli.listing import ls
from loopbench.cli.lmeval import lm_eval
from loopbench.cli.reference import reference, train
from loopbench.cli.report import report
from loopbench.cli.run import run
from loopbench.cli.score import score
from loopbench.cli.shared import INTERRUPTED, Failure, Usage
from loopbench.cli.table import table


class _ReaderGoneError(Exception):
    """The reader of our output went away (`| head`): that is no failure."""


class _Commands(click.Group):
    """The commands. Where nobody reads, click would end with 1, which means something else."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _ReaderGoneError from error


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(loopbench.__version__)
def cli() -> None:
    """Count doom loops of small language models, beside their task scores."""


COMMANDS: tuple[click.Command, ...] = (
    calibrate, compare, detect, gate, leaderboard, lm_eval, ls, reference, report, run, score,
    table, train,
)  # fmt: skip
for command in COMMANDS:
    cli.add_command(command)


def main() -> None:
    """Entry point: an expected failure is one sentence and an exit code, never a trace."""
    from loopbench.errors import expected

    try:
        with expected(Usage, Failure):
            cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except _ReaderGoneError:
        sys.stdout = None
        sys.exit(0)
