"""What is said of a GGUF file under an engine."""

from __future__ import annotations

from pathlib import Path

import pytest
from models.gguf_bytes import PLAIN

from loopbench.backends import get
from loopbench.models import gguf
from loopbench.models.info import model_info, takes_flash_attention


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(PLAIN)
    return path


@pytest.mark.parametrize(("flash", "said"), [(True, "7"), (False, "7 (no flash attention)")])
def test_the_version_says_that_flash_attention_is_off(place: Path, flash: bool, said: str) -> None:
    header = gguf.read_header(place)
    info = model_info(place, "tiny", header, engine="e", version="7", flash_attention=flash)
    assert (info.engine, info.engine_version, info.quantization) == ("e", said, "Q4_1")


@pytest.mark.parametrize("backend", ["llamacpp", "llama-cpp-python"])
def test_both_engines_leave_it_out_on_a_cpu(place: Path, backend: str) -> None:
    assert get(backend).describe(place).engine_version.endswith(" (no flash attention)")
    chosen = get(backend).describe(place, flash_attention="on").engine_version
    assert "flash" not in chosen


@pytest.mark.parametrize(
    ("asked", "gpu_layers", "deterministic", "taken"),
    [
        (None, 0, False, False),
        (None, 9, False, True),
        (None, 9, True, False),
        ("on", 0, False, True),
        ("on", 0, True, False),
        ("off", 9, False, False),
    ],
)
def test_who_gets_flash_attention(
    asked: str | None, gpu_layers: int, deterministic: bool, taken: bool
) -> None:
    found = takes_flash_attention(asked, gpu_layers=gpu_layers, deterministic=deterministic)
    assert found is taken
