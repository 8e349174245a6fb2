"""Engines that run a model: a folder each, whose `backend` module is found by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from loopbench.backends.base import BackendFactory

_HYPHENATED = {"llama-cpp-python": "llama_cpp_python"}
"""Backends that are called as their package is, which no module can be."""


def canonical(name: str) -> str:
    """Return a backend's name as it is listed."""
    return next((shown for shown, module in _HYPHENATED.items() if module == name), name)


def names() -> list[str]:
    """Return the names of all backends; nothing is imported."""
    from loopbench import naming

    return sorted(map(canonical, naming.names(__name__, inner="backend")))


def get(name: str) -> BackendFactory:
    """Return the backend called `name`: a `BackendFactory`.

    Raises
    ------
    UnknownNameError
        If there is no such backend.
    PluginError
        If a third party's is no `BackendFactory`.
    """
    # The engines' child processes import this package too, and look nothing up.
    from loopbench import naming
    from loopbench.backends.base import Capabilities

    module = _HYPHENATED.get(canonical(name), name)
    try:
        found = naming.resolve("backend", module, __name__, "BACKEND", inner="backend")
    except naming.UnknownNameError:
        raise naming.UnknownNameError("backend", name, names()) from None
    for part in ("name", "default_slots", "capabilities", "describe", "open"):
        if not hasattr(found, part):
            raise naming.PluginError("backend", name, f"it has no {part}")
    if isinstance(found, type) or not isinstance(found.capabilities, Capabilities):
        raise naming.PluginError("backend", name, "it is no object with Capabilities")
    return cast("BackendFactory", found)
