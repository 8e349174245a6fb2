"""Tiny models with random weights, in the form in which real ones are published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE

END = "<|end|>"
TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SHAPE: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}


def tokenizer() -> Any:
    """Return one token per byte, so that most characters outside ASCII are split."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(BPE({c: i for i, c in enumerate(letters)}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token=END, bos_token="<|begin|>"
    )


def config(kind: str, size: int) -> Any:
    if kind == "lfm2":
        return transformers.Lfm2Config(
            vocab_size=size, num_hidden_layers=4, conv_L_cache=3, block_auto_adjust_ff_dim=False,
            layer_types=["conv", "full_attention", "conv", "full_attention"], **SHAPE,
        )  # fmt: skip
    if kind == "mamba":
        return transformers.MambaConfig(
            vocab_size=size, hidden_size=32, num_hidden_layers=2, state_size=8
        )
    if kind == "gemma3":
        return transformers.Gemma3TextConfig(
            vocab_size=size, num_hidden_layers=3, sliding_window=8, head_dim=8,
            layer_types=["sliding_attention", "full_attention", "sliding_attention"], **SHAPE,
        )  # fmt: skip
    return transformers.LlamaConfig(vocab_size=size, num_hidden_layers=2, **SHAPE)


def model(kind: str = "llama", seed: int = 0) -> Any:
    """Return a model whose greedy outputs are neither constant nor of one length."""
    torch.manual_seed(seed)
    settings = config(kind, 258)
    settings.update({"bos_token_id": 256, "eos_token_id": 257, "pad_token_id": None})
    built = transformers.AutoModelForCausalLM.from_config(settings).eval()
    with torch.no_grad():
        for name, weight in built.named_parameters():
            if weight.dim() > 1 and "norm" not in name and "A_log" not in name:
                weight.normal_(0, 0.35 if kind != "mamba" else 0.25)
    # Must not be used: greedy and unfiltered is what is asked for.
    built.generation_config.update(
        do_sample=True, temperature=5.0, top_k=3, repetition_penalty=1.9, eos_token_id=[257]
    )
    return built


def save(folder: Path, kind: str = "llama", template: str | None = TEMPLATE) -> Path:
    """Write a model folder."""
    model(kind).save_pretrained(folder)
    words = tokenizer()
    words.chat_template = template
    words.save_pretrained(folder)
    return folder


def edit(file: Path, **fields: Any) -> None:
    """Change fields of a JSON file."""
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))
