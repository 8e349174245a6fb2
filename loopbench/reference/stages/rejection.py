"""Rejection-sampled fine-tuning: learn the model's own outputs that are right."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from loopbench.reference import pairs, rollouts, supervised, training
from loopbench.reference.config import parse
from loopbench.reference.training import Metrics, TrainingRow


class RejectionConfig(rollouts.RolloutConfig, frozen=True):
    """Settings of rejection-sampled fine-tuning."""

    steps: int = 50
    prompts: int = 192
    samples: int = 4
    batch: int = 48
    """Outputs of one step."""
    muon_lr: float = 0.005
    adam_lr: float = 5e-4
    cooldown: float = 1.0


def main(argv: Sequence[str], until: int | None = None) -> None:
    """Run the stage; `--help` lists its settings."""
    config = parse(argv, RejectionConfig, __doc__)
    model, words = supervised.start(config)
    groups = pairs.on_policy(model, words, config, "rejection")
    kept = [
        TrainingRow([*rollout.prompt, *rollout.output], len(rollout.prompt))
        for group in groups
        for rollout in group
        if rollout.score == 1
    ]
    pad = words.pad_token_id or 0

    def step(number: int) -> Metrics:
        rows = [kept[i] for i in pairs.cycle(len(kept), config.batch, config.seed, number)]
        return training.learn(model, rows, pad, config) | {"kept": float(len(kept))}

    training.train(config, model, words, step, stage="rejection", until=until)


if __name__ == "__main__":
    main(sys.argv[1:])
