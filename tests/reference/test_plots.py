"""Plots of a recipe's runs: drawn from logs and records, with stages that a seed lacks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import matplotlib.image
import msgspec
import pytest
from fakes import record

from loopbench.reference import plots
from loopbench.types import Record


def write_run(folder: Path, stages: Sequence[str]) -> str:
    for name in stages:
        (folder / name).mkdir(parents=True)
        lines = [
            {"step": step, "loss": 1 / step, "accuracy": 0.5, "looping": 0.1, "length": 90.0}
            for step in range(1, 9)
        ]
        (folder / name / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    return str(folder)


def write_records(folder: Path, records: Sequence[Record]) -> str:
    folder.mkdir()
    lines = b"".join(msgspec.json.encode(r) + b"\n" for r in records)
    (folder / "records.jsonl").write_bytes(lines)
    return str(folder)


def test_values_are_smoothed_backwards_only() -> None:
    assert plots.smoothed([4.0, 0.0, 2.0, 9.0], width=2) == [4.0, 2.0, 1.0, 5.5]


@pytest.mark.slow
def test_every_picture_is_drawn(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "0", ["pretrain", "mid", "sft", "rlvr"]),
        write_run(tmp_path / "1", ["pretrain", "mid"]),
    ]
    one = [
        record("sft", "doom", task="mini_pairs", score=0.0),
        record("rlvr", "clean", task="mini_pairs", score=1.0),
    ]
    hard = [write_records(tmp_path / "h0", one), write_records(tmp_path / "h1", one[:1])]
    easy = [write_records(tmp_path / "e0", one)]
    out = tmp_path / "plots"
    plots.main([*runs, "--hard", *hard, "--easy", *easy, "--out", str(out)])
    for name in ("loss", "rlvr", "stages"):
        pixels = matplotlib.image.imread(out / f"{name}.png")
        assert pixels[..., :3].std() > 0.02, name


def test_without_measurements_there_are_no_bars(tmp_path: Path) -> None:
    run = write_run(tmp_path / "0", ["pretrain", "rlvr"])
    plots.main([run, "--out", str(tmp_path / "plots")])
    assert sorted(p.name for p in (tmp_path / "plots").iterdir()) == ["loss.png", "rlvr.png"]
