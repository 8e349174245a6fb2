"""Which backend runs what the user named."""

from __future__ import annotations

from pathlib import Path

import pytest

from loopbench.backends.forms import Target, is_hub_id, locate, split_name
from loopbench.models.catalog import ModelError
from loopbench.naming import UnknownNameError


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, file in (("hf", "config.json"), ("runs/a", "header.json"), ("empty", "x")):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / file).touch()
    for name in ("m.gguf", "out.jsonl", "out.parquet"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("model", "backend"),
    [
        ("m.gguf", "llamacpp"),
        ("hf", "transformers"),
        ("./hf", "transformers"),
        ("LiquidAI/LFM2-350M", "transformers"),
        ("http://127.0.0.1:8000", "openai"),
        ("https://host/v1#a/b", "openai"),
        ("runs/a", "replay"),
        ("runs/a#small", "replay"),
        ("out.jsonl", "replay"),
        ("out.parquet", "replay"),
        ("empty", "llamacpp"),
    ],
)
def test_the_form_picks_the_backend(model: str, backend: str, here: Path) -> None:
    target = locate(model)
    assert target.backend == backend
    if backend != "llamacpp":
        assert target == Target(backend=backend, place=model)


def test_a_prefix_and_an_option_override_the_form(here: Path) -> None:
    assert locate("replay:empty") == Target(backend="replay", place="empty")
    assert locate("hf", "llamacpp").backend == "llamacpp"
    assert locate("smollm2-135m", "mine") == Target(backend="mine", place="smollm2-135m")


def test_what_is_nowhere_is_told_by_the_catalogue(here: Path) -> None:
    with pytest.raises(ModelError, match=r"Did you mean m\.gguf\?"):
        locate("./n.gguf")
    with pytest.raises(UnknownNameError, match="Did you mean 'smollm2-135m'"):
        locate("smolm2-135m")


def test_names_after_a_place() -> None:
    assert split_name("http://h/v1#a/b") == ("http://h/v1", "a/b")
    assert split_name("runs/a") == ("runs/a", None)
    assert split_name("runs/a#") == ("runs/a#", None)
    assert is_hub_id("a/b-c.d")
    assert not any(map(is_hub_id, ("a", "./a", "a/b/c", "a/b.gguf", "../b", "/a/b")))
