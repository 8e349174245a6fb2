"""The commands `loopbench reference` and `loopbench train`; what they need is imported late."""

from __future__ import annotations

from pathlib import Path

import click

STAGES = (
    "pretrain", "midtrain", "sft", "rejection", "repair", "dpo", "ftpo", "rlvr", "distill", "merge",
)  # fmt: skip
EXTRA = "The trainer is not installed; install it with: pip install 'loopbench-edge[train]'"


@click.group()
def reference() -> None:
    """The reference model: its size, its tokenizer, and its export to GGUF."""


@reference.command()
@click.argument("model", metavar="PRESET|FOLDER|GGUF")
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text")
def info(model: str, form: str) -> None:
    """Print parameters by part, the embedding's share and the effective parameters."""
    from loopbench.reference.info import describe, render

    click.echo(render(describe(model), form), nl=False)


@reference.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="By default beside the checkpoint.")
@click.option("--quantization", default="F16", show_default=True, help="F32, F16, Q8_0 or Q4_0.")
def export(checkpoint: Path, out: Path | None, quantization: str) -> None:
    """Write an LFM2 model folder as a GGUF file."""
    try:
        from loopbench.reference.export import export as write

        target = out or checkpoint / f"model-{quantization.lower()}.gguf"
        click.echo(write(checkpoint, target, quantization=quantization))
    except ModuleNotFoundError as error:
        raise ValueError(EXTRA) from error


@reference.command()
@click.argument("out", type=click.Path(path_type=Path))
def tokenizer(out: Path) -> None:
    """Train the tokenizer anew and save it in a folder."""
    try:
        from loopbench.reference.tokenizer import train as make

        make().save_pretrained(str(out))
    except ModuleNotFoundError as error:
        raise ValueError(EXTRA) from error


@reference.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def package(arguments: tuple[str, ...]) -> None:
    """Put the checkpoints of a finished recipe into the package."""
    from loopbench.reference.packaging import main

    main(list(arguments))


@click.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    options_metavar="",
)
@click.argument("stage", type=click.Choice(("all", *STAGES)))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def train(stage: str, arguments: tuple[str, ...]) -> None:
    """Run a STAGE of the reference recipe, or all of it.

    'loopbench train STAGE --help' lists the settings of a stage.
    """
    import importlib

    where = "recipe" if stage == "all" else f"stages.{stage}"
    try:
        importlib.import_module(f"loopbench.reference.{where}").main(list(arguments))
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("loopbench"):
            raise
        raise ValueError(EXTRA) from error
