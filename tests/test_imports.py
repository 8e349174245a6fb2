"""Start-up stays light, and the mapped folders are importable under one name only."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    "torch",
    "pandas",
    "matplotlib",
    "scipy",
    "numpy",
    "aiohttp",
    "xllamacpp",
    "rich",
    "lm_eval",
    "ray",
)


@pytest.mark.parametrize(
    "code",
    [
        "import loopbench",
        "import loopbench.cli.app, loopbench.types, loopbench.naming",
        "import loopbench.lmeval",
        "import sys; sys.argv = ['loopbench', '--help']\n"
        "from loopbench.cli.app import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass",
    ],
)
def test_nothing_heavy_is_loaded(code: str) -> None:
    check = f"{code}\nimport sys\nprint('LOADED', *[m for m in {HEAVY} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[-1].split() == ["LOADED"]


def test_the_public_names_are_loaded_on_first_use() -> None:
    code = (
        "import sys, loopbench\n"
        "lazy = ['loopbench.harness.api', 'loopbench.judging.detection', 'loopbench.detectors',\n"
        "        'loopbench.notebook.loading', 'loopbench.notebook.comparing']\n"
        "print([name for name in lazy if name in sys.modules])\n"
        "loopbench.run, loopbench.detect, loopbench.detectors, loopbench.load, loopbench.compare\n"
        "print([name for name in lazy if name not in sys.modules])\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["[]", "[]"]


@pytest.mark.parametrize(
    "command",
    [
        ["ls", "models"],
        ["detect"],
        ["run", "--help"],
        ["report", "--help"],
        ["leaderboard", "add", "--help"],
    ],
)
def test_commands_load_no_engine(command: list[str]) -> None:
    code = (
        f"import sys; sys.argv = ['loopbench', *{command}]\n"
        "from loopbench.cli.app import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = ('torch', 'pandas', 'matplotlib', 'scipy', 'xllamacpp', 'aiohttp', 'ray')\n"
        "print('LOADED', *[m for m in heavy if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, input="so it goes"
    )
    assert result.stdout.splitlines()[-1] == "LOADED"


def test_what_every_run_prints_needs_no_scipy() -> None:
    code = (
        "import sys\n"
        "from loopbench.results import summary, table\n"
        "from loopbench.statistics.intervals import mean_interval\n"
        "mean_interval([0.1, 0.2, 0.9])\n"
        "print('LOADED', *[m for m in ('scipy', 'pandas') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["LOADED"]


def test_an_engines_child_process_loads_nothing_that_it_does_not_need() -> None:
    code = (
        "import sys, loopbench.backends.llamacpp.server\n"
        "idle = ('msgspec', 'importlib.metadata', 'aiohttp', 'numpy', 'loopbench.types')\n"
        "print('LOADED', *[m for m in idle if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["LOADED"]


def test_the_public_names_are_there() -> None:
    import loopbench

    assert callable(loopbench.detect)
    assert callable(loopbench.run)
    assert callable(loopbench.load)
    assert callable(loopbench.compare)
    assert set(loopbench.__all__) <= set(dir(loopbench))
    assert loopbench.detectors.get("suffix").name == "suffix"
    with pytest.raises(AttributeError, match="nothing_such"):
        _ = loopbench.nothing_such


def test_top_level_names_of_the_folders_are_not_installed(tmp_path: Path) -> None:
    code = (
        "import importlib.util as u\n"
        "print([n for n in ('tasks', 'detectors', 'leaderboards') if u.find_spec(n)])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert result.stdout.strip() == "[]"
