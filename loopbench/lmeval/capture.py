"""Making lm-eval's own model types return responses that know their origin."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

_CAPTURES = (
    ("lm_eval.models.huggingface", "HFLM", "loopbench.lmeval.capture_hf"),
    ("lm_eval.models.openai_completions", "LocalCompletionsAPI", "loopbench.lmeval.capture_api"),
    ("lm_eval.models.vllm_causallms", "VLLM", "loopbench.lmeval.capture_vllm"),
)
"""Module and class of a model type, and the module whose `capture` instruments it."""


@contextmanager
def captured(lm: Any) -> Iterator[None]:
    """Instrument a model for the duration of a block.

    Model types that are not known stay as they are: their texts are scored. A model type
    whose class replaces the generation loop of a known one is not known.
    """
    inner = _inner(lm)
    with ExitStack() as undo:
        for module, name, capture in _CAPTURES:
            known = _class_of(inner, module, name)
            if known is not None and type(inner).generate_until is known.generate_until:
                importlib.import_module(capture).capture(inner, undo)
        yield


def replace(target: Any, name: str, value: Any, undo: ExitStack) -> None:
    """Set an attribute of one instance and put back what was there when `undo` closes.

    Parameters
    ----------
    target
        The instance, or a module.
    name, value
        The attribute and what it becomes.
    undo
        Puts the former value back.
    """
    missing = object()
    before = vars(target).get(name, missing)
    setattr(target, name, value)
    if before is missing:
        undo.callback(delattr, target, name)
    else:
        undo.callback(setattr, target, name, before)


def _inner(lm: Any) -> Any:
    """Return the model behind lm-eval's response cache."""
    return vars(lm)["lm"] if type(lm).__name__ == "CachingLM" else lm


def _class_of(lm: Any, module: str, name: str) -> Any | None:
    """Return a base class of the model by its place, without importing anything."""
    for base in type(lm).__mro__:
        if (base.__module__, base.__name__) == (module, name):
            return base
    return None
