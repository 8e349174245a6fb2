"""The tutorial runs from a fresh clone, offline and without a display, and shows what it says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
TUTORIAL = ROOT / "docs" / "tutorial.ipynb"


def execute(notebook: Path) -> subprocess.CompletedProcess[str]:
    script = ROOT / "scripts" / "execute_notebook"
    return subprocess.run(
        [sys.executable, str(script), str(notebook), "--check"], capture_output=True, text=True
    )


@pytest.mark.slow
def test_it_runs_and_its_outputs_are_current() -> None:
    done = execute(TUTORIAL)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "said"),
    [("print(1 + 1)", "is not current"), ("import loopbench\nloopbench.load('none')", "no file")],
)
def test_a_cell_that_fails_or_says_something_else_is_noticed(
    source: str, said: str, tmp_path: Path
) -> None:
    cell = {
        "cell_type": "code", "id": "a", "source": source, "metadata": {}, "outputs": [],
        "execution_count": None,
    }  # fmt: skip
    path = tmp_path / "small.ipynb"
    path.write_text(
        json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )
    done = execute(path)
    assert done.returncode == 1
    assert said in done.stdout + done.stderr


def test_it_is_small_and_of_no_machine() -> None:
    text = TUTORIAL.read_text()
    assert len(text) < 300_000
    assert not re.search(r"/(home|root|tmp|Users)/", text)
    cells = json.loads(text)["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    kinds = {kind for cell in code for output in cell["outputs"] for kind in output.get("data", {})}
    assert {"text/html", "image/png"} <= kinds


def test_its_links_lead_somewhere() -> None:
    sources = ["".join(cell["source"]) for cell in json.loads(TUTORIAL.read_text())["cells"]]
    for target in re.findall(r"\]\(([^)]+)\)", "\n".join(sources)):
        assert (TUTORIAL.parent / target).is_file(), target
