"""Rows of a running batch: joined, dropped and stepped, with the cache that they share.

Rows are aligned at their last token and padded on the left. A new row is prefilled on its
own and then joins the others; a row that leaves takes its part of the cache with it, and
columns that only it needed are cut off. transformers' own continuous batching knows full
and sliding attention only, not the convolution cache of LFM2.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor
from transformers.cache_utils import (
    Cache,
    DynamicCache,
    DynamicLayer,
    DynamicSlidingWindowLayer,
    LinearAttentionAndFullAttentionLayer,
    LinearAttentionAndSlidingWindowAttentionLayer,
    LinearAttentionCacheLayerMixin,
    LinearAttentionLayer,
)

from loopbench.errors import BackendError

JOINABLE = frozenset(
    {
        DynamicLayer,
        DynamicSlidingWindowLayer,
        LinearAttentionLayer,
        LinearAttentionAndFullAttentionLayer,
        LinearAttentionAndSlidingWindowAttentionLayer,
    }
)
PREFILL_WASTE = 0.25
"""Most padding in a batch of prompts, as a share of its tokens."""


class StepError(Exception):
    """The model failed, most of the time for lack of memory; the text says how."""


class Stepper:
    """Calls a model with padded rows; the one place that knows the names of its arguments."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.joinable = joinable(self.new_cache())
        """Whether rows can join a running batch: every layer's cache can be padded."""
        names = inspect.signature(model.forward).parameters
        # Renamed in transformers 5, model by model.
        self._cache_name = next(
            (name for name in ("cache", "past_key_values") if name in names), ""
        )
        if not self._cache_name:
            raise BackendError(
                f"{type(model).__name__} cannot be run: it takes no cache of past tokens."
            )
        self._last_only = "logits_to_keep" in names
        self.takes_positions = "position_ids" in names
        """Without, padded rows would be placed wrongly: such a model runs row by row."""

    def new_cache(self) -> Cache:
        """Return an empty cache of the kind that the model needs."""
        return DynamicCache(config=self._model.config.get_text_config())

    def __call__(self, ids: Tensor, mask: Tensor, cache: Cache) -> Tensor:
        """Return the logits of each row's next token, shape (rows, vocabulary).

        Parameters
        ----------
        ids
            New tokens, shape (rows, new).
        mask
            Ones for tokens and zeros for padding, past and new, shape (rows, past + new).
        cache
            Of the past; takes the new tokens up.
        """
        more: dict[str, Any] = {self._cache_name: cache}
        if self._last_only:
            more["logits_to_keep"] = 1
        if self.takes_positions:
            # Without positions nothing is ever padded, and Mamba takes a mask of the past for
            # one of the new token.
            more["attention_mask"] = mask
            more["position_ids"] = (mask.cumsum(-1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        try:
            with torch.inference_mode():
                output = self._model(input_ids=ids, use_cache=True, return_dict=True, **more)
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise StepError(f"transformers failed: {reason.rstrip('.')}.") from error
        logits: Tensor = output.logits[:, -1]
        return logits


def joinable(cache: Cache) -> bool:
    """Return whether this cache is one of states that are known to be padded safely."""
    return bool(cache.layers) and all(type(layer) in JOINABLE for layer in cache.layers)


class Batch:
    """Rows that are generated together; `logits` are those of their next tokens.

    Parameters
    ----------
    cache
        Of the past, one row each.
    mask
        Ones for tokens and zeros for padding, shape (rows, past).
    logits
        Of each row's next token, shape (rows, vocabulary).
    """

    def __init__(self, cache: Cache, mask: Tensor, logits: Tensor) -> None:
        self.cache, self.mask, self.logits = cache, mask, logits

    @property
    def joinable(self) -> bool:
        """Whether rows can be added: every layer's cache is of a kind that can be padded."""
        return joinable(self.cache)

    def step(self, stepper: Stepper, tokens: Sequence[int]) -> None:
        """Feed one token to every row."""
        ids = torch.tensor(tokens, device=self.mask.device)[:, None]
        self.mask = torch.cat([self.mask, torch.ones_like(ids)], dim=1)
        self.logits = stepper(ids, self.mask, self.cache)

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all other rows, and the columns that no row needs any more."""
        index = torch.tensor(rows, device=self.mask.device)
        self.logits, self.mask = self.logits[rows], self.mask[index]
        self.cache.reorder_cache(index)
        unused = int(self.mask.argmax(dim=1).min()) if rows else 0
        if unused and self.joinable:
            length = self.mask.shape[1] - unused
            self.mask = self.mask[:, unused:]
            for layer in self.cache.layers:
                _resize(layer, length)

    def join(self, other: Batch) -> None:
        """Take over the rows of another batch, after one's own."""
        length = max(self.mask.shape[1], other.mask.shape[1])
        for batch in (self, other):
            batch.mask = functional.pad(batch.mask, (length - batch.mask.shape[1], 0))
            for layer in batch.cache.layers:
                _resize(layer, length)
        self.mask = torch.cat([self.mask, other.mask])
        self.logits = torch.cat([self.logits, other.logits])
        for mine, new in zip(self.cache.layers, other.cache.layers, strict=True):
            _append(mine, new)


def _resize(layer: Any, length: int) -> None:
    """Pad or cut an attention layer's cache on the left to that many past columns."""
    if not isinstance(layer, DynamicLayer) or not layer.is_initialized:
        return
    kept = length
    if isinstance(layer, DynamicSlidingWindowLayer):
        layer.cumulative_length = length
        kept = min(layer.sliding_window - 1, length)
    for name in ("keys", "values"):
        state: Tensor = getattr(layer, name)
        missing = kept - state.shape[-2]
        # A negative padding cuts; a copy then frees what was cut.
        setattr(layer, name, functional.pad(state, (0, 0, missing, 0)).contiguous())


def _append(layer: Any, other: Any) -> None:
    if isinstance(layer, DynamicLayer) and layer.is_initialized:
        layer.keys = torch.cat([layer.keys, other.keys])
        layer.values = torch.cat([layer.values, other.values])
    if isinstance(layer, LinearAttentionCacheLayerMixin):
        for mine, new in (
            (layer.conv_states, other.conv_states),
            (layer.recurrent_states, other.recurrent_states),
        ):
            for index, state in mine.items():
                if state is not None:
                    mine[index] = torch.cat([state, new[index]])


def prefill(stepper: Stepper, prompts: Sequence[Sequence[int]], device: Any) -> Batch:
    """Start a batch from prompts of any lengths, each of at least one token.

    Parameters
    ----------
    stepper
        The model.
    prompts
        Ids of each row.
    device
        Where the tensors live.
    """
    longest = max(map(len, prompts))
    # Any id does for padding: it is masked.
    ids = [[0] * (longest - len(prompt)) + list(prompt) for prompt in prompts]
    mask = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    cache = stepper.new_cache()
    marks = torch.tensor(mask, device=device)
    return Batch(cache, marks, stepper(torch.tensor(ids, device=device), marks, cache))


def prefill_groups(lengths: Sequence[int], waste: float = PREFILL_WASTE) -> list[list[int]]:
    """Split prompts into batches of similar length.

    Parameters
    ----------
    lengths
        Tokens of each prompt.
    waste
        Most padding in a batch, as a share of its prompts' tokens.

    Returns
    -------
    list of list
        Indices, from the shortest prompts to the longest.
    """
    groups: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        group = [*groups[-1], index] if groups else []
        real = sum(lengths[i] for i in group)
        if group and len(group) * lengths[index] <= (1 + waste) * real:
            groups[-1] = group
        else:
            groups.append([index])
    return groups
