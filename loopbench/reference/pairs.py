"""Collections of a model's own outputs, kept on disk so that a resumed stage reads them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from loopbench.reference import rollouts, training
from loopbench.reference.rewards import Rollout

ROLLOUTS = "rollouts.jsonl"


def on_policy(
    model: Any, tokenizer: Any, config: rollouts.RolloutConfig, stage: str
) -> list[list[Rollout]]:
    """Return, for every prompt, one greedy output and several at the temperature.

    They are made once and written beside the stage's metrics.

    Parameters
    ----------
    model, tokenizer
        The model at the start of the stage.
    config
        Number of prompts, outputs and tokens, and the folder.
    stage
        Its name is part of the prompts' seed.
    """
    path = Path(config.out) / ROLLOUTS
    if path.is_file():
        return [
            msgspec.json.decode(line, type=list[Rollout]) for line in path.read_bytes().splitlines()
        ]
    samples = rollouts.problems(config, config.prompts, stage)
    greedy = rollouts.collect(
        model, tokenizer, samples, config, temperature=0.0, each=1, seed=config.seed
    )
    warm: Sequence[list[Rollout]] = [[] for _ in samples]
    if config.samples:
        warm = rollouts.collect(
            model, tokenizer, samples, config, temperature=config.temperature,
            each=config.samples, seed=config.seed + 1,
        )  # fmt: skip
    groups = [[*cold, *hot] for cold, hot in zip(greedy, warm, strict=True)]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".part{training.rank()}")
    partial.write_bytes(b"".join(msgspec.json.encode(group) + b"\n" for group in groups))
    partial.replace(path)
    return groups


@lru_cache(maxsize=4)
def _order(count: int, seed: int, round_: int) -> tuple[int, ...]:
    from loopbench.reference.data import rng_of

    order = list(range(count))
    rng_of("cycle", seed, round_).shuffle(order)
    return tuple(order)


def cycle(count: int, batch: int, seed: int, step: int) -> list[int]:
    """Return the indices of one step of passes over `count` items, each in random order.

    Parameters
    ----------
    count
        Items.
    batch
        Indices of one step.
    seed
        Of the orders.
    step
        From 0 on.
    """
    if count == 0:
        raise ValueError("The model's outputs gave nothing to learn from; raise --prompts.")
    chosen = []
    for position in range(step * batch, (step + 1) * batch):
        round_, at = divmod(position, count)
        chosen.append(_order(count, seed, round_)[at])
    return chosen
