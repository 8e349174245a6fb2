"""Integrations import no engine, except the one that subclasses a class of its engine."""

from __future__ import annotations

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
def test_a_missing_package_is_told(missing: str) -> None:
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "try:\n    import loopbench.integrations.transformers\n"
        "except ModuleNotFoundError as error:\n    print(error)"
    )
    assert last_line(code) == f"{missing} is not installed: pip install 'loopbench-edge[hf]'"
