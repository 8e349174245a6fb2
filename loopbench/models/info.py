"""What the engines of GGUF files have in common: a model's provenance and its context."""

from __future__ import annotations

from pathlib import Path

from loopbench.errors import BackendError
from loopbench.models import gguf
from loopbench.types import ModelInfo

CONTEXT_STEP = 256


def model_info(
    path: Path,
    name: str,
    header: gguf.GGUFHeader,
    *,
    engine: str,
    version: str,
    flash_attention: bool = False,
) -> ModelInfo:
    """Return the provenance of a GGUF file under an engine.

    Flash attention rounds otherwise, so greedy outputs differ with it: the version says when it
    is off. Where it says nothing, llama.cpp chose, and took it.

    Parameters
    ----------
    path
        The file.
    name
        What the table calls it.
    header
        The file's own.
    engine, version
        What runs it.
    flash_attention
        Whether the engine uses it.
    """
    return ModelInfo(
        name=name,
        path=str(path),
        fingerprint=gguf.fingerprint(path),
        architecture=header.architecture,
        parameters=header.parameters,
        quantization=header.quantization,
        context_length=header.context_length,
        template_hash=header.template_hash,
        engine=engine,
        engine_version=version if flash_attention else f"{version} (no flash attention)",
    )


def takes_flash_attention(asked: str | None, *, gpu_layers: int, deterministic: bool) -> bool:
    """Return whether an engine gets flash attention: as asked, otherwise on a GPU only.

    The CPU's kernel adds up in 16 bits, and its rounding differs from build to build. A token of
    context costs it twice the time, but only in the stream that has it: without it, every stream
    pays for the context of the longest.

    Parameters
    ----------
    asked
        `on`, `off`, or None for the default.
    gpu_layers
        Layers on a GPU; 0 for none.
    deterministic
        Never with flash attention.
    """
    return not deterministic and (gpu_layers > 0 if asked is None else asked == "on")


def slot_context(max_new_tokens: int, prompt_allowance: int) -> int:
    """Return the context of one slot: room for prompt and budget, in whole steps."""
    return -(-(prompt_allowance + max_new_tokens + 2) // CONTEXT_STEP) * CONTEXT_STEP


def usable_context(header: gguf.GGUFHeader, name: str, max_new_tokens: int, allowance: int) -> int:
    """Return the context of one slot, or refuse a budget that the model cannot hold.

    Parameters
    ----------
    header
        Says how long a context the model was trained for.
    name
        What the message calls the model.
    max_new_tokens
        The budget.
    allowance
        Tokens that are kept free for the prompt.
    """
    if max_new_tokens < 1:
        raise BackendError(f"The budget must be at least 1 token, got {max_new_tokens}.")
    context = slot_context(max_new_tokens, allowance)
    trained = header.context_length
    if trained and context > trained:
        # llama.cpp would cap it silently, and "budget" would no longer mean the budget.
        if max_new_tokens + 2 >= trained:
            raise BackendError(
                f"{name} was trained for {trained:,} tokens of context, and a budget of"
                f" {max_new_tokens:,} does not fit. Use --max-new-tokens"
                f" {max(1, trained - allowance - 2)} or less."
            )
        return trained
    return context
