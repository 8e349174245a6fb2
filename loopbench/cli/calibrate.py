"""The command `calibrate`: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from loopbench.cli.console import print_grid, say
from loopbench.cli.shared import list_of


@click.command()
@click.argument(
    "paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path)
)
@click.option("--detectors", "names", callback=list_of(str), default="all", show_default=True)
@click.option(
    "--part",
    type=click.Choice(("held-out", "development", "all")),
    default="held-out",
    show_default=True,
    help="Thresholds are chosen on the development part; all traces of a prompt share a part.",
)
@click.option(
    "--escapes",
    is_flag=True,
    help="PATHs are runs instead: how often do flagged streams leave their loop, by repeats?",
)
@click.option(
    "--most",
    type=click.FloatRange(0, 1),
    default=0.05,
    show_default=True,
    help="With --escapes: the share that may escape where streams are stopped.",
)
@click.option(
    "--format", "form", type=click.Choice(("text", "md", "json")), default="text", show_default=True
)
def calibrate(
    paths: tuple[Path, ...],
    names: tuple[str, ...],
    part: Any,
    escapes: bool,
    most: float,
    form: str,
) -> None:
    """Measure detectors on labelled traces, or early stopping on runs.

    A PATH is a file of labelled traces (.jsonl, .jsonl.gz) or a folder of such files.
    """
    import msgspec

    from loopbench.calibration import command as calibrating

    if escapes:
        result, grids, notes = calibrating.escapes_of(paths, most)
    else:
        result, grids, notes = calibrating.detectors_on(paths, names, part)
    if form == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(result)))
        return
    for grid in grids:
        if form == "md":
            click.echo(f"{grid.markdown()}\n{grid.note}\n")
        else:
            print_grid(grid)
            say(grid.note)
    for note in notes:
        click.echo(note)
