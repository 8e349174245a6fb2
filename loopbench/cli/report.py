"""The command `report`: parse, call, print."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The page; report.html in the run folder where there is one run and nothing is asked.",
)
@click.option(
    "--markdown",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a model card: Hugging Face evaluation results and the table.",
)
@click.option(
    "--charts",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write every chart as SVG and PNG into this folder.",
)
@click.option(
    "--detectors",
    "names",
    default="all",
    show_default=True,
    help="Rules whose agreement is shown: all, none, or names separated by commas.",
)
@click.option(
    "--max-traces", type=click.IntRange(min=0), help="Most outputs in the viewer; all by default."
)
def report(
    runs: tuple[Path, ...],
    out: Path | None,
    markdown: Path | None,
    folder: Path | None,
    names: str,
    max_traces: int | None,
) -> None:
    """Write RUNs as one self-contained page with charts and a viewer of the outputs.

    Without -o the page is written where neither --markdown nor --charts asks for something else.
    """
    from loopbench import detectors
    from loopbench.report import runs as loading
    from loopbench.report.charts import require, write_charts
    from loopbench.report.run_charts import charts_of
    from loopbench.report.run_page import run_page

    if out is None and not (markdown or folder):
        if len(runs) > 1:
            raise click.UsageError("Say where the page of several runs goes, with -o report.html.")
        out = runs[0] / "report.html"
    chosen = detectors.names() if names == "all" else [n for n in names.split(",") if n.strip()]
    rules = [] if names == "none" else [detectors.get(name.strip()) for name in chosen]
    loaded = [loading.load(path) for path in runs]
    series = loading.series_of(loaded)
    if out or folder:
        require()
        charts = charts_of(series)
    if folder:
        write_charts(charts, folder)
        click.echo(f"Charts: {folder}", err=True)
    if markdown:
        from loopbench.report.model_card import model_card
        from loopbench.report.pages import write_page

        write_page(markdown, model_card(loaded, series))
        click.echo(f"Model card: {markdown}", err=True)
    if out:
        from loopbench.report.pages import write_page

        write_page(out, run_page(loaded, series, charts, detectors=rules, most_traces=max_traces))
        click.echo(f"Page: {out}", err=True)
