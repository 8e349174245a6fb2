"""Engines that run a model; one module each, found by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, cast

from loopbench import naming
from loopbench.backends.base import Backend
from loopbench.types import ModelInfo

_HELPERS = frozenset(
    {
        "base",
        "cores",
        "llamacpp_client",
        "llamacpp_process",
        "llamacpp_server",
        "llamacpp_stream",
        "llamacpp_vocabulary",
    }
)


class BackendFactory(Protocol):
    """What a backend's module exposes as `BACKEND`."""

    name: str
    default_slots: int
    """Streams at the same time where nothing else is asked for."""

    def describe(self, path: Path, *, name: str | None = None) -> ModelInfo:
        """Return the provenance of a model without loading it."""
        ...

    def open(self, path: Path, **settings: Any) -> Backend:
        """Load the model; the settings are the backend's own."""
        ...


def names() -> list[str]:
    """Return the names of all backends; nothing is imported."""
    return naming.names(__name__, _HELPERS)


def get(name: str) -> BackendFactory:
    """Return the backend called `name`: an object with `name` and `open(path, **settings)`.

    Raises
    ------
    UnknownNameError
        If there is no such backend.
    """
    return cast(BackendFactory, naming.resolve("backend", name, __name__, "BACKEND", _HELPERS))
