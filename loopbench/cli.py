"""The command line: parse, call, print. Everything heavier is imported by the command."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

import loopbench
from loopbench.cli_gate import compare, gate
from loopbench.cli_leaderboard import leaderboard
from loopbench.cli_lmeval import lm_eval, score_samples
from loopbench.cli_report import report
from loopbench.console import print_table
from loopbench.reference import cli as reference_cli

if TYPE_CHECKING:
    from loopbench.summary import Row

USAGE, FAILED, INTERRUPTED = 2, 4, 130
_FORMATS = ("text", "md", "csv", "json")
_BY = ("model", "task", "level", "category")

Command = TypeVar("Command", bound=Callable[..., Any])


def _list_of(kind: Callable[[str], Any]) -> Callable[[Any, Any, str], tuple[Any, ...]]:
    """Return a callback that splits an option's value at commas."""

    def split(context: Any, parameter: Any, value: str) -> tuple[Any, ...]:
        try:
            return tuple(kind(part.strip()) for part in value.split(",") if part.strip())
        except ValueError as error:
            raise click.BadParameter(f"{value!r} is not a list such as 0,0.1: {error}") from error

    return split


def _show_options(command: Command) -> Command:
    command = click.option(
        "--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True
    )(command)
    return click.option(
        "--by", type=click.Choice(_BY), default="model", show_default=True, help="One row per …"
    )(command)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(loopbench.__version__)
def cli() -> None:
    """Count doom loops of small language models, beside their task scores."""


@cli.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option(
    "--tasks",
    callback=_list_of(str),
    default="edge",
    show_default=True,
    help="Suites, tasks or task:level, separated by commas.",
)
@click.option(
    "--temperature",
    callback=_list_of(float),
    default="0",
    show_default=True,
    help="One row of the table for each.",
)
@click.option("--max-new-tokens", type=int, default=1024, show_default=True, help="The budget.")
@click.option("--repeats", type=int, default=1, show_default=True, help="Generations per prompt.")
@click.option("--limit", type=int, help="Most prompts; every prefix of a suite keeps its mixture.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--slots", type=int, help="Streams at the same time.")
@click.option("--threads", type=int, help="CPU threads; by default the cores that are free.")
@click.option("--no-early-stop", is_flag=True, help="Let looping streams go on to the budget.")
@click.option(
    "--audit-share",
    type=float,
    default=0.05,
    show_default=True,
    help="Share of early-stopped streams that is run on to the budget.",
)
@click.option(
    "--audit-min",
    type=int,
    default=20,
    show_default=True,
    help="At least so many per kind of loop, where there are that many.",
)
@click.option(
    "--deterministic",
    is_flag=True,
    help="One slot and a fixed batch: the same ids again on the same machine.",
)
@click.option("--top-k", type=int, default=0, show_default=True)
@click.option("--top-p", type=float, default=1.0, show_default=True)
@click.option("--min-p", type=float, default=0.0, show_default=True)
@click.option("--repetition-penalty", type=float, default=1.0, show_default=True)
@click.option("--backend", help="Engine; by default the one for the MODEL's form.")
@click.option(
    "--device", help="transformers: cpu, cuda, cuda:1, mps, or a device map such as auto."
)
@click.option("--dtype", help="transformers: float32, bfloat16, float16 or auto.")
@click.option(
    "--api",
    type=click.Choice(("chat", "completions")),
    help="openai: with the server's chat template (the default), or plain prompts.",
)
@click.option("--closed-book", is_flag=True, help="Agent tasks: the same questions without tools.")
@click.option(
    "--max-turns",
    type=int,
    default=8,
    show_default=True,
    help="Agent tasks: most replies of an episode.",
)
@click.option(
    "--agent-context",
    type=int,
    default=3072,
    show_default=True,
    help="Agent tasks: tokens of the longest prompt; older turns are dropped.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Run folder; new under runs/.")
