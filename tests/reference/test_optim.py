"""Muon, the schedule and the sum of gradients over threads."""

from __future__ import annotations

import pytest
import torch

from loopbench.reference import model as models
from loopbench.reference import tokenizer, training
from loopbench.reference.optim import Optimizers, orthogonalise, schedule
from loopbench.reference.presets import preset
from loopbench.reference.training import TrainingRow, micro_batches


@pytest.mark.parametrize("shape", [(3, 16, 16), (2, 8, 32), (2, 32, 8)])
def test_singular_values_come_near_one(shape: tuple[int, int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    matrices = torch.randn(shape, generator=generator)
    values = torch.linalg.svdvals(orthogonalise(matrices))
    assert values.min() > 0.3
    assert values.max() < 1.3


def test_the_rate_rises_holds_and_falls() -> None:
    factors = [schedule(step, 100, warmup=0.1, cooldown=0.5) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[20] == factors[49] == 1.0
    assert factors[75] == pytest.approx(0.5)
    assert factors[99] == pytest.approx(0.02)


def test_matrices_go_to_muon_and_the_rest_to_adam() -> None:
    model = models.build(preset("micro"), tokenizer.packaged(), 0)
    muon, adam = Optimizers(model, muon_lr=0.1, adam_lr=0.1).all
    shapes = {p.ndim for group in muon.param_groups for p in group["params"]}
    assert shapes == {2}
    embedding = model.get_input_embeddings().weight
    assert any(p is embedding for group in adam.param_groups for p in group["params"])


def test_micro_batches_hold_every_row_within_the_limit() -> None:
    rows = [TrainingRow(list(range(n)), 0) for n in (5, 90, 3, 40, 40, 7)]
    groups = list(micro_batches(rows, 100))
    assert sorted(len(r.ids) for g in groups for r in g) == [3, 5, 7, 40, 40, 90]
    assert all(max(len(r.ids) for r in g) * len(g) <= 100 for g in groups)


def test_gradients_do_not_depend_on_threads() -> None:
    words = tokenizer.packaged()
    rows = [TrainingRow(list(range(10, 10 + n)), 2) for n in (12, 30, 31, 8, 60)]
    found = []
    for threads in (1, 3):
        model = models.build(preset("micro"), words, 0)
        config = training.StageConfig(out="", threads=threads, micro_tokens=64)
        metrics = training.learn(model, rows, 0, config)
        found.append((metrics["loss"], [p.grad.clone() for p in model.parameters()]))
    assert found[0][0] == found[1][0]
    assert all(torch.equal(a, b) for a, b in zip(found[0][1], found[1][1], strict=True))
