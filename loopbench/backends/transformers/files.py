"""What a model folder says about itself, read without loading the weights."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import math
import os
from collections import Counter
from pathlib import Path
from typing import Any

from loopbench.backends.forms import is_hub_id
from loopbench.errors import BackendError
from loopbench.types import ModelInfo, Struct

_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_WANTED = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model")
_CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")


class FolderError(ValueError):
    """A folder that holds no model that can be run; its text is one sentence for the user."""


class ModelFolder(Struct, frozen=True):
    """A model folder's own description."""

    path: Path
    config: dict[str, Any]
    weights: list[Path]
    """The safetensors files that are loaded, sorted by name."""
    chat_template: str | None

    @property
    def context_length(self) -> int:
        """Longest context of the model in tokens; 0 where the configuration is silent."""
        text = self.config.get("text_config") or {}
        for key in _CONTEXT_KEYS:
            value = self.config.get(key) or text.get(key)
            if isinstance(value, int):
                return value
        return 0

    @property
    def quantization_method(self) -> str | None:
        """The method of weights that are quantised in the files, such as `gptq`."""
        method = (self.config.get("quantization_config") or {}).get("quant_method")
        return str(method).upper() if method else None

    @property
    def template_hash(self) -> str | None:
        """Hash of the chat template, the same as that of a GGUF file with the same one."""
        if self.chat_template is None:
            return None
        digest = hashlib.sha256(self.chat_template.encode("utf-8", "surrogateescape"))
        return "sha256:" + digest.hexdigest()

    def tensors(self) -> tuple[int, str]:
        """Return the number of stored weights, and the type that most of them have.

        Raises
        ------
        FolderError
            If a file is no safetensors file.
        """
        from safetensors import SafetensorError, safe_open

        sizes: Counter[str] = Counter()
        for file in self.weights:
            try:
                with safe_open(file, framework="np") as opened:
                    for name in opened.keys():  # noqa: SIM118  (not a dict)
                        part = opened.get_slice(name)
                        sizes[part.get_dtype()] += math.prod(part.get_shape())
            except (SafetensorError, OSError) as error:
                raise FolderError(f"{file} is not a whole safetensors file: {error}.") from error
        return sizes.total(), sizes.most_common(1)[0][0] if sizes else "none"

    def fingerprint(self) -> str:
        """Return `sha256:` and a hash of the weights of all files in the order of their names."""
        digest = hashlib.sha256()
        for file in self.weights:
            with file.open("rb") as data:
                digest.update(hashlib.file_digest(data, "sha256").digest())
        return "sha256:" + digest.hexdigest()


def read_folder(path: Path) -> ModelFolder:
    """Read a model folder's description and refuse what must not be loaded.

    Raises
    ------
    FolderError
        If it has no configuration or no safetensors, or needs code of its own.
    """
    if (path / "adapter_config.json").exists():
        raise FolderError(
            f"{path} holds an adapter: merge it into its base model, and run what that gives."
        )
    config = _json(path / "config.json")
    if config is None:
        raise FolderError(f"{path} is not a model folder: it has no readable config.json.")
    weights = _weights(path)
    if not weights:
        pickles = sorted(file.name for glob in _PICKLES for file in path.glob(glob))
        found = f"only {pickles[0]}" if pickles else "no weights"
        raise FolderError(
            f"{path} has {found}: save the model as safetensors, since a pickle can run code."
        )
    if "AutoModelForCausalLM" in (config.get("auto_map") or {}) and not _known(config):
        raise FolderError(
            f"{path} brings its own model code, which is never run; use a model type that "
            f"transformers has ({config.get('model_type')!r} is none)."
        )
    return ModelFolder(path=path, config=config, weights=weights, chat_template=_template(path))


def _weights(path: Path) -> list[Path]:
    """Return the files that transformers loads: some folders hold the weights twice."""
    index = _json(path / "model.safetensors.index.json")
    if index is not None:
        names = {str(name) for name in (index.get("weight_map") or {}).values()}
        # A name that leads out of the folder is no file of it.
        return sorted(file for name in names if (file := path / Path(name).name).is_file())
    whole = path / "model.safetensors"
    return [whole] if whole.is_file() else sorted(path.glob("*.safetensors"))


def _known(config: dict[str, Any]) -> bool:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    return config.get("model_type") in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES


def _json(file: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _template(path: Path) -> str | None:
    """Return the chat template: a file of its own, or an entry of the tokenizer's settings."""
    file = path / "chat_template.jinja"
    if file.is_file():
        return file.read_bytes().decode("utf-8", "surrogateescape")
    value = (_json(path / "tokenizer_config.json") or {}).get("chat_template")
    if isinstance(value, list):
        named = {item.get("name"): item.get("template") for item in value if isinstance(item, dict)}
        value = named.get("default")
    return value if isinstance(value, str) else None


def find_folder(place: str) -> Path:
    """Return the folder of a model, fetching it from the Hugging Face hub where it is an id.

    Raises
    ------
    FolderError
        If it is neither a folder nor something that the hub gives.
    """
    path = Path(place)
    if path.exists() or not is_hub_id(place):
        return path.absolute()
    from huggingface_hub import snapshot_download

    try:
        return Path(
            snapshot_download(
                place, allow_patterns=list(_WANTED), ignore_patterns=["*/*", "consolidated*"]
            )
        )
    except Exception as error:
        # Whatever the hub's client raises: offline, refused, gated, no such model.
        reason = str(error).strip().split("\n")[0].rstrip(".")
        raise FolderError(
            f"There is no folder {place}, and the Hugging Face hub does not give it: {reason}."
        ) from error


def require() -> None:
    """Get ready to load torch; where it is missing, refuse with the command that helps.

    Raises
    ------
    BackendError
        If they are.
    """
    # Read when torch is loaded. Threads that spin while they wait for a core that another
    # process has make a step twenty times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for module in ("torch", "transformers", "safetensors"):
        if importlib.util.find_spec(module) is None:
            raise BackendError(
                f"The transformers backend needs {module}; install it with:"
                " pip install 'loopbench-edge[hf]'"
            )


def model_info(folder: ModelFolder, name: str, dtype: str) -> ModelInfo:
    """Return the provenance of a model that is computed in `dtype`.

    Parameters
    ----------
    folder
        The checkpoint.
    name
        Short name for tables.
    dtype
        Type that the weights are loaded in.
    """
    count, _ = folder.tensors()
    return ModelInfo(
        name=name,
        path=str(folder.path),
        fingerprint=folder.fingerprint(),
        architecture=str(folder.config.get("model_type", "unknown")),
        parameters=count,
        quantization=folder.quantization_method or dtype,
        context_length=folder.context_length,
        template_hash=folder.template_hash,
        engine="transformers",
        engine_version=f"{importlib.metadata.version('transformers')}"
        f" (torch {importlib.metadata.version('torch')})",
    )
