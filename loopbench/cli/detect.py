"""The command `detect`: outputs that somebody has already, judged and counted."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from loopbench.cli.console import print_grid, say
from loopbench.cli.shared import Usage

if TYPE_CHECKING:
    from loopbench.outputs.judging import Judging
    from loopbench.outputs.sources import Source
    from loopbench.outputs.summary import Summary
    from loopbench.outputs.table import Offenders

FORMATS = ("text", "md", "json", "rows", "csv", "parquet")
ABOVE = 1
"""Exit code where the stuck rate is above the threshold."""


def _rate(_context: Any, _parameter: Any, value: str | None) -> float | None:
    if value is None:
        return None
    from loopbench.gate.policy import rate

    try:
        share = rate(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    if not 0 <= share <= 1:
        raise click.BadParameter(f"{value} is no share: give 0% to 100%.")
    return share


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="A summary (text, md, json), or one line for each output (rows: JSON lines; csv; parquet)."
    "  [default: text on a terminal, rows elsewhere]",
)
@click.option("--rows", is_flag=True, help="The same as --format rows.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it there.")
@click.option(
    "--by",
    type=click.Choice(("all", "file", "model", "task", "group")),
    help="One row of the summary per …  [default: what there are several of]",
)
@click.option(
    "--fail-over",
    metavar="RATE",
    callback=_rate,
    help="Exit with 1 where more than this share is stuck, such as 1%.",
)
@click.option(
    "--ends-only",
    is_flag=True,
    help="Only how outputs ended, not what they recovered from: faster.",
)
@click.option("--as", "format_name", metavar="FORMAT", help="What the files are; see 'ls formats'.")
@click.option("--text-field", metavar="PATH", help="Field with the output, such as answer.0.text.")
@click.option("--finish-field", metavar="PATH", help="Field that says why it ended.")
@click.option("--group-field", metavar="PATH", help="Field to group the summary by.")
@click.option(
    "--tokenizer",
    metavar="NAME|FILE",
    help="Tokens for texts without ids: a tokenizer.json, a GGUF file, or a model's name.",
)
@click.option(
    "--processes", type=click.IntRange(1), help="Cores to use.  [default: those that are idle]"
)
def detect(
    files: tuple[str, ...],
    form: str | None,
    rows: bool,
    out: Path | None,
    by: Any,
    fail_over: float | None,
    ends_only: bool,
    format_name: str | None,
    text_field: str | None,
    finish_field: str | None,
    group_field: str | None,
    tokenizer: str | None,
    processes: int | None,
) -> None:
    """Count how many of the outputs in files looped.

    FILE is a file, a folder, a pattern, '-' for standard input, or 'hf:OWNER/NAME' for a data set.
    What wrote it is found out by what is in it: JSON lines, arrays and tables with a field of
    text, answers of servers, samples of lm-eval, logs of inspect, and more: see 'ls formats'.
    """
    from loopbench.files.outputs import Fields
    from loopbench.files.reading import How
    from loopbench.outputs.judging import Judging
    from loopbench.outputs.sources import STDIN, refuse_to_overwrite, sources

    if rows and form not in (None, "rows"):
        raise click.UsageError("--rows and --format ask for different things.")
    if not files and sys.stdin.isatty():
        raise click.UsageError("Name a file of outputs, a folder of them, or '-'.")
    how = How(
        format=format_name,
        fields=Fields(text=text_field, finish=finish_field, group=group_field),
    )
    judging = Judging(tokenizer=tokenizer, ends_only=ends_only, workers=processes)
    chosen = form or ("rows" if rows or not sys.stdout.isatty() else "text")
    found = list(sources(files or (STDIN,)))
    refuse_to_overwrite(found, out)
    _detect(found, how, judging, chosen, out, by, fail_over)


def detect_files(files: Sequence[str], form: str) -> None:
    """Judge files as they are found to be, and print the summary.

    Parameters
    ----------
    files
        Names, folders, patterns.
    form
        `text`, `md` or `json`.
    """
    from loopbench.files.reading import How
    from loopbench.outputs.judging import Judging
    from loopbench.outputs.sources import sources

    _detect(list(sources(files)), How(), Judging(), form, None, None, None)


def _detect(
    found: list[Source],
    how: Any,
    judging: Judging,
    form: str,
    out: Path | None,
    by: Any,
    fail_over: float | None,
) -> None:
    """Judge, print, and say by the exit code what was asked for."""
    from loopbench.cli.reading import Reader
    from loopbench.outputs.judged import JudgedOutput
    from loopbench.outputs.summary import Summary
    from loopbench.outputs.table import Offenders, one_line
    from loopbench.outputs.writing import writer_of

    summary, offenders = Summary(), Offenders()
    with Reader(found, how, judging) as reader, writer_of(form, out) as write:
        try:
            for event in reader:
                if isinstance(event, JudgedOutput):
                    summary.add(event)
                    offenders.add(event)
                    write(event)
                else:
                    summary.unread(event.file)
        except KeyboardInterrupt:
            kept = f" What was written is in {out}.part." if out else ""
            click.echo(f"Interrupted after {one_line(summary.total.row())}{kept}", err=True)
            raise
        if not summary.total.row().n:
            raise Usage(reader.nothing())
    _print(summary, offenders, form, out, by, judging.ends_only)
    if reader.refused:
        raise Usage(f"{reader.refused} of the files could not be read; see above.")
    stuck = summary.total.row().stuck_rate.value
    if fail_over is not None:
        if stuck is None:
            raise Usage("No output is left to take a rate of: every generation failed.")
        if stuck > fail_over:
            click.echo(
                f"loopbench: {100 * stuck:.1f} % are stuck, over {100 * fail_over:g} %.", err=True
            )
            sys.exit(ABOVE)


def _print(
    summary: Summary,
    offenders: Offenders,
    form: str,
    out: Path | None,
    by: Any,
    ends_only: bool,
) -> None:
    """Print the summary; where each output has a line, only what can be said in one."""
    import msgspec

    from loopbench.outputs.table import one_line, summary_grid
    from loopbench.outputs.writing import ROWS

    rows = summary.rows(by)
    if form in ROWS:
        click.echo(one_line(rows[-1]), err=True)
        return
    grid = summary_grid(rows, ends_only)
    if form == "text" and out is None:
        print_grid(grid)
        lines = offenders.lines(files=summary.files > 1)
        if lines:
            say("Worst:")
        for line in (*lines, *grid.note.splitlines()):
            say(line)
        return
    text = msgspec.json.format(msgspec.json.encode(rows)).decode() + "\n"
    if form != "json":
        text = f"{grid.markdown()}\n{grid.note}\n"
    if out:
        out.write_text(text, encoding="utf-8")
    else:
        click.echo(text, nl=False)