@click.option("--resume", is_flag=True, help="Continue the run in --out.")
@_show_options
def run(
    models: tuple[str, ...],
    temperature: tuple[float, ...],
    no_early_stop: bool,
    out: Path | None,
    resume: bool,
    by: Any,
    form: str,
    **options: Any,
) -> None:
    """Run MODELs on hard tasks and print their loop rates.

    A MODEL is a GGUF file or a name that 'loopbench ls models' shows, a Hugging Face folder
    or hub id, the URL of a server as http://HOST:PORT/v1#NAME, or a recording to replay;
    'reference' is all stages of the reference model, on the suite of that name.
    """
    from loopbench import catalog
    from loopbench.api import write_summary
    from loopbench.display import Display
    from loopbench.plan import Settings
    from loopbench.runner import default_folder, execute
    from loopbench.store import HEADER

    if models == (catalog.REFERENCE,) and _is_default("tasks"):
        # Its prompts are a million parameters' size; those of the other suites are not.
        options["tasks"] = (catalog.REFERENCE,)
    models = catalog.expand(models)
    settings = Settings(
        models=models, temperatures=temperature, early_stop=not no_early_stop, **options
    )
    if resume and out is None:
        raise click.UsageError("--resume needs --out: the folder of the run to continue.")
    out = out or default_folder(models)
    try:
        with Display() as display:
            execute(settings, out, resume=resume, progress=display)
    except KeyboardInterrupt:
        if (out / HEADER).exists():
            _print_run(out, by, form)
            click.echo(
                f"Interrupted. Continue with the same command and --resume --out {out}", err=True
            )
        sys.exit(INTERRUPTED)
    write_summary(out)
    rows = _print_run(out, by, form)
    click.echo(f"Records: {out}", err=True)
    if all(row.n == row.n_error for row in rows):
        raise _Failure(_first_error(out))


@cli.command()
@click.argument("path", metavar="RUN", type=click.Path(path_type=Path))
@_show_options
def table(path: Path, by: Any, form: str) -> None:
    """Print the table of a run."""
    _print_run(path, by, form)


@cli.command()
@click.argument(
    "paths", metavar="RUN|SAMPLES...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--detectors",
    callback=_list_of(str),
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
@_show_options
def score(
    paths: tuple[Path, ...],
    detectors: tuple[str, ...],
    html: Path | None,
    out: Path | None,
    by: Any,
    form: str,
) -> None:
    """Judge and grade the records of a run again, without the model.

    SAMPLES are files that lm-eval wrote with --log_samples: their responses are judged, and
    --out is a new folder for their lines with the verdicts.
    """
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
    from loopbench.api import write_summary
    from loopbench.rescoring import rescore_run

    result = rescore_run(path, out, by)
    if out:
        write_summary(out)
    _print_rows(result.rows, form)
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

    from loopbench.rows_in import judged

    for verdict in judged(file):
        click.echo(msgspec.json.encode(verdict))


@cli.command()
@click.argument(
    "paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path)
)
@click.option("--detectors", "names", callback=_list_of(str), default="all", show_default=True)
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

    from loopbench import calibrating

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
            print_table(grid.rich())
            click.echo(grid.note)
    for note in notes:
        click.echo(note)


@cli.command()
@click.argument("what", type=click.Choice(("models", "tasks", "detectors", "backends")))
def ls(what: str) -> None:
    """List what there is."""
    from loopbench.listing import listing

    print_table(listing(what))


cli.add_command(gate)
cli.add_command(compare)
cli.add_command(lm_eval)
cli.add_command(report)
cli.add_command(leaderboard)


cli.add_command(reference_cli.reference)
cli.add_command(reference_cli.train)


class _Failure(click.ClickException):
    exit_code = FAILED

    def show(self, file: Any = None) -> None:
        from loopbench.table import printable

        # An engine's message may quote the model's chat template.
        lines = self.format_message().splitlines()
        click.echo("loopbench: " + "\n".join(map(printable, lines)), err=True)


class _Usage(_Failure):
    exit_code = USAGE


def _is_default(option: str) -> bool:
    source = click.get_current_context().get_parameter_source(option)
    return source is click.core.ParameterSource.DEFAULT


def _print_run(path: Path, by: Any, form: str) -> Sequence[Row]:
    from loopbench.api import rows_of

    rows = rows_of(path, by)
    _print_rows(rows, form)
    return rows


def _print_rows(rows: Sequence[Row], form: str) -> None:
    from loopbench.table import footnotes, render, rich_table

    if form != "text":
        click.echo(render(rows, form), nl=False)
        return
    print_table(rich_table(rows))
    for note in footnotes(rows):
        click.echo(note)


def _print_agreement(path: Path, names: Sequence[str], form: str, html: Path | None) -> None:
    import msgspec

    from loopbench import detectors
    from loopbench.agreement import agreement, agreement_table
    from loopbench.store import read_header, read_records

    if form not in ("text", "json"):
        raise click.UsageError("--detectors prints as text or json.")
    read_header(path)
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


def _first_error(path: Path) -> str:
    from loopbench.store import read_records

    errors = (r.generation.error for r in read_records(path) if r.generation.error)
    return f"No generation succeeded. The first error: {next(errors, 'none was recorded')}"


def main() -> None:
    """Entry point: an expected failure is one sentence and an exit code, never a trace."""
    from loopbench.errors import expected

    try:
        with expected(_Usage, _Failure):
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
