"""The examples of docs/integrations.md run, in the order of the page."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import partialmethod
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from forced_llama import MODEL, forced
from llama_cpp import Llama
from tiny_models import save_looping_model

from loopbench import detectors
from loopbench.integrations.vllm import tokens_demanded, vllm_parameters
from loopbench.types import LoopSpan

PAGE = (Path(__file__).parents[2] / "docs" / "integrations.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"(?:<!-- with: (\w+) -->\n)?```python\n(.*?)```", PAGE, re.DOTALL)


@dataclass
class RepetitionDetectionParams:
    """Fields of vLLM 0.32.0."""

    max_pattern_size: int = 0
    min_pattern_size: int = 0
    min_count: int = 0


def run(code: str, names: dict[str, Any]) -> dict[str, Any]:
    exec(compile(code, "docs/integrations.md", "exec"), names)
    return names


def module(name: str, **contents: Any) -> ModuleType:
    made = ModuleType(name)
    vars(made).update(contents)
    return made


def test_each_example_is_known_here() -> None:
    assert [needs for needs, _ in EXAMPLES] == ["", "", "llama_cpp", "", "vllm", "openai"]


def test_the_rules_are_detectors() -> None:
    names = run(EXAMPLES[0][1], {})
    assert [names["verbatim"].name, names["counter"].name] == ["suffix", "counter"]


@pytest.mark.slow
def test_transformers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save_looping_model(tmp_path / "my-model")
    monkeypatch.chdir(tmp_path)
    names = run(EXAMPLES[1][1], {})
    assert names["output"].shape == (2, 1 + 256)
    assert capsys.readouterr().out.splitlines() == [
        "loops from token 0 on: 64 blocks of 4",
        repr("lop " * 10),
        repr(""),
    ]


def test_llama_cpp_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.gguf").symlink_to(MODEL)
    monkeypatch.chdir(tmp_path)
    # The real engine; only what it says next is forced.
    looping = partialmethod(Llama.create_completion, logits_processor=forced([300, 301] * 600))
    monkeypatch.setattr(Llama, "create_completion", looping)
    names = run(EXAMPLES[2][1], {})
    assert names["stop"].span == LoopSpan(start=0, end=256, period=2, repeats=128)
    assert names["output"]["usage"]["completion_tokens"] == 256
    assert capsys.readouterr().out.endswith(f"{names['stop'].span}\n")


def test_vllm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    sent: dict[str, Any] = {}

    def create(**body: Any) -> Any:
        sent.update(body)
        return SimpleNamespace(choices=[SimpleNamespace(finish_reason="repetition")])

    completions = SimpleNamespace(create=create)
    client = SimpleNamespace(chat=SimpleNamespace(completions=completions))
    fakes = [
        module("vllm", SamplingParams=SimpleNamespace),
        module("vllm.sampling_params", RepetitionDetectionParams=RepetitionDetectionParams),
        module("openai", OpenAI=lambda **_: client),
    ]
    for fake in fakes:
        monkeypatch.setitem(sys.modules, fake.__name__, fake)
    names: dict[str, Any] = {}
    for _, code in EXAMPLES[3:]:
        run(code, names)
    assert names["sampling"].repetition_detection == RepetitionDetectionParams(512, 32, 8)
    assert sent["extra_body"] == {"repetition_detection": names["parameters"]}
    assert capsys.readouterr().out == "repetition\n"


def test_the_table_of_demands() -> None:
    table = PAGE.split("<!-- table:begin -->")[1].split("<!-- table:end -->")[0]
    periods, _, ours, theirs = (
        [cell.strip() for cell in line.split("|")[2:-1]] for line in table.strip().splitlines()
    )
    parameters = vllm_parameters(
        detectors.get("suffix", min_repeats=8, min_tokens=256, max_period=512)
    )
    demands = [tokens_demanded(parameters, int(period)) for period in periods]
    assert theirs == ["–" if demand is None else str(demand) for demand in demands]
    rule = [max(8 * int(period), 256) for period in periods]
    assert ours == [str(n) if int(p) <= 512 else "–" for n, p in zip(rule, periods, strict=True)]
