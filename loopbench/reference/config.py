"""Settings of the training stages, and their command line made from the fields."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from loopbench.types import Struct


class StageConfig(Struct, frozen=True):
    """What every stage can be told."""

    out: str
    """Folder of the stage: configuration, metrics, state, and the model in `model/`."""
    model: str = ""
    """Folder of the model to start from; any Hugging Face causal model from `sft` on."""
    seed: int = 0
    steps: int = 100
    threads: int = 2
    lora_rank: int = 0
    """Above 0: train adapters of that rank only. They are folded into the saved model."""
    muon_lr: float = 0.02
    """Rate of Muon for matrices; 0 gives them to AdamW."""
    adam_lr: float = 3e-3
    decay: float = 0.0
    cooldown: float = 0.6
    """Share of the run in which the rates fall to 0."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    micro_tokens: int = 2048
    """Most padded tokens in one forward pass."""
    checkpoint_every: int = 50


Config = TypeVar("Config", bound=StageConfig)


def parse(argv: Sequence[str], kind: type[Config], about: str) -> Config:
    """Read a configuration from `--field value` options, one for each field of its class.

    Parameters
    ----------
    argv
        The options, without the program's name.
    kind
        The class, whose defaults are those of the options.
    about
        What `--help` says first.

    Raises
    ------
    SystemExit
        As `argparse` does, for unknown options or unreadable values.
    """
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    for field in msgspec.structs.fields(kind):
        option = "--" + field.name.replace("_", "-")
        if field.required:
            parser.add_argument(option, required=True)
        elif isinstance(field.default, bool | int | float | str):
            parser.add_argument(option, default=field.default, type=_reader(field.default))
    return msgspec.convert(vars(parser.parse_args(list(argv))), kind)


def _reader(default: Any) -> Any:
    if isinstance(default, bool):
        return lambda text: text.lower() in ("1", "true", "yes")
    return type(default)
