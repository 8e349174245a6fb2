"""Outputs of the model in training to prompts of the train split, judged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from loopbench.reference import data, encode, rewards, sampling
from loopbench.reference.config import StageConfig
from loopbench.types import Sample


class RolloutConfig(StageConfig, frozen=True):
    """A stage that learns from the model's own outputs."""

    prompts: int = 16
    """Prompts of one collection or step."""
    samples: int = 8
    """Outputs for each prompt at the temperature."""
    temperature: float = 1.0
    budget: int = 512
    """Most new tokens of an output; a whole search in the prompt's order needs up to 475."""
    search_share: float = 0.7
    """Share of prompts that need a search; the others keep the other tasks alive."""
    hard_share: float = 0.6
    """Share of prompts at the hard level."""


def problems(config: RolloutConfig, count: int, *key: object) -> list[Sample]:
    """Draw prompts; the key and the seed decide which.

    Parameters
    ----------
    config
        Shares of tasks and levels, and the seed.
    count
        Prompts.
    *key
        Parts of the seed besides, such as the stage and the step.
    """
    rest = (1 - config.search_share) / 3
    weights = dict.fromkeys(("mini_sum", "mini_records", "mini_call"), rest)
    weights |= dict.fromkeys(("mini_pairs", "mini_countdown"), config.search_share / 2)
    soft = (1 - config.hard_share) / 2
    what = data.Mixture(
        weights=weights, levels={"easy": soft, "medium": soft, "hard": config.hard_share}
    )
    drawn = (
        data.problem(data.rng_of("rollouts", config.seed, *key, index), what)
        for index in range(count)
    )
    return [sample for sample, _ in drawn]


def collect(
    model: Any,
    tokenizer: Any,
    samples: Sequence[Sample],
    config: RolloutConfig,
    *,
    temperature: float,
    each: int,
    seed: int,
) -> list[list[rewards.Rollout]]:
    """Return `each` judged outputs for every prompt.

    Parameters
    ----------
    model, tokenizer
        The model in training.
    samples
        The prompts.
    config
        Budget and threads.
    temperature
        0 takes the likeliest tokens.
    each
        Outputs for each prompt.
    seed
        Of the sampling.
    """
    prompts = [encode.prompt_ids(tokenizer, sample.prompt) for sample in samples]
    outputs = sampling.generate(
        model,
        [ids for ids in prompts for _ in range(each)],
        temperature=temperature,
        budget=config.budget,
        end=tokenizer.eos_token_id,
        seed=seed,
        threads=config.threads,
    )
    texts = tokenizer.batch_decode([_without_end(o, tokenizer.eos_token_id) for o in outputs])
    judged = [
        rewards.graded_rollout(
            samples[i // each], prompts[i // each], output, text, tokenizer.eos_token_id
        )
        for i, (output, text) in enumerate(zip(outputs, texts, strict=True))
    ]
    return [judged[i : i + each] for i in range(0, len(judged), each)]


def _without_end(ids: Sequence[int], end: int) -> list[int]:
    return list(ids[:-1] if ids and ids[-1] == end else ids)


def summary(groups: Sequence[Sequence[rewards.Rollout]]) -> dict[str, float]:
    """Return means over outputs, for the log."""
    every = [rollout for group in groups for rollout in group]
    return {
        "accuracy": sum(r.score for r in every) / len(every),
        "looping": sum(r.looping for r in every) / len(every),
        "unended": sum(not r.ended for r in every) / len(every),
        "length": sum(len(r.output) for r in every) / len(every),
    }
