"""A real `llama_cpp.Llama` whose next tokens are forced through its logits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from llama_cpp import Llama, LogitsProcessorList

import loopbench.reference

MODEL = Path(loopbench.reference.__file__).parent / "checkpoints" / "reference-sft.gguf"


def load(**options: Any) -> Llama:
    return Llama(str(MODEL), **{"n_ctx": 2048, "n_threads": 1, "verbose": False} | options)


def forced(script: Sequence[int]) -> LogitsProcessorList:
    """Make the model say `script`, from its first new token on."""
    start: list[int] = []

    def force(ids: Any, scores: Any) -> Any:
        start[:] = start or [len(ids)]
        scores = np.full_like(scores, -1e9)
        scores[script[len(ids) - start[0]]] = 1e9
        return scores

    return LogitsProcessorList([force])
