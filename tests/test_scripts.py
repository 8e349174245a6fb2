"""The scripts ask LoopBench for names that it has."""

from __future__ import annotations

import ast
import importlib
import importlib.util
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent.parent / "scripts"


PYTHON = [
    file
    for file in sorted(SCRIPTS.iterdir())
    if file.is_file()
    and (file.suffix == ".py" or file.read_bytes().startswith(b"#!/usr/bin/env py"))
]


@pytest.mark.parametrize("script", PYTHON, ids=lambda file: file.name)
def test_what_a_script_imports_is_there(script: Path) -> None:
    # Without running it: most of them work for minutes, and some need other people's packages.
    for node in ast.walk(ast.parse(script.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("loopbench"):
            module = importlib.import_module(str(node.module))
            for name in node.names:
                found = hasattr(module, name.name) or importlib.util.find_spec(
                    f"{node.module}.{name.name}"
                )
                assert found, f"{node.module} has no {name.name}"
