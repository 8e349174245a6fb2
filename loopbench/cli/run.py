"""The command `run`: parse, call, print."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from loopbench.cli.shared import (
    INTERRUPTED,
    STOP_CIRCULAR_HELP,
    Failure,
    list_of,
    show_options,
)
from loopbench.cli.table import print_run

if TYPE_CHECKING:
    from loopbench.results.summary import Row


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option(
    "--tasks",
    callback=list_of(str),
    default="edge",
    show_default=True,
    help="Suites, tasks, task:level, or tasks of a source (bfcl:simple, jsonl:my.jsonl, ...), "
    "separated by commas.",
)
@click.option(
    "--temperature",
    callback=list_of(float),
    default="0",
    show_default=True,
    help="One row of the table for each.",
)
@click.option("--max-new-tokens", type=int, default=1024, show_default=True, help="The budget.")
@click.option(
    "--think-budget",
    type=int,
    metavar="N",
    help="Most tokens of thinking; an open block is then closed and the answer follows.",
)
@click.option("--repeats", type=int, default=1, show_default=True, help="Generations per prompt.")
@click.option("--limit", type=int, help="Most prompts; every prefix of a suite keeps its mixture.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--slots", type=int, help="Streams at the same time.")
@click.option("--threads", type=int, help="CPU threads; by default the cores that are free.")
@click.option(
    "--early-stop/--no-early-stop",
    default=None,
    help="End looping streams, or let them go on to the budget.  [default: end them, but judge a "
    "recording as it is]",
)
@click.option("--stop-circular", is_flag=True, help=STOP_CIRCULAR_HELP)
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
@click.option(
    "--grid",
    multiple=True,
    metavar="AXIS=A,B...",
    help="Every combination of temperature=, quant=, penalty= and level=, in one run.",
)
@click.option("--requantize", is_flag=True, help="Let the quant axis start from a quantised file.")
@click.option(
    "--heatmap",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw the doom rates as FILE.svg or FILE.png.",
)
@click.option(
    "--ray",
    metavar="ADDRESS",
    help="Generate in the actors of this Ray cluster; 'local' starts one on this machine.",
)
@click.option(
    "--ray-actors",
    type=int,
    default=1,
    show_default=True,
    help="Actors, each with the model loaded; --slots is per actor.",
)
@click.option("--ray-cpus", type=int, default=1, show_default=True, help="CPUs of each actor.")
@click.option("--ray-gpus", type=float, default=0.0, show_default=True, help="GPUs of each actor.")
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
@click.option(
    "--flash-attention",
    type=click.Choice(("on", "off")),
    help="llamacpp, llama-cpp-python: llama.cpp's own default is on; ours is off on a CPU.",
)
@click.option(
    "--constrained",
    is_flag=True,
    help="Decode under each task's JSON schema; extraction and tool tasks only.",
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
@show_options
def run(
    models: tuple[str, ...],
    temperature: tuple[float, ...],
    grid: tuple[str, ...],
    heatmap: Path | None,
    out: Path | None,
    resume: bool,
    by: Any,
    form: str,
    **options: Any,
) -> None:
    """Run MODELs on hard tasks and print their loop rates.

    A MODEL is a GGUF file or a name that 'loopbench ls models' shows, a Hugging Face folder
    or hub id, the URL of a server as http://HOST:PORT/v1#NAME, or a recording to judge: a run
    folder or a file of outputs, also as PATH#MODEL. 'reference' is all stages of the reference
    model. They are measured on the suite of that name.
    """
    from loopbench.cli.display import Display
    from loopbench.harness.api import write_summary
    from loopbench.harness.plan import Settings
    from loopbench.harness.runner import default_folder, execute
    from loopbench.models import catalog
    from loopbench.results.store import HEADER

    if grid:
        models, varied = _grid(models, grid)
        temperature = varied.pop("temperatures", temperature)
        options |= varied
        if "levels" in varied and _is_default("by"):
            by = "level"
    stages = catalog.expand((catalog.REFERENCE,))
    if set(catalog.expand(models)) <= set(stages) and _is_default("tasks"):
        # Its prompts are a million parameters' size; those of the other suites are not.
        options["tasks"] = (catalog.REFERENCE,)
    settings = Settings(
        models=catalog.expand(models),
        temperatures=temperature,
        **options,
    )
    if resume and out is None:
        raise click.UsageError("--resume needs --out: the folder of the run to continue.")
    out = out or default_folder(models)
    try:
        with Display() as display:
            execute(settings, out, resume=resume, progress=display)
    except KeyboardInterrupt:
        if (out / HEADER).exists():
            print_run(out, by, form)
            click.echo(
                f"Interrupted. Continue with the same command and --resume --out {out}", err=True
            )
        sys.exit(INTERRUPTED)
    write_summary(out)
    rows = print_run(out, by, form)
    if heatmap:
        _draw(rows, heatmap)
    click.echo(f"Records: {out}", err=True)
    if all(row.n == row.n_error for row in rows):
        raise Failure(_first_error(out))


def _grid(
    models: tuple[str, ...], words: tuple[str, ...]
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the models, and what the axes set; a shell hands further axes over as models."""
    from loopbench.harness import axes

    named, more = axes.split(models)
    grid = axes.parse([*words, *more])
    for axis, option in (("temperature", "temperature"), ("penalty", "repetition_penalty")):
        if getattr(grid, axis) and not _is_default(option):
            raise click.UsageError(
                f"--{option.replace('_', '-')} and the grid axis {axis} exclude each other."
            )
    found = {
        "temperatures": grid.temperature,
        "penalties": grid.penalty,
        "quants": grid.quant,
        "levels": grid.level,
    }
    return tuple(named), {"grid": True} | {name: values for name, values in found.items() if values}


def _is_default(option: str) -> bool:
    source = click.get_current_context().get_parameter_source(option)
    return source is not click.core.ParameterSource.COMMANDLINE


def _draw(rows: Sequence[Row], path: Path) -> None:
    from loopbench.report.heatmap import draw, heat_map

    draw(heat_map(rows), path)
    click.echo(f"Heat map: {path}", err=True)


def _first_error(path: Path) -> str:
    from loopbench.results.store import read_records

    errors = (r.generation.error for r in read_records(path) if r.generation.error)
    return f"No generation succeeded. The first error: {next(errors, 'none was recorded')}"
