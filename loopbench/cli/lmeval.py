"""The commands that have to do with lm-evaluation-harness: `lm-eval`, and its logged samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from loopbench.cli.console import print_grid, say


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


def score_samples(paths: Sequence[Path], out: Path | None, form: str) -> None:
    """Print the loop rates of files of logged samples; see `loopbench score`."""
    import msgspec

    from loopbench.lmeval.samples import samples_grid, score_file

    if form == "csv":
        raise click.UsageError("Logged samples are printed as text, md or json.")
    rows = [score_file(path, out / path.name if out else None) for path in paths]
    if form == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(rows)))
        return
    grid = samples_grid(rows)
    if form == "md":
        click.echo(f"{grid.markdown()}\n{grid.note}")
        return
    print_grid(grid)
    for note in grid.note.splitlines():
        say(note)
