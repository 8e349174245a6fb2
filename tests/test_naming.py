"""Names resolve lazily, built-ins first, and a wrong one says what was meant."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import pytest

from loopbench import detectors, naming
from loopbench.detectors.suffix import Suffix
from loopbench.naming import UnknownNameError

GROUP = "loopbench.detectors"


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install three third-party detectors, one of them under the name of a built-in."""
    points = EntryPoints(
        [
            EntryPoint("mine", "loopbench.detectors.counter:Counter", GROUP),
            EntryPoint("suffix", "loopbench.detectors.counter:Counter", GROUP),
            EntryPoint("broken", "loopbench_no_such_module:X", GROUP),
            EntryPoint("elsewhere", "loopbench.detectors.counter:Counter", "other.group"),
        ]
    )

    def entry_points(**wanted: Any) -> EntryPoints:
        return points.select(**wanted)

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)


@pytest.mark.usefixtures("plugins")
def test_third_parties_are_listed_without_being_imported() -> None:
    names = detectors.names()
    assert {"mine", "broken", "suffix", "counter"} <= set(names)
    assert "elsewhere" not in names
    assert names == sorted(set(names))


@pytest.mark.usefixtures("plugins")
def test_a_third_party_is_resolved_with_its_parameters() -> None:
    assert detectors.get("mine", min_repeats=5) == detectors.get("counter", min_repeats=5)


@pytest.mark.usefixtures("plugins")
def test_a_plugin_cannot_change_what_a_published_name_measures() -> None:
    assert isinstance(detectors.get("suffix"), Suffix)


@pytest.mark.usefixtures("plugins")
def test_a_broken_plugin_fails_when_it_is_asked_for() -> None:
    with pytest.raises(ModuleNotFoundError, match="loopbench_no_such_module"):
        detectors.get("broken")


@pytest.mark.usefixtures("plugins")
def test_third_parties_are_suggested_too() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'mine'"):
        detectors.get("mime")


@pytest.mark.parametrize(
    ("name", "known", "message"),
    [
        ("sufix", ["suffix", "counter"], "Unknown detector 'sufix'. Did you mean 'suffix'?"),
        ("xyz", ["suffix", "counter"], "Unknown detector 'xyz'. Known: counter, suffix."),
        ("xyz", [], "Unknown detector 'xyz'. Known: none."),
        ("", ["suffix"], "Unknown detector ''. Known: suffix."),
    ],
)
def test_an_unknown_name_says_what_was_meant(name: str, known: list[str], message: str) -> None:
    assert str(UnknownNameError("detector", name, known)) == message


@pytest.mark.parametrize(
    "name",
    ["base", "parts", "parts.tokens", "__init__", "__pycache__", "suffix.py", "../suffix",
     "suffix.DETECTOR", "Suffix"],
)  # fmt: skip
def test_only_listed_names_are_imported(name: str) -> None:
    with pytest.raises(UnknownNameError):
        detectors.get(name)


def test_excluded_modules_are_no_names() -> None:
    assert "suffix" in naming.names(GROUP)
    assert "suffix" not in naming.names(GROUP, {"suffix"})


def test_listing_imports_no_detector() -> None:
    code = (
        "import sys; from loopbench import detectors; print(detectors.names()); "
        "print([m for m in sys.modules if m == 'loopbench.detectors.suffix'])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    names, imported = result.stdout.splitlines()
    assert "'suffix'" in names
    assert imported == "[]"
