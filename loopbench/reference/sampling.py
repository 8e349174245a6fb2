"""Batched generation with torch, for the stages that learn from a model's own outputs."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from inspect import signature
from typing import Any

import torch

REFILL = 48
"""Steps after which rows that have ended are dropped and the rest is packed anew."""


@torch.no_grad()
def generate(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    temperature: float,
    budget: int,
    end: int,
    seed: int,
    batch: int = 48,
    threads: int = 1,
) -> list[list[int]]:
    """Continue every prompt until its end token or the budget.

    Parameters
    ----------
    model
        A causal language model; left in evaluation mode.
    prompts
        Token ids; rows of different length are padded on the left and masked.
    temperature
        0 takes the likeliest token; otherwise the full distribution, unfiltered.
    budget
        Most new tokens of an output.
    end
        Id of the token that ends an output.
    seed
        Of the sampling.
    batch
        Rows at the same time. The samples depend on it, as they do on the seed.
    threads
        Batches at the same time, one core each; the samples do not depend on it.

    Returns
    -------
    list of list of int
        New ids for each prompt, the end token included where it was reached.
    """
    model.eval()
    # Neighbours in length share a batch: less padding.
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    chunks = [order[i : i + batch] for i in range(0, len(order), batch)]

    def work(at: int) -> list[list[int]]:
        torch.set_num_threads(1)
        with torch.no_grad():
            rows = [prompts[i] for i in chunks[at]]
            generator = torch.Generator().manual_seed(seed * 100_003 + at)
            return _batch(model, rows, temperature, budget, end, generator)

    results: list[list[int]] = [[] for _ in prompts]
    with ThreadPoolExecutor(max(1, threads)) as pool:
        for chunk, outputs in zip(chunks, pool.map(work, range(len(chunks))), strict=True):
            for i, output in zip(chunk, outputs, strict=True):
                results[i] = output
    return results


def _batch(
    model: Any,
    prompts: Sequence[Sequence[int]],
    temperature: float,
    budget: int,
    end: int,
    generator: torch.Generator,
) -> list[list[int]]:
    outputs: list[list[int]] = [[] for _ in prompts]
    active = list(range(len(prompts)))
    while active:
        steps = min(REFILL, budget - len(outputs[active[0]]))
        rows = [[*prompts[i], *outputs[i]] for i in active]
        new = _decode(model, rows, steps, temperature, end, generator)
        for i, ids in zip(active, new, strict=True):
            outputs[i].extend(ids)
        active = [i for i in active if outputs[i][-1] != end and len(outputs[i]) < budget]
    return outputs


def _decode(
    model: Any,
    rows: Sequence[Sequence[int]],
    steps: int,
    temperature: float,
    end: int,
    generator: torch.Generator,
) -> list[list[int]]:
    """Generate a few tokens for rows that are all at the same point of their budget."""
    longest = max(map(len, rows))
    place = next(model.parameters()).device
    ids = torch.full((len(rows), longest), end, device=place)
    mask = torch.zeros((len(rows), longest), dtype=torch.long, device=place)
    for i, row in enumerate(rows):
        ids[i, longest - len(row) :] = torch.tensor(row)
        mask[i, longest - len(row) :] = 1
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    # Newer models of transformers call it `cache`.
    keyword = "cache" if "cache" in signature(inner.forward).parameters else "past_key_values"
    cache = None
    new: list[torch.Tensor] = []
    done = torch.zeros(len(rows), dtype=torch.bool, device=place)
    for _ in range(steps):
        out = model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            use_cache=True,
            logits_to_keep=1,
            **{keyword: cache},
        )
        cache = out.past_key_values
        ids = _choose(out.logits[:, -1], temperature, generator)[:, None]
        new.append(ids[:, 0])
        done |= ids[:, 0] == end
        if done.all():
            break
        mask = torch.cat([mask, torch.ones_like(ids)], dim=1)
        positions = positions[:, -1:] + 1
    columns = torch.stack(new, dim=1).tolist()
    return [row[: row.index(end) + 1] if end in row else row for row in columns]


def _choose(logits: torch.Tensor, temperature: float, generator: torch.Generator) -> torch.Tensor:
    if temperature == 0:
        return logits.argmax(-1)
    weights = torch.softmax(logits / temperature, dim=-1).cpu()
    return torch.multinomial(weights, 1, generator=generator)[:, 0].to(logits.device)
