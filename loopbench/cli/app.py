"""The command line: parse, call, print. Everything heavier is imported by the command."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

import loopbench
from loopbench.cli import reference as reference_cli
from loopbench.cli.console import print_grid, print_table, say
from loopbench.cli.gate import compare, gate
from loopbench.cli.leaderboard import leaderboard
from loopbench.cli.lmeval import lm_eval, score_samples
from loopbench.cli.report import report
from loopbench.cli.run import run
from loopbench.cli.shared import (
    INTERRUPTED,
    Failure,
    Usage,
    list_of,
    print_rows,
    print_run,
    show_options,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(loopbench.__version__)
def cli() -> None:
    """Count doom loops of small language models, beside their task scores."""


@cli.command()
@click.argument("path", metavar="RUN", type=click.Path(path_type=Path))
@show_options
def table(path: Path, by: Any, form: str) -> None:
    """Print the table of a run."""
    print_run(path, by, form)


@cli.command()
@click.argument(
    "paths", metavar="RUN|SAMPLES...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--detectors",
    callback=list_of(str),
    default="",
    help="Instead: what each of these ('all', or names) would report on the same outputs.",
)
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --detectors: also write the matrix as a page.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Keep the records as they are judged now in this new run folder.",
)
@click.option(
    "--ray",
    metavar="ADDRESS",
    help="Judge a run's records in the tasks of this Ray cluster; 'local' starts one here.",
)
@click.option(
    "--ray-cpus",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="CPUs of a local cluster: records are judged on so many at the same time.",
)
@show_options
def score(
    paths: tuple[Path, ...],
    detectors: tuple[str, ...],
    html: Path | None,
    out: Path | None,
    ray: str | None,
    ray_cpus: int,
    by: Any,
    form: str,
) -> None:
    """Judge and grade the records of a run again, without the model.

    SAMPLES are files that lm-eval wrote with --log_samples: their responses are judged, and
    --out is a new folder for their lines with the verdicts.
    """
    if ray and (detectors or len(paths) > 1 or paths[0].is_file()):
        raise click.UsageError("--ray judges one run folder, without --detectors.")
    if len(paths) > 1 or paths[0].is_file():
        if detectors or html or by != "model":
            raise click.UsageError("Logged samples take neither --detectors, --html nor --by.")
        score_samples(paths, out, form)
        return
    path = paths[0]
    if detectors:
        if out or by != "model":
            raise click.UsageError("--detectors takes neither --out nor --by.")
        _print_agreement(path, detectors, form, html)
        return
    if html:
        raise click.UsageError("--html needs --detectors, such as --detectors all.")
    from loopbench.harness.api import write_summary
    from loopbench.results.rescoring import rescore_run

    if ray:
        from loopbench.distributed.cluster import Cluster
        from loopbench.distributed.scoring import judged_again

        tell = partial(click.echo, err=True)
        with Cluster(ray, ray_cpus) as cluster:
            result = rescore_run(
                path,
                out,
                by,
                lambda source, keep: judged_again(cluster, source, keep=keep, tell=tell),
            )
    else:
        result = rescore_run(path, out, by)
    if out:
        write_summary(out)
    print_rows(result.rows, form)
    click.echo(
        f"{result.records} records judged again: {result.outcomes_changed} outcomes and "
        f"{result.grades_changed} grades changed, {result.not_graded} grades "
        "kept because their task has another version now.",
        err=True,
    )


@cli.command()
@click.argument("file", type=click.File("rb"), default="-")
def detect(file: Any) -> None:
    """Judge outputs: JSON lines with token_ids and/or text, or a plain text.

    Prints one JSON verdict per line. An output without 'finish' counts as cut at its budget.
    """
    import msgspec

    from loopbench.judging.rows import judged

    for verdict in judged(file):
        click.echo(msgspec.json.encode(verdict))


@cli.command()
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


@cli.command()
@click.argument("what", type=click.Choice(("models", "tasks", "detectors", "backends")))
def ls(what: str) -> None:
    """List what there is."""
    from loopbench.cli.listing import listing

    print_table(listing(what))


cli.add_command(run)
cli.add_command(gate)
cli.add_command(compare)
cli.add_command(lm_eval)
cli.add_command(report)
cli.add_command(leaderboard)


cli.add_command(reference_cli.reference)
cli.add_command(reference_cli.train)


def _print_agreement(path: Path, names: Sequence[str], form: str, html: Path | None) -> None:
    import msgspec

    from loopbench import detectors
    from loopbench.results.agreement import agreement, agreement_table
    from loopbench.results.store import read_header, read_records

    if form not in ("text", "json"):
        raise click.UsageError("--detectors prints as text or json.")
    read_header(path, earlier=True)
    chosen = detectors.names() if "all" in names else names
    result = agreement(read_records(path), [detectors.get(name) for name in chosen])
    if form == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(result)))
    else:
        print_table(agreement_table(result))
    if html:
        from loopbench.report.agreement import agreement_page
        from loopbench.report.pages import write_page

        write_page(html, agreement_page(result, source=path.name))
        click.echo(f"Page: {html}", err=True)


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
    except BrokenPipeError:
        # The reader of our output went away (`| head`): that is no failure.
        sys.stdout = None
        sys.exit(0)
