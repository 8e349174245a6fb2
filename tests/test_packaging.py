"""The wheel holds what the tree holds, under one name."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import loopbench

MAPPED = {
    "loopbench": "loopbench",
    "detectors": "loopbench/detectors",
    "tasks": "loopbench/tasks",
    "leaderboards": "loopbench/leaderboards",
}


@pytest.mark.slow
def test_the_wheel_holds_the_tree(tmp_path: Path) -> None:
    root = Path(__file__).parent.parent
    # A copy: what an earlier build left in build/ would be packed again.
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, source)
    for name in (*MAPPED, "tests", "scripts"):
        shutil.copytree(root / name, source / name)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check",
         "--no-deps", "--wheel-dir", str(tmp_path), str(source)],
        check=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("loopbench_edge-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        files = set(archive.namelist())
        (top_level,) = (archive.read(name) for name in files if name.endswith("/top_level.txt"))
        (scripts,) = (archive.read(name) for name in files if name.endswith("entry_points.txt"))
    packed = {name for name in files if ".dist-info/" not in name}
    expected = {
        f"{target}/{file.relative_to(root / folder)}"
        for folder, target in MAPPED.items()
        for file in (root / folder).rglob("*")
        if file.is_file()
        and "__pycache__" not in file.parts
        # The records of the leaderboard stay in the repository: the package does not need them.
        and (root / "leaderboards" / "entries") not in file.parents
    }
    assert packed == expected
    assert top_level.split() == [b"loopbench"]
    assert b"loopbench = loopbench.cli.app:main" in scripts
    assert b"[lm_eval.models]\nloopbench = loopbench.lmeval.model:LoopbenchLM" in scripts


def test_the_version_is_told_once() -> None:
    from importlib.metadata import version

    assert version("loopbench-edge") == loopbench.__version__
