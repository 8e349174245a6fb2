"""Distillation: match a teacher's next-token distributions on worked outputs.

The teacher is any checkpoint with the same tokenizer: a larger preset, or another stage.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import torch

from loopbench.reference import data, encode, supervised, training
from loopbench.reference import model as models
from loopbench.reference.config import parse
from loopbench.reference.training import Metrics, TrainingRow


class DistillConfig(supervised.SupervisedConfig, frozen=True):
    """Settings of distillation."""

    teacher: str = ""
    """Model folder of the teacher."""
    steps: int = 100
    temperature: float = 1.0
    muon_lr: float = 0.01
    adam_lr: float = 1e-3


def main(argv: Sequence[str], until: int | None = None) -> None:
    """Run the stage; `--help` lists its settings."""
    config = parse(argv, DistillConfig, __doc__)
    if not config.teacher:
        raise ValueError("Say with --teacher which model folder to learn from.")
    model, words = supervised.start(config)
    teacher = models.load(config.teacher).eval()
    if teacher.config.vocab_size != model.config.vocab_size:
        raise ValueError("Teacher and student need the same tokenizer.")
    what = supervised.mixture(config)

    def step(number: int) -> Metrics:
        drawn = data.step_examples(
            what, config.examples, stage="distill", seed=config.seed, step=number
        )
        rows = encode.rows(words, list(drawn), only_outputs=True)
        return _learn(model, teacher, rows, words.pad_token_id or 0, config)

    training.train(config, model, words, step, stage="distill", until=until)


def _learn(
    model: torch.nn.Module,
    teacher: torch.nn.Module,
    rows: Sequence[TrainingRow],
    pad: int,
    config: DistillConfig,
) -> Metrics:
    total = sum(row.learnt for row in rows)

    def loss_of(group: Sequence[TrainingRow]) -> tuple[torch.Tensor, Metrics]:
        ids, targets = training.padded(group, pad)
        mask = targets[:, 1:]
        student = model(input_ids=ids, use_cache=False).logits[:, :-1][mask]
        with torch.no_grad():
            aim = teacher(input_ids=ids, use_cache=False).logits[:, :-1][mask]
        t = config.temperature
        loss = torch.nn.functional.kl_div(
            torch.log_softmax(student / t, -1), torch.log_softmax(aim / t, -1),
            log_target=True, reduction="sum",
        )  # fmt: skip
        return loss * t * t / total, {}

    groups = list(training.micro_batches(rows, config.micro_tokens))
    return training.accumulate(model, groups, loss_of, config.threads)


if __name__ == "__main__":
    main(sys.argv[1:])
