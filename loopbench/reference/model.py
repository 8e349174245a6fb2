"""Building, saving and loading reference models; the first module here that imports torch."""

from __future__ import annotations

import os

# Threads that spin while they wait make a shared machine 20 times slower; read at import.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, Lfm2Config, Lfm2ForCausalLM

from loopbench.reference import tokenizer as tokens
from loopbench.reference.presets import Shape

LORA_TARGETS = (
    "q_proj", "k_proj", "v_proj", "out_proj", "o_proj", "in_proj", "w1", "w2", "w3",
    "gate_proj", "up_proj", "down_proj",
)  # fmt: skip
"""Projections of LFM2, its convolutions included, and of Llama-like models."""


def device() -> torch.device:
    """Return where this process computes: its own GPU if there is one, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("cpu")


class CheckpointError(ValueError):
    """A folder that holds no usable model; its text is one sentence for the user."""


def build(shape: Shape, tokenizer: Any, seed: int) -> Any:
    """Return a freshly initialised model.

    The vocabulary is the tokenizer's. The same seed gives the same weights.

    Parameters
    ----------
    shape
        Layers and widths.
    tokenizer
        Gives the size of the vocabulary and the special ids.
    seed
        Of the weights.
    """
    torch.manual_seed(seed)
    arguments = {**shape.config(), "vocab_size": len(tokenizer)}
    config = Lfm2Config(
        **arguments,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    model = Lfm2ForCausalLM(config)
    with torch.no_grad():
        model.model.embed_tokens.weight.normal_(0.0, shape.embedding_std)
    return _placed(model)


def load(path: Path | str, *, lora_rank: int = 0) -> Any:
    """Load a causal language model from a folder, in float32.

    Parameters
    ----------
    lora_rank
        Above 0: freeze the model and train low-rank adapters of its projections, those of
        LFM2's convolutions included, which stock target lists miss.

    Raises
    ------
    CheckpointError
        If the folder holds no model that `transformers` can load.
    """
    folder = Path(path)
    if not (folder / "config.json").is_file():
        raise CheckpointError(f"{folder} is no model folder: it has no config.json.")
    try:
        # A checkpoint is hostile input: no pickles, and never code from its folder.
        model = AutoModelForCausalLM.from_pretrained(
            str(folder.resolve()), dtype=torch.float32, use_safetensors=True,
            trust_remote_code=False,
        )  # fmt: skip
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"{folder} cannot be loaded as a causal model: {error}") from error
    model = _placed(model)
    return with_lora(model, lora_rank) if lora_rank else model


def _placed(model: Any) -> Any:
    return model.to(device())


def with_lora(model: Any, rank: int) -> Any:
    """Return the model with trainable adapters on every projection that it has."""
    from peft import LoraConfig, get_peft_model

    present = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    targets = [name for name in LORA_TARGETS if name in present]
    if not targets:
        raise CheckpointError("The model has none of the projections that adapters attach to.")
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=targets, task_type="CAUSAL_LM")
    return get_peft_model(model, config)


def load_tokenizer(path: Path | str) -> Any:
    """Load the tokenizer of a model folder, or the packaged one where it has none."""
    folder = Path(path)
    return tokens.load(folder) if (folder / "tokenizer.json").is_file() else tokens.packaged()


def merged(model: Any) -> Any:
    """Return the model itself, with any adapters folded into a copy of its weights."""
    if not hasattr(model, "merge_and_unload"):
        return model
    import copy

    return copy.deepcopy(model).merge_and_unload()


def save(model: Any, tokenizer: Any, path: Path, *, dtype: torch.dtype = torch.float32) -> None:
    """Write weights as safetensors, with configuration and tokenizer.

    Parameters
    ----------
    model
        With adapters, these are merged into what is written.
    tokenizer
        The model's.
    path
        A folder, made if there is none.
    dtype
        Of the weights in the file.
    """
    path.mkdir(parents=True, exist_ok=True)
    plain = merged(model)
    if dtype != torch.float32:
        import copy

        plain = copy.deepcopy(plain).to(dtype)
    plain.save_pretrained(str(path))
    tokenizer.save_pretrained(str(path))
