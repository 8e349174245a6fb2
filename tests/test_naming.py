"""Names resolve lazily, built-ins first, and a wrong one says what was meant."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import pytest

from loopbench import backends, detectors, naming, tasks
from loopbench.detectors.suffix import Suffix
from loopbench.naming import PluginError, UnknownNameError

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
    with pytest.raises(PluginError, match=r"'broken' of another .*loopbench_no_such_module"):
        detectors.get("broken")


class Half:
    """A backend's factory that declares nothing."""

    name = "half"
    default_slots = 1

    def describe(self, place: str) -> None: ...

    def open(self, place: str) -> None: ...


class Dressed(Half):
    capabilities = ("constrains",)


HALF, DRESSED, NUMBER = Half(), Dressed(), 7


@pytest.fixture
def strangers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install third parties' objects that are not what they are registered as."""
    groups = ("loopbench.backends", "loopbench.detectors", "loopbench.tasks")
    points = EntryPoints(
        [EntryPoint("half", f"{__name__}:HALF", "loopbench.backends")]
        + [EntryPoint("dressed", f"{__name__}:DRESSED", "loopbench.backends")]
        + [EntryPoint("number", f"{__name__}:NUMBER", group) for group in groups]
    )
    monkeypatch.setattr(
        importlib.metadata, "entry_points", lambda **wanted: points.select(**wanted)
    )


@pytest.mark.usefixtures("strangers")
@pytest.mark.parametrize(
    ("get", "name", "reason"),
    [
        (backends.get, "half", "it has no capabilities"),
        (backends.get, "dressed", "no object with Capabilities"),
        (backends.get, "number", "it has no name"),
        (detectors.get, "number", "7 makes no detector"),
        (tasks.get, "number", "7 does not follow the contract of tasks"),
    ],
)
def test_a_strangers_object_is_refused_in_a_sentence(get: Any, name: str, reason: str) -> None:
    with pytest.raises(
        PluginError, match=rf"'{name}' of another package cannot be used: .*{reason}"
    ):
        get(name)


@pytest.mark.usefixtures("strangers")
@pytest.mark.parametrize("what", ["backends", "detectors", "tasks"])
def test_what_cannot_be_used_is_listed_beside_the_rest(what: str, loopbench: Any) -> None:
    said = loopbench("ls", what)
    assert said.code == 0
    assert "number" in said.out
    assert "another package" in " ".join(said.out.split())


def test_an_unknown_backend_is_told_the_names_that_are_listed() -> None:
    with pytest.raises(UnknownNameError, match="'llama-cpp-python'"):
        backends.get("llama-cpp-pyton")


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
