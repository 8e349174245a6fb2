"""The command group `leaderboard`: parse, call, print."""

from __future__ import annotations

from pathlib import Path

import click

_WRONG = (
    "These entries do not follow from their records; "
    "'loopbench leaderboard refresh' makes them anew:"
)
_FOLDER = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default="leaderboards/entries",
    show_default=True,
    help="Where the entries are.",
)


@click.group()
def leaderboard() -> None:
    """Publish runs with the records that their numbers come from."""


@leaderboard.command()
@click.argument("path", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--name", help="Of the entry; by default model, quantisation and temperature.")
@click.option("--machine", help="Class of the machine that made the run; by default this one's.")
@click.option("--note", default="", help="One sentence for the reader.")
@_FOLDER
def add(path: Path, name: str | None, machine: str | None, note: str, folder: Path) -> None:
    """Add a finished RUN as an entry, or replace the entry of its name."""
    from loopbench.leaderboards import entries
    from loopbench.report.runs import load

    run = load(path)
    name = name or entries.default_name(run.header)
    kept = entries.make(run, name, machine or entries.this_machine(), note)
    click.echo(f"Entry: {entries.write(folder, kept)}")


@leaderboard.command()
@click.option(
    "-o",
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default="site",
    show_default=True,
    help="Folder of the site.",
)
@click.option("--no-reports", is_flag=True, help="Leave out the report of every entry.")
@_FOLDER
def build(out: Path, no_reports: bool, folder: Path) -> None:
    """Write all entries as a static site and a Markdown table."""
    from loopbench.errors import RunError
    from loopbench.leaderboards import entries, site

    _refuse_wrong(folder)
    found = [entries.read(path) for path in entries.folders(folder)]
    if not found:
        raise RunError(f"{folder} has no entries; 'loopbench leaderboard add RUN' makes one.")
    written = site.build(found, out, reports=not no_reports)
    click.echo(f"Site: {out / 'index.html'} ({len(written)} files)")


@leaderboard.command()
@_FOLDER
def check(folder: Path) -> None:
    """Compute every entry again from its records; refuse numbers that do not follow."""
    from loopbench.leaderboards import entries

    _refuse_wrong(folder)
    found = entries.folders(folder)
    for path in found:
        entry = entries.read(path).entry
        stale = entries.outdated(entry.detectors, entry.header.judgement)
        if stale:
            click.echo(f"{path.name}: not judged again. {stale}", err=True)
    click.echo(f"{len(found)} {'entry' if len(found) == 1 else 'entries'}: all numbers follow.")


@leaderboard.command()
@_FOLDER
def refresh(folder: Path) -> None:
    """Make every entry anew from its records, with today's rules, graders and columns."""
    from loopbench.leaderboards import entries

    for path in entries.folders(folder):
        click.echo(f"Entry: {entries.write(folder, entries.refreshed(path))}")


def _refuse_wrong(folder: Path) -> None:
    from loopbench.errors import RunError
    from loopbench.leaderboards import checking, entries
    from loopbench.results.table import printable

    wrong = {path.name: checking.problems(path) for path in entries.folders(folder)}
    lines = [
        printable(f"{name}: {problem}") for name, found in wrong.items() for problem in found[:10]
    ]
    if lines:
        raise RunError("\n".join([_WRONG, *lines]))
