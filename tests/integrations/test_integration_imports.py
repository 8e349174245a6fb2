"""Integrations import no engine, except the one that subclasses a class of its engine."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest


def last_line(code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return result.stdout.splitlines()[-1]


@pytest.mark.parametrize("name", ["", ".streams", ".pieces", ".llama_cpp", ".vllm"])
def test_no_engine_is_loaded(name: str) -> None:
    code = (
        f"import loopbench.integrations{name}, sys\n"
        "heavy = ('torch', 'transformers', 'llama_cpp', 'vllm')\n"
        "print('LOADED', *[m for m in heavy if m in sys.modules])"
    )
    assert last_line(code) == "LOADED"


@pytest.mark.parametrize("missing", ["torch", "transformers"])
def test_a_missing_package_is_told(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = "loopbench.integrations.transformers"
    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ModuleNotFoundError) as error:
        importlib.import_module(module)
    assert str(error.value) == f"{missing} is not installed: pip install 'loopbench-edge[hf]'"
