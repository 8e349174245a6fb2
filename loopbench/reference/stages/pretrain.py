"""Pretraining: running text of sums, prompts and worked outputs, from random weights."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from loopbench.reference import model as models
from loopbench.reference import supervised, tokenizer, training
from loopbench.reference.config import parse
from loopbench.reference.presets import preset


class PretrainConfig(supervised.SupervisedConfig, frozen=True):
    """Settings of pretraining."""

    preset: str = "tiny"
    steps: int = 300
    examples: int = 64
    next_share: float = 0.5
    hard_share: float = 0.2
    facts: float = 0.35
    """Share of lines of arithmetic without any task."""


def main(argv: Sequence[str], until: int | None = None) -> None:
    """Run the stage; `--help` lists its settings."""
    config = parse(argv, PretrainConfig, __doc__)
    training.set_up(config)
    words = tokenizer.packaged()
    model = models.build(preset(config.preset), words, config.seed)
    what = supervised.mixture(config, form="plain", facts=config.facts)
    supervised.run(config, model, words, what, stage="pretrain", only_outputs=False, until=until)


if __name__ == "__main__":
    main(sys.argv[1:])
