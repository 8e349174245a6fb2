"""Shapes of the reference models, and their parameters counted from the shapes alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from loopbench.naming import UnknownNameError
from loopbench.types import Struct

CONV, ATTENTION = "conv", "full_attention"


class Shape(Struct, frozen=True):
    """Everything that fixes the size of an LFM2 model.

    The layout of a layer: an RMSNorm, then a gated short convolution or grouped-query
    attention, then an RMSNorm and a SwiGLU feed-forward part.
    """

    vocab_size: int
    hidden: int
    layers: int
    attention: tuple[int, ...]
    """Indices of the layers that attend; the others convolve."""
    feed_forward: int
    """Width of the feed-forward part as it is built, after any adjustment."""
    heads: int
    kv_heads: int
    conv_cache: int = 3
    """Taps of the short convolutions."""
    rope_theta: float = 1e6
    context: int = 128_000
    init_std: float = 0.02
    embedding_std: float = 0.02

    def config(self) -> dict[str, Any]:
        """Return the keyword arguments of `transformers.Lfm2Config`."""
        return {
            "vocab_size": self.vocab_size,
            "hidden_size": self.hidden,
            "num_hidden_layers": self.layers,
            "layer_types": [ATTENTION if i in self.attention else CONV for i in range(self.layers)],
            "intermediate_size": self.feed_forward,
            "block_auto_adjust_ff_dim": False,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "conv_L_cache": self.conv_cache,
            "rope_parameters": {"rope_type": "default", "rope_theta": self.rope_theta},
            "max_position_embeddings": self.context,
            "initializer_range": self.init_std,
            "tie_word_embeddings": True,
        }


class Parts(Struct, frozen=True):
    """Parameters by part of the model."""

    embedding: int
    """The token embedding, and the output matrix where it is not tied."""
    conv: int
    attention: int
    feed_forward: int
    norms: int

    @property
    def total(self) -> int:
        """All parameters."""
        return self.embedding + self.effective

    @property
    def effective(self) -> int:
        """Parameters that are no embedding: those that compute."""
        return self.conv + self.attention + self.feed_forward + self.norms

    @property
    def embedding_share(self) -> float:
        """Share of the embedding in all parameters."""
        return self.embedding / self.total


def _tiny(**changes: Any) -> Shape:
    # An embedding of the usual 0.02 collapses to one vector early on at this width, and then
    # nothing can be copied.
    small = Shape(
        vocab_size=448,
        hidden=128,
        layers=6,
        attention=(1, 3, 5),
        feed_forward=320,
        heads=4,
        kv_heads=2,
        rope_theta=1e4,
        context=2048,
        embedding_std=0.1,
    )
    return msgspec.structs.replace(small, **changes)


_LFM2_ATTENTION = (2, 5, 8, 10, 12, 14)
PRESETS: Mapping[str, Shape] = {
    "micro": _tiny(hidden=32, layers=3, attention=(1,), feed_forward=64, heads=2, kv_heads=1),
    "tiny": _tiny(),
    "6m": _tiny(
        hidden=256, layers=8, attention=(1, 3, 5, 7), feed_forward=704, heads=8, kv_heads=4
    ),
    "30m": _tiny(
        hidden=512, layers=10, attention=(1, 3, 5, 7, 9), feed_forward=1408, heads=8, kv_heads=4
    ),
    "lfm2-350m": Shape(
        vocab_size=65_536, hidden=1024, layers=16, attention=_LFM2_ATTENTION, feed_forward=4608,
        heads=16, kv_heads=8,
    ),
    "lfm2-350m-narrow": Shape(
        vocab_size=65_536, hidden=64, layers=16, attention=_LFM2_ATTENTION, feed_forward=288,
        heads=4, kv_heads=2,
    ),
    "lfm2-700m": Shape(
        vocab_size=65_536, hidden=1536, layers=16, attention=_LFM2_ATTENTION, feed_forward=6912,
        heads=24, kv_heads=8,
    ),
    "lfm2-1.2b": Shape(
        vocab_size=65_536, hidden=2048, layers=16, attention=_LFM2_ATTENTION, feed_forward=8192,
        heads=32, kv_heads=8,
    ),
}  # fmt: skip
"""Ours (`micro` is for tests only), and LFM2's as published; `lfm2-350m-narrow` is the published
layout at a sixteenth of the width, for trying a launch before it is paid for."""


def preset(name: str) -> Shape:
    """Return a shape by its name.

    Raises
    ------
    loopbench.naming.UnknownNameError
        If there is no such preset.
    """
    if name not in PRESETS:
        raise UnknownNameError("preset", name, PRESETS)
    return PRESETS[name]


def count(shape: Shape) -> Parts:
    """Count the parameters of a shape, part by part; norms of heads count as norms."""
    h, head = shape.hidden, shape.hidden // shape.heads
    attending = len(shape.attention)
    convolving = shape.layers - attending
    return Parts(
        embedding=shape.vocab_size * h,
        conv=convolving * (3 * h * h + h * h + h * shape.conv_cache),
        attention=attending * (2 * h * h + 2 * h * shape.kv_heads * head),
        feed_forward=shape.layers * 3 * h * shape.feed_forward,
        norms=shape.layers * 2 * h + h + attending * 2 * head,
    )


def adjusted_feed_forward(width: int, multiplier: float, multiple: int) -> int:
    """Return the width that LFM2 builds from `block_ff_dim` when it adjusts it.

    Parameters
    ----------
    width
        The configured `block_ff_dim`.
    multiplier
        `block_ffn_dim_multiplier`.
    multiple
        `block_multiple_of`, of which the result is a multiple.
    """
    width = int(multiplier * int(2 * width / 3))
    return multiple * -(-width // multiple)
