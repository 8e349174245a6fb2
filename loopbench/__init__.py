"""LoopBench: doom loops of small language models, detected and counted.

`detect` judges one output, `run` measures models, `loopbench.detectors` holds the rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["__version__", "detect", "detectors", "run"]

if TYPE_CHECKING:
    from loopbench import detectors
    from loopbench.harness.api import run
    from loopbench.judging.detection import detect


def __getattr__(name: str) -> Any:
    # Loaded on first use, so that `import loopbench` stays light.
    import importlib

    if name == "detect":
        return importlib.import_module("loopbench.judging.detection").detect
    if name == "run":
        return importlib.import_module("loopbench.harness.api").run
    if name == "detectors":
        return importlib.import_module("loopbench.detectors")
    raise AttributeError(f"module 'loopbench' has no attribute {name!r}")
