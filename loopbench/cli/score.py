"""The command `score`: outputs that are there already, judged again, in one of several modes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from loopbench.cli.console import print_grid, print_table, say
from loopbench.cli.detect import detect_files
from loopbench.cli.shared import list_of, show_options
from loopbench.cli.table import print_rows

if TYPE_CHECKING:
    from loopbench.results.agreement import Agreement
    from loopbench.results.rescoring import Rescored


@click.command()
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
    --out is a new folder for their lines with the verdicts. Of other files of outputs it prints
    what 'loopbench detect' counts.
    """
    path, samples = paths[0], len(paths) > 1 or paths[0].is_file()
    if ray and (detectors or samples):
        raise click.UsageError("--ray judges one run folder, without --detectors.")
    if len(paths) > 1 and any(one.is_dir() for one in paths):
        raise click.UsageError("Of several paths each is a file of samples; a run goes alone.")
    if samples:
        if detectors or html or by != "model":
            raise click.UsageError("Logged samples take neither --detectors, --html nor --by.")
        _samples(paths, out, form)
    elif detectors:
        if out or by != "model":
            raise click.UsageError("--detectors takes neither --out nor --by.")
        _matrix(path, detectors, html, form)
    elif html:
        raise click.UsageError("--html needs --detectors, such as --detectors all.")
    elif ray:
        _tell(_rescored_on_ray(path, out, by, ray, ray_cpus), out, form)
    else:
        _tell(_rescored(path, out, by), out, form)


def _samples(paths: Sequence[Path], out: Path | None, form: str) -> None:
    """Print the loop rates of files of logged samples."""
    import msgspec

    from loopbench.lmeval.samples import samples_grid, score_file

    if form == "csv":
        raise click.UsageError("Files of outputs are printed as text, md or json.")
    if not all(map(_logged, paths)):
        if out:
            raise click.UsageError("--out keeps what lm-eval logged; use 'detect --rows --out'.")
        detect_files([str(path) for path in paths], form)
        return
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


def _logged(path: Path) -> bool:
    """Whether a file holds the lines that lm-eval logs today; an empty one may."""
    from loopbench.files.outputs import FileError
    from loopbench.files.reading import open_reading

    if not path.is_file():
        return False
    with path.open("rb") as file:
        first = file.read(1)
    if first != b"{":
        return not first
    try:
        with open_reading(path) as reading:
            return reading.format.name == "lm_eval"
    except FileError:
        # What is wrong with it is said by whoever reads it.
        return path.name.startswith("samples_")


def _matrix(path: Path, names: Sequence[str], html: Path | None, form: str) -> None:
    """Print what each of several detectors would report on the outputs of a run."""
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
        _write_matrix(result, path, html)


def _write_matrix(result: Agreement, path: Path, html: Path) -> None:
    from loopbench.report.agreement import agreement_page
    from loopbench.report.pages import write_page

    write_page(html, agreement_page(result, source=path.name))
    click.echo(f"Page: {html}", err=True)


def _rescored(path: Path, out: Path | None, by: Any) -> Rescored:
    """Judge a run again in this process."""
    from loopbench.results.rescoring import rescore_run

    return rescore_run(path, out, by)


def _rescored_on_ray(path: Path, out: Path | None, by: Any, address: str, cpus: int) -> Rescored:
    """Judge a run again in the tasks of a Ray cluster."""
    from loopbench.distributed.cluster import Cluster
    from loopbench.distributed.scoring import judged_again
    from loopbench.results.rescoring import rescore_run

    tell = partial(click.echo, err=True)
    with Cluster(address, cpus) as cluster:
        return rescore_run(
            path,
            out,
            by,
            lambda source, keep: judged_again(cluster, source, keep=keep, tell=tell),
        )


def _tell(result: Rescored, out: Path | None, form: str) -> None:
    """Print the table of a run that was judged again, and what changed."""
    from loopbench.harness.api import write_summary

    if out:
        write_summary(out)
    print_rows(result.rows, form)
    click.echo(
        f"{result.records} records judged again: {result.outcomes_changed} outcomes and "
        f"{result.grades_changed} grades changed, {result.not_graded} grades "
        "kept because their task has another version now.",
        err=True,
    )
