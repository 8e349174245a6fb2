"""Loop detectors by name: one file per detector, each exposing one class as `DETECTOR`."""

from __future__ import annotations

import inspect
from typing import Any

from loopbench import naming
from loopbench.detectors.base import Detector, Watcher

__all__ = ["Detector", "Watcher", "get", "names"]

_NOT_DETECTORS = frozenset({"base", "parts"})


def names() -> list[str]:
    """Return the names of all detectors, built-in and third-party."""
    return naming.names(__name__, _NOT_DETECTORS)


def get(name: str, **parameters: Any) -> Detector:
    """Return the detector `name` with the given parameters.

    Raises
    ------
    UnknownNameError
        If there is no such detector.
    ValueError
        If it has no such parameter, or refuses the value; `PluginError` if a third party's
        cannot be used.
    """
    factory = naming.resolve("detector", name, __name__, "DETECTOR", _NOT_DETECTORS)
    if not callable(factory):
        raise naming.PluginError("detector", name, f"{factory!r} makes no detector")
    known = inspect.signature(factory).parameters
    for parameter in parameters:
        if parameter not in known:
            raise naming.UnknownNameError(f"parameter of {name}", parameter, known)
    detector: Detector = factory(**parameters)
    return detector
