"""GRPO with verifiable rewards: groups of outputs to one prompt, judged by the grader.

Each step samples afresh and updates once, so the ratio of policies is 1 and nothing needs
clipping. Advantages are rewards less the group's mean, neither divided by the group's
deviation nor by each output's length (Liu et al., "Understanding R1-Zero-Like Training",
2025): both reward short wrong answers.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import torch

from loopbench.reference import model as models
from loopbench.reference import rewards, rollouts, supervised, training
from loopbench.reference.config import parse
from loopbench.reference.training import Metrics, TrainingRow


class RlvrConfig(rollouts.RolloutConfig, frozen=True):
    """Settings of GRPO."""

    steps: int = 80
    prompts: int = 12
    samples: int = 8
    temperature: float = 0.6
    """Low, because loops are rare at 1: what is never sampled is never unlearnt."""
    muon_lr: float = 0.0
    adam_lr: float = 3e-4
    cooldown: float = 0.5
    kl: float = 0.02
    """Weight of the distance to the model that the stage started from."""
    repetition_weight: float = 0.5
    wrong: float = 0.5
    """Cost of a wrong answer; see `loopbench.reference.rewards.reward`."""
    checkpoint_every: int = 5


def main(argv: Sequence[str], until: int | None = None) -> None:
    """Run the stage; `--help` lists its settings."""
    config = parse(argv, RlvrConfig, __doc__)
    model, words = supervised.start(config)
    reference = models.load(config.model)
    pad = words.pad_token_id or 0

    def step(number: int) -> Metrics:
        samples = rollouts.problems(config, config.prompts, "rlvr", number)
        groups = rollouts.collect(
            model, words, samples, config, temperature=config.temperature, each=config.samples,
            seed=config.seed * 7919 + number,
        )  # fmt: skip
        rows = _rows(groups, config)
        metrics = rollouts.summary(groups)
        if not rows:
            return metrics
        model.train()
        return metrics | _learn(model, reference, rows, pad, config)

    training.train(config, model, words, step, stage="rlvr", until=until)


def _rows(groups: Sequence[Sequence[rewards.Rollout]], config: RlvrConfig) -> list[TrainingRow]:
    rows = []
    for group in groups:
        values = [
            rewards.reward(r, repetition_weight=config.repetition_weight, wrong=config.wrong)
            for r in group
        ]
        mean = sum(values) / len(values)
        if max(values) - min(values) < 1e-6:
            continue
        for rollout, value in zip(group, values, strict=True):
            row = TrainingRow([*rollout.prompt, *rollout.output], len(rollout.prompt), value - mean)
            rows.append(row)
    return rows


def _learn(
    model: torch.nn.Module,
    reference: torch.nn.Module,
    rows: Sequence[TrainingRow],
    pad: int,
    config: RlvrConfig,
) -> Metrics:
    # One constant for all: an output's weight must not depend on its length.
    scale = config.prompts * config.samples * 100.0
    total = sum(row.learnt for row in rows)

    def loss_of(group: Sequence[TrainingRow]) -> tuple[torch.Tensor, Metrics]:
        ids, targets = training.padded(group, pad)
        mask = targets[:, 1:]
        logprobs = training.token_logprobs(model, ids, config.temperature)
        with torch.no_grad():
            anchored = training.token_logprobs(reference, ids, config.temperature)
        advantages = training.weights_of(group)
        # The gradient of the ratio of policies at ratio 1 is that of the log-probability.
        gain = (logprobs * advantages * mask).sum() / scale
        delta = anchored - logprobs
        distance = ((delta.exp() - delta - 1) * mask).sum()
        return config.kl * distance / total - gain, {"kl": float(distance.detach()) / total}

    groups = list(training.micro_batches(rows, config.micro_tokens))
    return training.accumulate(model, groups, loss_of, config.threads)


if __name__ == "__main__":
    main(sys.argv[1:])
