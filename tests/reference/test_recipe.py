"""The recipe on the micro preset: stages in turn, nothing twice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from loopbench.models import gguf
from loopbench.reference import model as models
from loopbench.reference import recipe
from loopbench.reference.stages import merge

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

ONLY = ["--preset", "micro", "--only", "pretrain,mid,sft,repair", "--scale", "0.005"]


def test_a_finished_stage_is_not_run_again(tmp_path: Path) -> None:
    command = ["--out", str(tmp_path), "--threads", "1", *ONLY]
    recipe.main(command)
    lines = (tmp_path / "times.jsonl").read_text().splitlines()
    times = [json.loads(line) for line in lines]
    assert [line["name"] for line in times] == ["pretrain", "mid", "sft", "repair"]
    assert all(line["cpu_seconds"] > 0 for line in times)
    files = sorted(path.name for path in (tmp_path / "gguf").iterdir())
    assert files == ["reference-mid.gguf", "reference-repair.gguf", "reference-sft.gguf"]
    assert gguf.read_header(tmp_path / "gguf/reference-sft.gguf").parameters == 44_480
    recipe.main(command)
    assert len((tmp_path / "times.jsonl").read_text().splitlines()) == 4

    merge.main(
        [str(tmp_path / "sft/model"), str(tmp_path / "repair/model"), "--weights", "1,3", "--out",
         str(tmp_path / "merged")]
    )  # fmt: skip
    sft, repair, merged = (
        models.load(tmp_path / name / "model").state_dict() for name in ("sft", "repair", "merged")
    )
    name = "model.layers.0.conv.in_proj.weight"
    expected = 0.25 * sft[name] + 0.75 * repair[name]
    assert (merged[name] - expected).abs().max() < 1e-6


def test_an_unknown_stage_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no 'sfft'"):
        recipe.main(["--out", str(tmp_path), "--only", "sfft"])


def test_processor_time_counts_ended_children_too() -> None:
    before = recipe.cpu_seconds()
    subprocess.run([sys.executable, "-c", "sum(range(20_000_000))"], check=True)
    assert recipe.cpu_seconds() - before > 0.05
