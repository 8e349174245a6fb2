"""Loading a model folder: onto which device, in which type, and nothing that can run code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from loopbench.backends.transformers.files import ModelFolder
from loopbench.errors import BackendError

DTYPES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}
"""Values of `--dtype` beside `auto`, and how tables call them."""
DEVICE_MAPS = ("auto", "balanced", "balanced_low_0", "sequential")


def pick_device(device: str | None) -> str:
    """Return a device or device map: the one that was asked for, or the fastest there is.

    Raises
    ------
    ValueError
        If there is no such device.
    """
    import torch

    if device in DEVICE_MAPS:
        return str(device)
    if device is None:
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            f"There is no device {device!r} here; use cpu, cuda, cuda:1, mps, or a device map"
            f" such as auto ({str(error).splitlines()[0].rstrip('.')})."
        ) from error
    return device


def pick_dtype(dtype: str | None, device: str, folder: ModelFolder) -> str:
    """Return the type that the model is computed in.

    By default that of the checkpoint, on a CPU float32: the narrow types are slow there.

    Parameters
    ----------
    dtype
        What was asked for; None for the default.
    device
        Where the model runs.
    folder
        The checkpoint, for its own type.

    Raises
    ------
    ValueError
        For an unknown type.
    """
    if dtype is None:
        dtype = "float32" if device == "cpu" else "auto"
    if dtype == "auto":
        text = folder.config.get("text_config") or {}
        names = [c.get(key) for c in (folder.config, text) for key in ("dtype", "torch_dtype")]
        stored = {short: name for name, short in DTYPES.items()}.get(folder.tensors()[1])
        return next((str(name) for name in names if name in DTYPES), stored or "float32")
    if dtype not in DTYPES:
        raise ValueError(f"Unknown --dtype {dtype!r}; use auto, {', '.join(DTYPES)}.")
    return dtype


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from drawing bars and warning about what is checked here anyway."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def load_model(folder: ModelFolder, device: str, dtype: str) -> tuple[Any, Any]:
    """Return the model and its tokenizer.

    Parameters
    ----------
    folder
        The checkpoint.
    device
        A device, or a device map.
    dtype
        Name of a type of torch.

    Raises
    ------
    BackendError
        If it cannot be loaded, or the weights do not fit the configuration.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    safe = {"trust_remote_code": False, "local_files_only": True}
    mapped = {"device_map": device} if device in DEVICE_MAPS else {}
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder.path, **safe)
        model, report = AutoModelForCausalLM.from_pretrained(
            folder.path,
            use_safetensors=True,
            dtype=getattr(torch, dtype),
            output_loading_info=True,
            **safe,
            **mapped,
        )
        if not mapped:
            model = model.to(device)
    except Exception as error:
        # Anything at all: a checkpoint under test may be broken in any way.
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise BackendError(f"transformers cannot load {folder.path}: {reason}") from error
    # transformers fills such weights with random numbers and goes on.
    bad = sorted({*report["missing_keys"], *(str(k[0]) for k in report["mismatched_keys"])})
    if bad:
        raise BackendError(
            f"{folder.path} does not fit its config.json: {len(bad)} weights are missing or of"
            f" another shape, such as {bad[0]}."
        )
    return model.eval(), tokenizer
