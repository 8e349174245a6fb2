"""Quantised variants: what is asked of the quantiser, and what is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from models.gguf_bytes import gguf

from loopbench.models import quantising
from loopbench.models.catalog import ModelError
from loopbench.naming import UnknownNameError

COPIES = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/asked"
[ "$4" = IQ1_S ] && { echo "this needs an imatrix"; exit 1; }
cp "$2" "$3"
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "bin" / quantising.PROGRAM
    program.parent.mkdir()
    program.write_text(COPIES)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setenv("LOOPBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path


def source(place: Path, file_type: int) -> Path:
    path = place / "m.gguf"
    path.write_bytes(gguf({"general.architecture": "llama", "general.file_type": file_type}))
    return path


def asked(place: Path) -> list[str]:
    file = place / "bin" / "asked"
    return file.read_text().splitlines() if file.exists() else []


def test_a_variant_is_made_once_and_named_after_its_source(place: Path) -> None:
    model = source(place, 1)
    made = quantising.variant(model, "q4_0", threads=3)
    assert made == quantising.variant(model, "Q4_0")
    assert made.parent == place / "cache" / "quantised"
    assert made.name.startswith("m-Q4_0-")
    (line,) = asked(place)
    assert line.split()[0] == "--allow-requantize"
    assert line.split()[1] == str(model)
    assert line.split()[3:] == ["Q4_0", "3"]
    assert list(made.parent.iterdir()) == [made]


def test_the_sources_own_quantisation_is_the_source(place: Path) -> None:
    model = source(place, 2)
    assert quantising.variant(model, "q4_0") == model
    assert asked(place) == []


def test_a_quantised_source_must_be_asked_for(place: Path) -> None:
    model = source(place, 2)
    with pytest.raises(ModelError, match=r"quantised already.*--requantize"):
        quantising.variant(model, "q8_0")
    assert quantising.variant(model, "q8_0", requantize=True).is_file()


def test_an_unknown_quantisation_is_a_sentence(place: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'q4_0'"):
        quantising.variant(source(place, 1), "q4_00")


def test_a_failure_says_the_quantisers_last_line_and_leaves_nothing(place: Path) -> None:
    with pytest.raises(ModelError, match="quantised to IQ1_S: this needs an imatrix"):
        quantising.variant(source(place, 1), "iq1_s")
    assert list((place / "cache" / "quantised").iterdir()) == []


def test_without_a_quantiser_it_says_how_to_get_one(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(quantising, "MODULE", "no_such_module")
    with pytest.raises(ModelError, match=r"loopbench-edge\[llama-cpp\]"):
        quantising.variant(source(place, 1), "q4_0")
