"""What the engines of GGUF files have in common: how a file is described and a model planned."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from pathlib import Path
from typing import Any, NamedTuple

from loopbench.errors import BackendError
from loopbench.models import gguf
from loopbench.models.info import model_info, takes_flash_attention, usable_context
from loopbench.types import ModelInfo

DEFAULT_SLOTS = 8
RESTART_CREDIT = 16
"""Generations that must succeed after a restart before another one is allowed."""


class LoadPlan(NamedTuple):
    """A model as an engine will load it."""

    header: gguf.GGUFHeader
    info: ModelInfo
    slots: int
    settings: dict[str, Any]
    """What the child process needs, whatever engine it runs."""


class GGUFEngine(NamedTuple):
    """One way to run GGUF files."""

    title: str
    """What provenance calls it."""
    module: str
    distribution: str
    missing: str
    """What to do without the module."""

    def describe(
        self, path: Path, *, name: str | None = None, flash_attention: str | None = None
    ) -> ModelInfo:
        """Return the provenance of a model file without loading it.

        Parameters
        ----------
        path
            The file.
        name
            Short name for tables; the file's name by default.
        flash_attention
            `on` or `off`; None for the default.

        Raises
        ------
        GGUFError
            If the file is not a whole GGUF file.
        """
        path = Path(path).absolute()
        flash = takes_flash_attention(flash_attention, gpu_layers=0, deterministic=False)
        return self._info(path, name or path.stem, gguf.read_header(path), flash)

    def _info(self, path: Path, name: str, header: gguf.GGUFHeader, flash: bool) -> ModelInfo:
        try:
            version = importlib.metadata.version(self.distribution)
        except importlib.metadata.PackageNotFoundError:
            version = "unknown"
        return model_info(
            path, name, header, engine=self.title, version=version, flash_attention=flash
        )

    def plan(
        self,
        path: Path,
        *,
        name: str | None,
        slots: int | None,
        max_new_tokens: int,
        prompt_allowance: int,
        deterministic: bool,
        gpu_layers: int,
        flash_attention: str | None,
        context_per_slot: int | None = None,
    ) -> LoadPlan:
        """Read a file's header and decide how it is loaded.

        Parameters
        ----------
        path, name, slots, max_new_tokens, prompt_allowance, deterministic
            See `loopbench.backends.llamacpp.backend.open_backend`.
        gpu_layers, flash_attention, context_per_slot
            See there, too.

        Raises
        ------
        GGUFError
            If the file is not a whole GGUF file.
        BackendError
            If the engine is missing, or the model cannot hold the budget.
        """
        path = Path(path).absolute()
        header = gguf.read_header(path)
        if importlib.util.find_spec(self.module) is None:
            raise BackendError(self.missing)
        name = name or path.stem
        slots = 1 if deterministic else slots or DEFAULT_SLOTS
        flash = takes_flash_attention(
            flash_attention, gpu_layers=gpu_layers, deterministic=deterministic
        )
        settings = {
            "path": str(path),
            "slots": slots,
            "context_per_slot": context_per_slot
            or usable_context(header, name, max_new_tokens, prompt_allowance),
            "micro_batch": 1 if deterministic else 512,
            "flash_attention": flash,
            "gpu_layers": gpu_layers,
        }
        return LoadPlan(header, self._info(path, name, header, flash), slots, settings)
