"""Supervised fine-tuning: the outputs only, with the mixture that users would see."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from loopbench.reference import supervised
from loopbench.reference.config import parse


class SftConfig(supervised.SupervisedConfig, frozen=True):
    """Settings of supervised fine-tuning."""

    steps: int = 80
    muon_lr: float = 0.01
    adam_lr: float = 1e-3
    cooldown: float = 1.0
    next_share: float = 0.3
    hard_share: float = 0.5


def main(argv: Sequence[str], until: int | None = None) -> None:
    """Run the stage; `--help` lists its settings."""
    config = parse(argv, SftConfig, __doc__)
    model, words = supervised.start(config)
    what = supervised.mixture(config)
    supervised.run(config, model, words, what, stage="sft", only_outputs=True, until=until)


if __name__ == "__main__":
    main(sys.argv[1:])
