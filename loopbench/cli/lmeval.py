"""The command `lm-eval`: lm-evaluation-harness with loop columns."""

from __future__ import annotations

import click


@click.command(
    "lm-eval",
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def lm_eval(arguments: tuple[str, ...]) -> None:
    """Run lm-evaluation-harness with loop columns; takes lm-eval's arguments.

    '--print-path' alone prints the folder of LoopBench's tasks, for plain lm_eval's
    --include_path.
    """
    if arguments == ("--print-path",):
        from loopbench.lmeval import tasks_path

        click.echo(tasks_path())
        return
    from loopbench.lmeval.command import main

    main(arguments)
