"""The wheel holds what the tree holds, under one name."""

from __future__ import annotations

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
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir",
         str(tmp_path), str(root)],
        check=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("loopbench_edge-*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    expected = {
        f"{target}/{file.relative_to(root / folder)}"
        for folder, target in MAPPED.items()
        for file in (root / folder).rglob("*.py")
    }
    assert packed == expected | {"loopbench/py.typed"}


def test_the_version_is_told_once() -> None:
    from importlib.metadata import version

    assert version("loopbench-edge") == loopbench.__version__
