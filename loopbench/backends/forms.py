"""Which backend runs what the user named: told by its form, unless `--backend` says so."""

from __future__ import annotations

import re
from pathlib import Path

from loopbench.backends import canonical
from loopbench.models import catalog
from loopbench.types import Struct

REPLAY = "replay:"
GGUF_BACKENDS = ("llamacpp", "llama-cpp-python")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_RECORDINGS = (".jsonl", ".parquet")
_WEIGHTS = (".gguf", ".safetensors", ".bin", ".pt", ".pth")
"""Files of models, wanted or not: they are no files of outputs."""
_GGUF = b"GGUF"


class Target(Struct, frozen=True):
    """A model, the backend that runs it, and where that finds it."""

    backend: str
    place: str
    """A path, a URL or a hub id: what the backend's `describe` and `open` take."""
    name: str | None = None
    """Short name for tables; None leaves it to the backend."""

    def moved(self, place: str, name: str) -> Target:
        """Return the target at another place, under another name."""
        return Target(backend=self.backend, place=place, name=name)


def is_url(model: str) -> bool:
    """Return whether this names a server."""
    return model.lower().startswith(("http://", "https://"))


def is_hub_id(model: str) -> bool:
    """Return whether this could be `owner/name` on the Hugging Face hub."""
    return _HUB_ID.fullmatch(model) is not None and not model.endswith(".gguf")


def split_name(place: str) -> tuple[str, str | None]:
    """Split `PLACE#NAME`, which picks one of several models at a place."""
    head, mark, name = place.rpartition("#")
    return (head, name) if mark and name else (place, None)


def locate(model: str, backend: str | None = None) -> Target:
    """Say which backend runs a model and where the model is.

    Parameters
    ----------
    model
        GGUF file or catalogue name, model folder or hub id, URL of a server, or a
        recording: run folder or file of outputs, also as `replay:PATH`.
    backend
        Overrides what the form says.

    Raises
    ------
    ModelError, UnknownNameError
        If nothing is there.
    """
    if model.startswith(REPLAY):
        return Target(backend=backend or "replay", place=model.removeprefix(REPLAY))
    backend = canonical(backend) if backend else _by_form(model)
    if backend not in GGUF_BACKENDS:
        return Target(backend=backend, place=model)
    name, path = catalog.resolve(model)
    return Target(backend=backend, place=str(path), name=name)


def is_recording(model: str) -> bool:
    """Return whether this names outputs that were recorded."""
    return model.startswith(REPLAY) or _by_form(model) == "replay"


def _by_form(model: str) -> str:
    if is_url(model):
        return "openai"
    path = Path(model)
    recording = Path(split_name(model)[0])
    if any((path / name).is_file() for name in ("config.json", "adapter_config.json")):
        return "transformers"
    if (recording / "header.json").is_file() or recording.suffix in _RECORDINGS:
        return "replay"
    if any(_holds_outputs(one) for one in (path, recording)):
        return "replay"
    if not path.exists() and is_hub_id(model):
        return "transformers"
    return "llamacpp"


def _holds_outputs(path: Path) -> bool:
    """Return whether this is a file, and none of weights."""
    if not path.is_file() or path.suffix.lower() in _WEIGHTS:
        return False
    try:
        with path.open("rb") as file:
            return file.read(len(_GGUF)) != _GGUF
    except OSError:
        return True  # whoever reads it says why it cannot be
