"""Muon for matrices, AdamW for the rest, and the learning-rate schedule."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic iteration; Jordan et al., "Muon" (2024)."""


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """Return the nearest semi-orthogonal matrices, roughly.

    Parameters
    ----------
    matrices
        Shape (count, rows, columns), float32.

    Returns
    -------
    Tensor
        Same shape; singular values lie between about 0.7 and 1.2.
    """
    a, b, c = NEWTON_SCHULZ
    x = matrices / (matrices.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: Tensor = x.mT if tall else x
    return result


class Muon(torch.optim.Optimizer):
    """Momentum orthogonalised by Newton-Schulz, for matrices inside the network.

    All matrices of one shape are iterated in one batch, which on a CPU is twice as fast as
    one by one.

    Parameters
    ----------
    params
        Matrices, of shape (rows, columns) each.
    lr
        Learning rate; tall matrices get √(rows / columns) times as much.
    momentum
        Share of the running mean that a step keeps.
    decay
        Weight decay, times the learning rate.
    """

    def __init__(self, params: Any, lr: float, momentum: float = 0.95, decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        """Apply one update."""
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for p in group["params"]:
                if p.grad is not None:
                    by_shape[p.shape].append(p)
            for shape, params in by_shape.items():
                self._update(params, shape, group)

    def _update(self, params: list[Tensor], shape: torch.Size, group: dict[str, Any]) -> None:
        directions = []
        for p in params:
            gradient = p.grad
            assert gradient is not None
            momentum = self.state[p].setdefault("momentum", torch.zeros_like(p))
            momentum.lerp_(gradient, 1 - group["momentum"])
            directions.append(gradient.lerp(momentum, group["momentum"]))
        update = orthogonalise(torch.stack(directions))
        scale = group["lr"] * max(1.0, shape[0] / shape[1]) ** 0.5
        for p, direction in zip(params, update, strict=True):
            p.mul_(1 - group["lr"] * group["decay"]).add_(direction, alpha=-scale)


class Optimizers:
    """The optimisers of one run behind one face.

    Parameters
    ----------
    model
        Its weights that require gradients are trained.
    muon_lr
        Rate of Muon for two-dimensional weights inside the network; 0 gives them to AdamW.
    adam_lr
        Rate of AdamW for embeddings, norms and convolutions, and for adapters.
    decay
        Weight decay of both.
    """

    def __init__(self, model: Any, *, muon_lr: float, adam_lr: float, decay: float = 0.0) -> None:
        trained = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
        matrices = [p for n, p in trained if muon_lr and p.ndim == 2 and "embed" not in n]
        chosen = {id(p) for p in matrices}
        rest = [p for _, p in trained if id(p) not in chosen]
        self.all: list[torch.optim.Optimizer] = []
        if matrices:
            self.all.append(Muon(matrices, muon_lr, decay=decay))
        if rest:
            self.all.append(torch.optim.AdamW(rest, adam_lr, betas=(0.9, 0.95), weight_decay=decay))
        self._rates = [group["lr"] for o in self.all for group in o.param_groups]

    def step(self, factor: float) -> None:
        """Apply one update at `factor` times the rates, and clear the gradients."""
        groups = [group for o in self.all for group in o.param_groups]
        for group, rate in zip(groups, self._rates, strict=True):
            group["lr"] = rate * factor
        for optimizer in self.all:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> list[dict[str, Any]]:
        """Return the state for a checkpoint."""
        return [optimizer.state_dict() for optimizer in self.all]

    def load_state_dict(self, state: list[dict[str, Any]]) -> None:
        """Restore the state of a checkpoint."""
        for optimizer, saved in zip(self.all, state, strict=True):
            optimizer.load_state_dict(saved)


def schedule(step: int, steps: int, *, warmup: float = 0.02, cooldown: float = 0.6) -> float:
    """Return the factor of the learning rate: warm up, hold, then fall linearly to 0.

    Muon at its full rate looks bad until it falls, so most of a run is the fall.

    Parameters
    ----------
    step
        From 0 to `steps` - 1.
    steps
        Of the whole stage.
    warmup, cooldown
        Shares of the steps at the beginning and at the end; 0 leaves that part out.
    """
    progress = (step + 1) / steps
    rise = min(1.0, progress / warmup) if warmup else 1.0
    fall = min(1.0, (1 - step / steps) / cooldown) if cooldown else 1.0
    return min(rise, fall)
