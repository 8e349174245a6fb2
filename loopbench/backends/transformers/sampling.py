"""Choosing the next token of every row: exactly what `Sampling` says, row by row."""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec
import torch
from torch import Tensor
from transformers.generation.logits_process import (
    LogitsProcessorList,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from loopbench.backends.parts.seeds import request_seed
from loopbench.types import Sampling


class Draws:
    """The random numbers of one generation: its own, whatever shares its batch.

    Token `n` of an output always gets draw `n`, so that a continuation goes on as the
    uninterrupted stream did.

    Parameters
    ----------
    sampling
        For its seed; greedy sampling draws nothing.
    key
        Identity of the generation.
    skip
        Draws that an earlier part of the output has used.
    """

    def __init__(self, sampling: Sampling, key: str, skip: int) -> None:
        self._random = random.Random(request_seed(sampling.seed, key))
        for _ in range(skip if sampling.temperature > 0 else 0):
            self._random.random()

    def next(self) -> float:
        """Return a number in [0, 1)."""
        return self._random.random()


def warpers(sampling: Sampling) -> LogitsProcessorList:
    """List the filters that were asked for, in the order of transformers' own `generate`."""
    chain = LogitsProcessorList([TemperatureLogitsWarper(sampling.temperature)])
    if sampling.top_k > 0:
        chain.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1.0:
        chain.append(TopPLogitsWarper(sampling.top_p))
    if sampling.min_p > 0.0:
        chain.append(MinPLogitsWarper(sampling.min_p))
    return chain


def penalise(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Apply the repetition penalty of CTRL (arXiv 1909.05858, section 4.1) to seen tokens.

    Parameters
    ----------
    logits
        Shape (rows, vocabulary).
    seen
        The same shape: whether the token is in the row's prompt or output. transformers'
        own processor reads padded ids, and would count the padding as seen.
    """
    return torch.where(seen, torch.where(logits < 0, logits * penalty, logits / penalty), logits)


def choose(
    logits: Tensor,
    samplings: Sequence[Sampling],
    draws: Sequence[Draws],
    seen: Sequence[Tensor | None],
) -> list[int | None]:
    """Choose one token per row.

    Parameters
    ----------
    logits
        Shape (rows, vocabulary).
    samplings, draws, seen
        One per row; `seen` of shape (vocabulary,) where the row has a penalty.

    Returns
    -------
    list
        Token ids; None for a row whose logits are not numbers.
    """
    logits = logits.float()
    groups: dict[Sampling, list[int]] = {}
    for row, sampling in enumerate(samplings):
        # The seed is in the draws already.
        groups.setdefault(msgspec.structs.replace(sampling, seed=0), []).append(row)
    chosen: list[int | None] = [None] * len(samplings)
    for sampling, rows in groups.items():
        part = logits if len(rows) == len(samplings) else logits[rows]
        if sampling.repetition_penalty != 1.0:
            marks = [mark for row in rows if (mark := seen[row]) is not None]
            part = penalise(part, torch.stack(marks), sampling.repetition_penalty)
        for row, token in zip(rows, _draw(part, sampling, [draws[r] for r in rows]), strict=True):
            chosen[row] = token
    return chosen


def _draw(logits: Tensor, sampling: Sampling, draws: Sequence[Draws]) -> list[int | None]:
    best = logits.max(dim=-1)
    broken = (~torch.isfinite(best.values)).tolist()
    if sampling.temperature == 0:
        tokens = best.indices
    else:
        scores = warpers(sampling)(None, logits)
        # Not torch.multinomial: its draws depend on the device and on the batch.
        exact = torch.float32 if logits.device.type == "mps" else torch.float64
        mass = torch.softmax(scores, dim=-1).to(exact).cumsum(dim=-1)
        points = torch.tensor([d.next() for d in draws], dtype=exact, device=logits.device)
        # `right`: a token without mass is never the first one beyond the point.
        tokens = torch.searchsorted(mass, points[:, None] * mass[:, -1:], right=True).squeeze(1)
        tokens = tokens.clamp(max=logits.shape[-1] - 1)
    return [None if bad else token for bad, token in zip(broken, tokens.tolist(), strict=True)]
