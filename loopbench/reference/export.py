"""A reference checkpoint as a GGUF file that llama.cpp runs.

Names of keys and tensors follow llama.cpp's `lfm2` architecture. Matrices keep their rows
and columns, the taps of a convolution are stored as (channels, taps), and norms stay float32.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from loopbench.reference import tokenizer as tokens

Array = npt.NDArray[np.generic]

_FIXED = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.embedding_norm.weight": "token_embd_norm.weight",
}
_IN_LAYER = {
    "operator_norm": "attn_norm",
    "ffn_norm": "ffn_norm",
    "feed_forward.w1": "ffn_gate",
    "feed_forward.w2": "ffn_down",
    "feed_forward.w3": "ffn_up",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.out_proj": "attn_output",
    "self_attn.q_layernorm": "attn_q_norm",
    "self_attn.k_layernorm": "attn_k_norm",
    "conv.conv": "shortconv.conv",
    "conv.in_proj": "shortconv.in_proj",
    "conv.out_proj": "shortconv.out_proj",
}
QUANTIZATIONS = ("F32", "F16", "Q8_0", "Q4_0")


class ExportError(ValueError):
    """A checkpoint that cannot be written as GGUF; its text is one sentence for the user."""


def gguf_name(name: str) -> str | None:
    """Return the GGUF name of a tensor of `Lfm2ForCausalLM`; None for the tied output.

    Raises
    ------
    ExportError
        If the tensor belongs to no LFM2 model.
    """
    if name == "lm_head.weight":
        return None
    if name in _FIXED:
        return _FIXED[name]
    prefix, _, rest = name.partition("model.layers.")
    index, _, inner = rest.partition(".")
    part = inner.removesuffix(".weight")
    if prefix or not index.isdigit() or part not in _IN_LAYER:
        raise ExportError(f"Only LFM2 models can be exported; there is a tensor {name!r}.")
    return f"blk.{index}.{_IN_LAYER[part]}.weight"


def export(checkpoint: Path, target: Path, *, quantization: str = "F16") -> Path:
    """Write a model folder as one GGUF file.

    Parameters
    ----------
    checkpoint
        Folder of an LFM2 model: `config.json` and safetensors.
    target
        The file to write.
    quantization
        `F32`, `F16`, `Q8_0` or `Q4_0`, of the matrices.

    Raises
    ------
    ExportError
        If the folder holds no LFM2 model, or the quantisation is unknown.
    """
    from gguf import GGMLQuantizationType, GGUFWriter

    if quantization not in QUANTIZATIONS:
        raise ExportError(
            f"Unknown quantisation {quantization!r}. Known: {', '.join(QUANTIZATIONS)}."
        )
    config = _config(checkpoint)
    writer = GGUFWriter(str(target), "lfm2")
    _write_config(writer, config, checkpoint.parent.name or checkpoint.name, quantization)
    own = (checkpoint / "tokenizer.json").is_file()
    _write_tokenizer(writer, tokens.load(checkpoint) if own else tokens.packaged())
    kind = GGMLQuantizationType[quantization]
    for name, array in sorted(_tensors(checkpoint).items()):
        new = gguf_name(name)
        if new is not None:
            data, dtype = _stored(new, array, kind)
            writer.add_tensor(new, data, raw_dtype=dtype)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


def _config(checkpoint: Path) -> dict[str, Any]:
    path = checkpoint / "config.json"
    if not path.is_file():
        raise ExportError(f"{checkpoint} is no model folder: it has no config.json.")
    config: dict[str, Any] = json.loads(path.read_text())
    if config.get("model_type") != "lfm2":
        raise ExportError(f"Only LFM2 models can be exported, not {config.get('model_type')!r}.")
    return config


def _tensors(checkpoint: Path) -> dict[str, Array]:
    from safetensors import safe_open

    path = checkpoint / "model.safetensors"
    if not path.is_file():
        raise ExportError(f"{checkpoint} has no model.safetensors.")
    with safe_open(str(path), framework="np") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def _stored(name: str, array: Array, kind: Any) -> tuple[Array, Any]:
    from gguf import GGMLQuantizationType
    from gguf.quants import quantize

    values = array.astype(np.float32)
    if name.endswith("shortconv.conv.weight"):
        values = values.reshape(values.shape[0], values.shape[-1])
    if values.ndim == 1 or "shortconv.conv." in name:
        kind = GGMLQuantizationType.F32
    if kind == GGMLQuantizationType.Q4_0 and name == "token_embd.weight":
        # llama.cpp keeps the output matrix finer too, and here it is the embedding.
        kind = GGMLQuantizationType.Q8_0
    return quantize(np.ascontiguousarray(values), kind), kind


def _write_config(writer: Any, config: dict[str, Any], name: str, quantization: str) -> None:
    from gguf import LlamaFileType

    layers = config["layer_types"]
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    rope = config.get("rope_parameters") or {"rope_theta": config.get("rope_theta", 1e6)}
    writer.add_name(name)
    file_type = {"F32": "ALL_F32"}.get(quantization, f"MOSTLY_{quantization}")
    writer.add_file_type(LlamaFileType[file_type])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(hidden)
    writer.add_block_count(len(layers))
    writer.add_feed_forward_length(_feed_forward(config))
    writer.add_head_count(heads)
    kv = config["num_key_value_heads"]
    writer.add_head_count_kv([kv if kind == "full_attention" else 0 for kind in layers])
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_layer_norm_rms_eps(config["norm_eps"])
    writer.add_shortconv_l_cache(config["conv_L_cache"])


def _feed_forward(config: dict[str, Any]) -> int:
    from loopbench.reference.presets import adjusted_feed_forward

    width = int(config["intermediate_size"])
    if not config.get("block_auto_adjust_ff_dim", True):
        return width
    return adjusted_feed_forward(
        width, config.get("block_ffn_dim_multiplier") or 1.0, config["block_multiple_of"]
    )


def _write_tokenizer(writer: Any, tokenizer: Any) -> None:
    from gguf import TokenType

    inner = json.loads(tokenizer.backend_tokenizer.to_str())
    vocabulary = tokenizer.get_vocab()
    pieces = sorted(vocabulary, key=vocabulary.__getitem__)
    added = {token["content"]: token["special"] for token in inner["added_tokens"]}
    kinds = [
        TokenType.NORMAL
        if piece not in added
        else (TokenType.CONTROL if added[piece] else TokenType.USER_DEFINED)
        for piece in pieces
    ]
    merges = [m if isinstance(m, str) else " ".join(m) for m in inner["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(pieces)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(tokenizer.bos_token_id)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_add_bos_token(False)
    writer.add_chat_template(tokenizer.chat_template)
