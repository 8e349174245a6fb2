"""Mid-training: all tasks and levels in the chat template, every token learnt."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from loopbench.reference import supervised
from loopbench.reference.config import parse


class MidtrainConfig(supervised.SupervisedConfig, frozen=True):
    """Settings of mid-training."""

    steps: int = 250
    muon_lr: float = 0.015
    adam_lr: float = 2e-3
    next_share: float = 0.35


def main(argv: Sequence[str], until: int | None = None) -> None:
    """Run the stage; `--help` lists its settings."""
    config = parse(argv, MidtrainConfig, __doc__)
    model, words = supervised.start(config)
    what = supervised.mixture(config)
    supervised.run(config, model, words, what, stage="midtrain", only_outputs=False, until=until)


if __name__ == "__main__":
    main(sys.argv[1:])
