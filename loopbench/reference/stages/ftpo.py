"""Final-token preference optimisation: the token that begins a loop loses to others.

Only one position of an output is trained: where a line that was there already begins again,
at its first token that had alternatives. What the model took there is rejected, what else it
found likely is chosen, up to a margin of logits; all other logits are tied to where they were.
The method is Antidoom's (Liquid AI, 2025), written anew.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import msgspec
import torch

from loopbench.reference import model as models
from loopbench.reference import pairs, rewards, rollouts, supervised, training
from loopbench.reference.config import parse
from loopbench.reference.training import Metrics, TrainingRow


class FtpoConfig(rollouts.RolloutConfig, frozen=True):
    """Settings of FTPO."""

    steps: int = 30
    prompts: int = 320
    samples: int = 0
    """Outputs at the temperature beside the greedy one of each prompt."""
    batch: int = 24
    """Positions of one step."""
    top: int = 6
    """Likeliest tokens that are looked at."""
    least: float = 0.03
    """Probability that an alternative needs."""
    stop_at: float = 0.4
    """Share of alternatives that beat the rejected token at which the stage ends: to go on makes
    new loops."""
    margin: float = 2.0
    """Logits between alternative and rejected token at which the push ends."""
    tether: float = 0.4
    """Weight of the squared change of the other logits."""
    target_tether: float = 0.05
    """The same for the rejected token and its alternatives, beyond the margin."""
    muon_lr: float = 0.0
    adam_lr: float = 5e-5
    cooldown: float = 1.0
    checkpoint_every: int = 10


class Position(msgspec.Struct, frozen=True):
    """Where a loop begins: what came before, what was taken, and what could have been."""

    ids: list[int]
    rejected: int
    chosen: list[int]


def main(argv: Sequence[str], until: int | None = None) -> None:
    """Run the stage; `--help` lists its settings."""
    config = parse(argv, FtpoConfig, __doc__)
    model, words = supervised.start(config)
    reference = models.load(config.model)
    groups = pairs.on_policy(reference, words, config, "ftpo")
    found = [
        position
        for group in groups
        for rollout in group
        if rollout.looping and (position := _position(reference, rollout, config))
    ]
    pad = words.pad_token_id or 0

    def step(number: int) -> Metrics:
        batch = [found[i] for i in pairs.cycle(len(found), config.batch, config.seed, number)]
        metrics = _learn(model, reference, batch, pad, config)
        enough = metrics["wins"] >= config.stop_at
        return metrics | {"positions": float(len(found)), "stop": float(enough)}

    training.train(config, model, words, step, stage="ftpo", until=until)


def onset(ids: Sequence[int], n: int = rewards.NGRAM) -> int | None:
    """Return where the first n-gram begins that has occurred before; None if none has."""
    seen: set[tuple[int, ...]] = set()
    for i in range(len(ids) - n + 1):
        gram = tuple(ids[i : i + n])
        if gram in seen:
            return i
        seen.add(gram)
    return None


@torch.no_grad()
def _position(model: Any, rollout: rewards.Rollout, config: FtpoConfig) -> Position | None:
    start = onset(rollout.output)
    if start is None:
        return None
    first = len(rollout.prompt) + start
    ids = [*rollout.prompt, *rollout.output]
    window = ids[: first + rewards.NGRAM]
    logits = model(
        input_ids=torch.tensor([window], device=models.device()), use_cache=False
    ).logits[0]
    for at in range(first, len(window)):
        likely = torch.softmax(logits[at - 1], -1).topk(config.top)
        chosen = [
            int(token)
            for p, token in zip(likely.values, likely.indices, strict=True)
            if float(p) >= config.least and int(token) != ids[at]
        ]
        if chosen:
            return Position(ids[:at], ids[at], chosen)
    return None


def _learn(
    model: torch.nn.Module,
    reference: torch.nn.Module,
    batch: Sequence[Position],
    pad: int,
    config: FtpoConfig,
) -> Metrics:
    def loss_of(group: Sequence[Position]) -> tuple[torch.Tensor, Metrics]:
        ids, _ = training.padded([TrainingRow(position.ids, 0) for position in group], pad)
        last = torch.tensor([len(position.ids) - 1 for position in group], device=ids.device)
        rows = torch.arange(len(group), device=ids.device)
        logits = model(input_ids=ids, use_cache=False).logits[rows, last]
        with torch.no_grad():
            anchors = reference(input_ids=ids, use_cache=False).logits[rows, last]
        loss = torch.zeros((), device=ids.device)
        wins = 0.0
        for position, now, before in zip(group, logits, anchors, strict=True):
            gaps = now[position.chosen] - now[position.rejected]
            change = (now - before).square()
            target = torch.zeros(len(now), dtype=torch.bool, device=ids.device)
            target[[position.rejected, *position.chosen]] = True
            pull = config.tether * change[~target].mean()
            pull = pull + config.target_tether * (change[target] - config.margin**2).relu().mean()
            loss = loss + torch.nn.functional.softplus(config.margin - gaps).mean() + pull
            wins += float((gaps > 0).float().mean())
        return loss / len(batch), {"wins": wins / len(batch)}

    ordered = sorted(batch, key=lambda position: len(position.ids))
    groups = [ordered[i : i + 8] for i in range(0, len(ordered), 8)]
    return training.accumulate(model, groups, loss_of, config.threads)


if __name__ == "__main__":
    main(sys.argv[1:])
