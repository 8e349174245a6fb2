"""LoopBench: doom loops of small language models, detected and counted.

`detect` judges one output, `run` measures models, `load` shows a run or a file of outputs in a
notebook, `compare` tells two of them apart, `loopbench.detectors` holds the rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["__version__", "compare", "detect", "detectors", "load", "run"]

if TYPE_CHECKING:
    from loopbench import detectors
    from loopbench.harness.api import run
    from loopbench.judging.detection import detect
    from loopbench.notebook.comparing import compare
    from loopbench.notebook.loading import load

_PLACES = {
    "compare": "loopbench.notebook.comparing",
    "detect": "loopbench.judging.detection",
    "load": "loopbench.notebook.loading",
    "run": "loopbench.harness.api",
}


def __getattr__(name: str) -> Any:
    # Loaded on first use, so that `import loopbench` stays light.
    import importlib

    if name == "detectors":
        return importlib.import_module("loopbench.detectors")
    if name in _PLACES:
        return getattr(importlib.import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'loopbench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
