"""The command `compare`: parse, call, print."""

from __future__ import annotations

from pathlib import Path

import click

from loopbench.cli.console import print_table


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@click.option("--all", "everything", is_flag=True, help="List every prompt that changed.")
@click.option(
    "--format", "form", type=click.Choice(("text", "md", "json")), default="text", show_default=True
)
def compare(runs: tuple[Path, ...], everything: bool, form: str) -> None:
    """Compare checkpoints prompt by prompt: every other model with the first.

    A RUN is a run folder or a file of 'gate --save-baseline'. All must have been measured with
    the same tasks, prompts, budget, sampling and detectors.
    """
    from loopbench.comparison import report
    from loopbench.comparison.outcomes import compare as compared
    from loopbench.comparison.outcomes import entries
    from loopbench.gate.running import load_baseline

    comparisons = compared(entries([(str(path), load_baseline(path)) for path in runs]))
    if form == "json":
        click.echo(report.json_text(comparisons))
    elif form == "md":
        click.echo(report.markdown(comparisons, everything=everything), nl=False)
    else:
        for comparison in comparisons:
            click.echo(report.title(comparison))
            print_table(report.rich_table(comparison))
            for line in report.details(comparison, everything=everything):
                click.echo(line)
            click.echo(report.sentence(comparison))
