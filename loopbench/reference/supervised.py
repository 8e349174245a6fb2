"""What the stages that learn from drawn examples share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from loopbench.reference import data, encode, pairs, training
from loopbench.reference import model as models
from loopbench.reference.config import StageConfig


class SupervisedConfig(StageConfig, frozen=True):
    """A stage that learns examples of the project's tasks."""

    examples: int = 64
    """Examples of one step."""
    pool: int = 0
    """Above 0: pass over so many fixed examples again and again, as fine-tuning sets are used."""
    next_share: float = 0.35
    """Share of searches written in the order of the prompt; see `loopbench.reference.traces`."""
    hard_share: float = 0.4
    """Share of examples at the hard level; the others are easy or medium."""


def mixture(config: SupervisedConfig, **changes: Any) -> data.Mixture:
    """Return the mixture that a configuration describes."""
    soft = (1 - config.hard_share) / 2
    return data.Mixture(
        next_share=config.next_share,
        levels={"easy": soft, "medium": soft, "hard": config.hard_share},
        **changes,
    )


def run(
    config: SupervisedConfig,
    model: Any,
    tokenizer: Any,
    what: data.Mixture,
    *,
    stage: str,
    only_outputs: bool,
    until: int | None = None,
) -> Path:
    """Train on examples drawn for every step.

    Parameters
    ----------
    config
        Steps, rates and the folder.
    model, tokenizer
        What is trained.
    what
        The mixture that examples are drawn from.
    stage
        Name in the log, and part of the examples' seed.
    only_outputs
        Learn the outputs only, not the prompts.
    until
        Stop before this step, as if the run had been cut off.
    """

    def draw(count: int, number: int) -> list[data.Example]:
        return list(data.step_examples(what, count, stage=stage, seed=config.seed, step=number))

    fixed = draw(config.pool, 0)

    def step(number: int) -> training.Metrics:
        if fixed:
            chosen = pairs.cycle(len(fixed), config.examples, config.seed, number)
            examples = [fixed[i] for i in chosen]
        else:
            examples = draw(config.examples, number)
        encoded = encode.rows(tokenizer, examples, only_outputs=only_outputs)
        return training.learn(model, encoded, tokenizer.pad_token_id or 0, config)

    return training.train(config, model, tokenizer, step, stage=stage, until=until)


def start(config: StageConfig) -> tuple[Any, Any]:
    """Set torch up and return the model to start from, and its tokenizer."""
    training.set_up(config)
    if not config.model:
        raise ValueError("Say with --model from which model folder this stage starts.")
    return models.load(config.model, lora_rank=config.lora_rank), models.load_tokenizer(
        config.model
    )
