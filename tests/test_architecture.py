"""The rooms and the directions between them, as pyproject.toml states them."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAPPED = ("detectors", "leaderboards", "tasks")


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Return a folder with the package as it is installed: the mapped folders inside it."""
    for name in ("loopbench", *(f"loopbench.{name}" for name in MAPPED)):
        (source,) = importlib.import_module(name).__path__
        target = tmp_path / name.replace(".", "/")
        shutil.copytree(source, target, ignore=_no_data, dirs_exist_ok=True)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def _no_data(folder: str, names: list[str]) -> list[str]:
    return [n for n in names if Path(folder, n).is_file() and not n.endswith(".py")]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )


def test_the_imports_keep_to_the_contract(installed: Path) -> None:
    result = lint(installed)
    assert result.returncode == 0, result.stdout
    assert "0 broken" in result.stdout


def test_the_contract_refuses_an_import_upwards(installed: Path) -> None:
    file = installed / "loopbench" / "judging" / "outcome.py"
    file.write_text(file.read_text() + "\nfrom loopbench.results import store  # noqa\n")
    result = lint(installed)
    assert result.returncode == 1
    assert "loopbench.judging is not allowed to import loopbench.results" in result.stdout
