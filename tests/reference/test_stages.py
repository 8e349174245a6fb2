"""Every stage on a model of 45,000 parameters: two steps, twice the same, resumed the same."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest
import torch

from loopbench.reference import model as models
from loopbench.reference import tokenizer
from loopbench.reference.presets import preset

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

SMALL = ["--steps", "2", "--threads", "1", "--checkpoint-every", "1"]
DRAWN = [*SMALL, "--examples", "6"]
ROLLED = [*SMALL, "--prompts", "4", "--samples", "2", "--budget", "40"]
ARGUMENTS = {
    "midtrain": DRAWN,
    "sft": DRAWN,
    "repair": DRAWN,
    "distill": DRAWN,
    "rlvr": ROLLED,
    "dpo": [*ROLLED, "--batch", "3"],
    "ftpo": [*ROLLED, "--batch", "3", "--least", "0.0001"],
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    words = tokenizer.packaged()
    models.save(models.build(preset("micro"), words, 0), words, folder)
    return folder


def run(stage: str, out: Path, model: Path, *more: str, until: int | None = None) -> None:
    arguments = [*ARGUMENTS[stage], "--out", str(out), "--model", str(model), *more]
    if stage == "distill":
        arguments += ["--teacher", str(model)]
    importlib.import_module(f"loopbench.reference.stages.{stage}").main(arguments, until=until)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(models.load(folder).state_dict())


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_fixed_set_is_passed_over_again(base: Path, tmp_path: Path) -> None:
    run("sft", tmp_path / "few", base, "--pool", "3")
    run("sft", tmp_path / "fresh", base)
    few, fresh = (
        [json.loads(x)["tokens"] for x in (tmp_path / n / "metrics.jsonl").read_text().splitlines()]
        for n in ("few", "fresh")
    )
    assert few[0] == few[1]
    assert fresh[0] != fresh[1]


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["midtrain", "sft", "repair", "distill", "rlvr", "dpo", "ftpo"])
def test_two_steps_are_logged_repeatable_and_resumable(
    stage: str, base: Path, tmp_path: Path
) -> None:
    run(stage, tmp_path / "whole", base)
    lines = [json.loads(x) for x in (tmp_path / "whole/metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [0, 1]
    assert {line["stage"] for line in lines} == {stage}
    run(stage, tmp_path / "cut", base, until=1)
    assert not (tmp_path / "cut/model").exists()
    run(stage, tmp_path / "cut", base)
    cut, whole = weights(tmp_path / "cut/model"), weights(tmp_path / "whole/model")
    assert same(cut, whole)
    if stage not in ("distill", "rlvr"):
        # A student that is its own teacher, and answers that are all wrong, teach nothing.
        assert not same(whole, weights(base))
