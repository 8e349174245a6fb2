"""How large a model is and where its parameters are, without loading it.

A preset and a configuration are counted from their shapes, a file from its header.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from loopbench.models import gguf
from loopbench.reference.presets import (
    ATTENTION,
    PRESETS,
    Parts,
    Shape,
    adjusted_feed_forward,
    count,
    preset,
)
from loopbench.types import Struct

ANCHORS = {"Gemma-3-270M": 0.626, "LFM2-350M": 0.189, "Qwen3-0.6B": 0.261}
"""Embedding shares of published models, for comparison."""
MAX_HEADER = 64 << 20
"""Bytes of a safetensors header that are read at most."""

_EMBEDDING = ("embed_tokens", "token_embd.", "lm_head", "output.weight", "wte", "wpe")
_CONV = ("conv",)
_ATTENTION = ("attn", "attention")
_NORM = ("norm", "ln_")


class Description(Struct, frozen=True):
    """A model's size by part."""

    model: str
    source: str
    """What was counted: `preset`, `configuration`, `weights` or `GGUF`."""
    parts: Parts


class InfoError(ValueError):
    """A model that cannot be counted; its text is one sentence for the user."""


def describe(model: str) -> Description:
    """Count a preset, a Hugging Face folder or configuration, or a GGUF file.

    Raises
    ------
    InfoError
        If the configuration is of an architecture that is not known here and there are no
        weights to count.
    loopbench.naming.UnknownNameError
        If it is neither a preset nor a path.
    """
    path = Path(model)
    if model in PRESETS or not path.exists():
        return Description(model=model, source="preset", parts=count(preset(model)))
    if path.is_file() and path.suffix == ".gguf":
        return Description(model=path.name, source="GGUF", parts=classify(gguf.read_shapes(path)))
    folder = path if path.is_dir() else path.parent
    sizes: dict[str, int] = {}
    for file in sorted(folder.glob("*.safetensors")):
        sizes |= _safetensors(file)
    config = json.loads(_config_file(path).read_text())
    if sizes:
        if config.get("tie_word_embeddings", True):
            sizes.pop("lm_head.weight", None)
        return Description(model=folder.name, source="weights", parts=classify(sizes))
    return Description(model=folder.name, source="configuration", parts=from_config(config))


def _config_file(path: Path) -> Path:
    file = path / "config.json" if path.is_dir() else path
    if not file.is_file():
        raise InfoError(f"{path} holds no config.json and is no GGUF file.")
    return file


def classify(sizes: Mapping[str, int]) -> Parts:
    """Add up tensors by part, going by their names."""
    found = dict.fromkeys(("embedding", "conv", "attention", "feed_forward", "norms"), 0)
    for name, size in sizes.items():
        lowered = name.lower()
        if any(word in lowered for word in _NORM):
            found["norms"] += size
        elif any(word in lowered for word in _EMBEDDING) and "attn" not in lowered:
            found["embedding"] += size
        elif any(word in lowered for word in _ATTENTION):
            found["attention"] += size
        elif any(word in lowered for word in _CONV):
            found["conv"] += size
        else:
            found["feed_forward"] += size
    return Parts(**found)


def _safetensors(path: Path) -> dict[str, int]:
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > MAX_HEADER:
            raise InfoError(f"{path} is no safetensors file: its header is too long.")
        header: dict[str, Any] = json.loads(file.read(length))
    sizes = {}
    for name, entry in header.items():
        if name != "__metadata__":
            sizes[name] = 1
            for extent in entry["shape"]:
                sizes[name] *= extent
    return sizes


def from_config(config: Mapping[str, Any]) -> Parts:
    """Count a configuration of LFM2, or of a decoder like Llama's.

    Raises
    ------
    InfoError
        If a size that is needed is missing.
    """
    config = config.get("text_config") or config
    try:
        shape = _shape(config)
    except KeyError as error:
        raise InfoError(
            f"The configuration says no {error.args[0]}; give a folder with its safetensors file."
        ) from error
    parts = count(shape)
    hidden, head = shape.hidden, config.get("head_dim") or shape.hidden // shape.heads
    if config.get("model_type") == "lfm2":
        return parts
    layers = shape.layers
    attention = layers * 2 * hidden * head * (shape.heads + shape.kv_heads)
    if config.get("attention_bias") or config.get("model_type") == "qwen2":
        attention += layers * head * (shape.heads + 2 * shape.kv_heads)
    kind = str(config.get("model_type", ""))
    norms = layers * 2 * hidden + hidden
    if kind.startswith("gemma3"):
        norms += layers * 2 * hidden
    if kind.startswith(("qwen3", "gemma3")):
        norms += layers * 2 * head
    embedding = parts.embedding * (1 if config.get("tie_word_embeddings", True) else 2)
    return msgspec.structs.replace(parts, attention=attention, norms=norms, embedding=embedding)


def _shape(config: Mapping[str, Any]) -> Shape:
    layers = int(config["num_hidden_layers"])
    width = config.get("block_ff_dim") or config["intermediate_size"]
    attending: list[int] = list(range(layers))
    if config.get("model_type") == "lfm2":
        kinds = config.get("layer_types")
        if kinds:
            attending = [i for i, kind in enumerate(kinds) if kind == ATTENTION]
        else:
            attending = list(config.get("full_attn_idxs") or attending)
        if config.get("block_auto_adjust_ff_dim", True):
            width = adjusted_feed_forward(
                int(width),
                config.get("block_ffn_dim_multiplier", 1.0),
                config.get("block_multiple_of", 256),
            )
    return Shape(
        vocab_size=int(config["vocab_size"]),
        hidden=int(config["hidden_size"]),
        layers=layers,
        attention=tuple(attending),
        feed_forward=int(width),
        heads=int(config["num_attention_heads"]),
        kv_heads=int(config.get("num_key_value_heads") or config["num_attention_heads"]),
        conv_cache=int(config.get("conv_L_cache", 3)),
    )


def render(description: Description, form: str = "text") -> str:
    """Return a description as text or JSON."""
    parts = description.parts
    values = {
        **msgspec.to_builtins(parts),
        "total": parts.total,
        "effective": parts.effective,
        "embedding_share": round(parts.embedding_share, 4),
    }
    if form == "json":
        named = {"model": description.model, "source": description.source, **values}
        return json.dumps(named) + "\n"
    lines = [f"{description.model} (counted from its {description.source})"]
    for name in ("embedding", "conv", "attention", "feed_forward", "norms"):
        lines.append(f"  {name.replace('_', ' '):<14}{values[name]:>16,}")
    lines.append(f"  {'total':<14}{parts.total:>16,}")
    lines.append(f"  {'effective':<14}{parts.effective:>16,}   without the embedding")
    others = ", ".join(f"{name} {share:.1%}" for name, share in ANCHORS.items())
    lines.append(f"  embedding share {parts.embedding_share:.1%}   ({others})")
    return "\n".join(lines) + "\n"
