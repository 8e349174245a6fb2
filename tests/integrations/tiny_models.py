"""Tiny models and tokenizers, made here: nothing is downloaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    Lfm2Config,
    Lfm2ForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

# More threads than free cores make such small matrices a hundred times slower.
torch.set_num_threads(1)

PAD, EOS = 0, 1


def llama(vocab: int, hidden: int) -> Any:
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocab, hidden_size=hidden, intermediate_size=2 * hidden,
            num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=8,
            max_position_embeddings=2048, initializer_range=0.1,
            pad_token_id=PAD, eos_token_id=EOS, bos_token_id=None,
        )
    ).eval()  # fmt: skip


def lfm2(vocab: int, hidden: int) -> Any:
    return Lfm2ForCausalLM(
        Lfm2Config(
            vocab_size=vocab, hidden_size=hidden, intermediate_size=2 * hidden,
            num_hidden_layers=2, layer_types=["conv", "full_attention"],
            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=2048,
            block_auto_adjust_ff_dim=False, tie_word_embeddings=False, initializer_range=0.1,
            pad_token_id=PAD, eos_token_id=EOS, bos_token_id=None,
        )
    ).eval()  # fmt: skip


FAMILIES: dict[str, Callable[[int, int], Any]] = {"llama": llama, "lfm2": lfm2}


def follower(family: str, vocab: int, following: Mapping[int, int]) -> Any:
    """A model whose greedy next token is `following[token]`, or the next id.

    Its layers run as always, but add nothing: the embedding is the identity, and the
    output layer maps each token to the one that follows.
    """
    model = FAMILIES[family](vocab, vocab)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("o_proj.weight", "out_proj.weight", "down_proj.weight", "w2.weight")):
                parameter.zero_()
        model.get_input_embeddings().weight.copy_(torch.eye(vocab))
        head = model.get_output_embeddings().weight
        head.zero_()
        for token in range(vocab):
            head[following.get(token, (token + 1) % vocab), token] = 1.0
    return model


def left_padded(prompts: Sequence[Sequence[int]]) -> dict[str, torch.Tensor]:
    width = max(map(len, prompts))
    ids = [[PAD] * (width - len(prompt)) + list(prompt) for prompt in prompts]
    mask = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    return {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask)}


def text_tokenizer(texts: Mapping[int, str], vocab: int) -> PreTrainedTokenizerFast:
    """A tokenizer in which the given ids have these texts, and decoding just joins them."""
    words = {texts.get(i, f"<{i}>"): i for i in range(vocab)}
    core = Tokenizer(models.WordLevel(words, unk_token=f"<{PAD}>"))
    core.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=core)


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE without merges: two control tokens, then one id per byte."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {"<pad>": PAD, "<eos>": EOS} | {char: i + 2 for i, char in enumerate(alphabet)}
    core = Tokenizer(models.BPE(vocab, []))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", eos_token="<eos>",
        model_input_names=["input_ids", "attention_mask"],
    )  # fmt: skip


def save_looping_model(folder: Path) -> None:
    """Save a byte-level model that goes on "lop lop …" after an A, and ends after a B."""
    tokenizer = byte_tokenizer()
    ids = {char: tokenizer.encode(char)[0] for char in "AB lop"}
    following = {ids[now]: ids[then] for now, then in pairwise("Alop l")} | {ids["B"]: EOS}
    model = follower("lfm2", len(tokenizer), following)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
