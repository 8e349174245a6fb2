"""`loopbench lm-eval`: lm-eval's own command line with LoopBench switched on."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence

PIP = "pip install 'loopbench-edge[lm-eval]'"


class MissingError(ValueError):
    """lm-eval is not installed; its text is the command that installs it."""


def require() -> None:
    """Refuse to go on without lm-eval.

    Raises
    ------
    MissingError
        With the command that installs it.
    """
    if importlib.util.find_spec("lm_eval") is None:
        raise MissingError(f"lm-eval is not installed; install it with: {PIP}")


def main(arguments: Sequence[str]) -> None:
    """Run lm-eval with these arguments.

    Raises
    ------
    MissingError
        If lm-eval is not installed.
    SystemExit
        As lm-eval's own command line does.
    """
    require()
    from lm_eval.__main__ import cli_evaluate

    from loopbench.lmeval.evaluation import loop_columns

    before = sys.argv
    # lm-eval reads its arguments from there and inserts the default subcommand.
    sys.argv = ["lm-eval", *arguments]
    try:
        with loop_columns():
            cli_evaluate()
    finally:
        sys.argv = before
