"""Two processes train as one does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from loopbench.reference import model as models
from loopbench.reference import tokenizer
from loopbench.reference.presets import preset


@pytest.mark.slow
def test_a_step_of_two_processes_is_that_of_one(tmp_path: Path) -> None:
    words = tokenizer.packaged()
    models.save(models.build(preset("micro"), words, 0), words, tmp_path / "base")
    stage = "loopbench.reference.stages.sft"
    options = [
        "--model", str(tmp_path / "base"), "--steps", "2", "--threads", "1", "--examples", "8",
        "--micro-tokens", "256",
    ]  # fmt: skip
    launch = [
        "-m", "torch.distributed.run", "--nproc-per-node", "2", "--rdzv-backend", "c10d",
        "--rdzv-endpoint", "127.0.0.1:0", "-m",
    ]  # fmt: skip
    for name, how in (("one", ["-m"]), ("two", launch)):
        command = [sys.executable, *how, stage, *options, "--out", str(tmp_path / name)]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        subprocess.run(command, check=True, capture_output=True, env=environment, timeout=600)
    one, two = (
        dict(models.load(tmp_path / name / "model").state_dict()) for name in ("one", "two")
    )
    for name in one:
        torch.testing.assert_close(one[name], two[name], rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_accelerate_starts_the_published_layout_on_a_cpu(tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2",
        "--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no",
        "--main_process_port", "0", "-m", "loopbench.reference.stages.pretrain",
        "--preset", "lfm2-350m-narrow", "--out", str(tmp_path / "run"), "--steps", "2",
        "--threads", "1", "--examples", "4", "--micro-tokens", "512",
    ]  # fmt: skip
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, capture_output=True, env=environment, timeout=600)
    lines = (tmp_path / "run/metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [0, 1]
    model = models.load(tmp_path / "run/model")
    assert model.config.layer_types.count("full_attention") == 6
    assert model.config.num_hidden_layers == 16
