"""Direct preference optimisation on pairs of the model's own outputs.

Several samples and one greedy output per prompt; a looping output is the rejected one
whatever its score, the chosen one is right: the model's own, or against a loop a worked output
in the prompt's order (`gold`). Log-probabilities are divided by length, so that a loop
is not rejected for being long; a likelihood term keeps the chosen outputs likely.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import torch

from loopbench.reference import data, encode, pairs, rewards, rollouts, supervised, traces, training
from loopbench.reference import model as models
from loopbench.reference.config import parse
from loopbench.reference.training import Metrics, TrainingRow
from loopbench.tasks.base import Draft


class DpoConfig(rollouts.RolloutConfig, frozen=True):
    """Settings of DPO."""

    steps: int = 25
    prompts: int = 192
    samples: int = 4
    batch: int = 24
    """Pairs of one step."""
    beta: float = 4.0
    """Of the length-normalised log-ratios."""
    likelihood: float = 0.3
    """Weight of the chosen outputs' cross-entropy."""
    gold: bool = True
    """Choose a worked output in the prompt's order wherever a loop is rejected. The model's own
    right outputs are mostly lucky guesses there, and to prefer those makes loops more frequent."""
    muon_lr: float = 0.0
    adam_lr: float = 2e-4
    cooldown: float = 1.0
    checkpoint_every: int = 10


Pair = tuple[TrainingRow, TrainingRow]


def main(argv: Sequence[str], until: int | None = None) -> None:
    """Run the stage; `--help` lists its settings."""
    config = parse(argv, DpoConfig, __doc__)
    model, words = supervised.start(config)
    reference = models.load(config.model)
    groups = pairs.on_policy(reference, words, config, "dpo")
    found = [pair for group in groups if (pair := _pair(group, words, config))]
    pad = words.pad_token_id or 0

    def step(number: int) -> Metrics:
        chosen = pairs.cycle(len(found), config.batch, config.seed, number)
        batch = [found[i] for i in chosen]
        return _learn(model, reference, batch, pad, config) | {"pairs": float(len(found))}

    training.train(config, model, words, step, stage="dpo", until=until)


def _pair(group: Sequence[rewards.Rollout], tokenizer: Any, config: DpoConfig) -> Pair | None:
    loops = [rollout for rollout in group if rollout.looping]
    if not (loops and config.gold):
        pair = rewards.preference(group)
        return (_row(pair[0]), _row(pair[1])) if pair else None
    sample = loops[0].sample
    draft = Draft(sample.prompt, sample.reference)
    output = traces.write(data.rng_of(sample.id), sample.task, draft, "Next")
    example = data.Example(prompt=sample.prompt, output=output)
    return encode.rows(tokenizer, [example], only_outputs=True)[0], _row(loops[0])


def _row(rollout: rewards.Rollout) -> TrainingRow:
    return TrainingRow([*rollout.prompt, *rollout.output], len(rollout.prompt))


def _learn(
    model: torch.nn.Module,
    reference: torch.nn.Module,
    batch: Sequence[Pair],
    pad: int,
    config: DpoConfig,
) -> Metrics:
    def loss_of(group: Sequence[Pair]) -> tuple[torch.Tensor, Metrics]:
        ids, targets = training.padded([row for pair in group for row in pair], pad)
        mask = targets[:, 1:]
        lengths = mask.sum(-1)
        means = (training.token_logprobs(model, ids) * mask).sum(-1) / lengths
        with torch.no_grad():
            anchors = (training.token_logprobs(reference, ids) * mask).sum(-1) / lengths
        ratios = means - anchors
        margins = config.beta * (ratios[0::2] - ratios[1::2])
        preference = -torch.nn.functional.logsigmoid(margins).sum()
        loss = (preference - config.likelihood * means[0::2].sum()) / len(batch)
        return loss, {
            "margin": float(margins.detach().sum()) / len(batch),
            "wins": float((margins > 0).sum()) / len(batch),
        }

    ordered = sorted(batch, key=lambda pair: max(len(row.ids) for row in pair))
    size = 4
    groups = [ordered[i : i + size] for i in range(0, len(ordered), size)]
    return training.accumulate(model, groups, loss_of, config.threads)


if __name__ == "__main__":
    main(sys.argv[1:])
