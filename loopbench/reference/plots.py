"""Pictures of a finished recipe: loss along training, and what each stage does."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SUPERVISED = ("pretrain", "mid", "sft", "repair", "rejection")


def main(argv: Sequence[str]) -> None:
    """Draw the plots; `--help` lists the settings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="Folder that 'loopbench train all' wrote.")
    parser.add_argument("--measured", type=Path, nargs="*", default=[], help="Run folders.")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(list(argv))
    given.out.mkdir(parents=True, exist_ok=True)
    losses(given.run, given.out / "loss.png")
    learning(given.run, given.out / "rlvr.png")
    if given.measured:
        stages(given.measured, given.out / "stages.png")


def _metrics(run: Path, name: str) -> list[dict[str, float]]:
    path = run / name / "metrics.jsonl"
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def _figure(width: float, panels: int = 1) -> tuple[Any, Any]:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot.subplots(1, panels, figsize=(width, 3.2), layout="constrained")


def losses(run: Path, out: Path) -> None:
    """Draw the cross-entropy of the supervised stages, one after the other."""
    figure, axes = _figure(7)
    start = 0
    for name in SUPERVISED[:3]:
        values = [line["loss"] for line in _metrics(run, name)]
        axes.plot(range(start, start + len(values)), values, label=name)
        start += len(values)
    axes.set(xlabel="step", ylabel="cross-entropy per token", yscale="log")
    axes.legend()
    figure.savefig(out, dpi=110)


def learning(run: Path, out: Path) -> None:
    """Draw accuracy, loops and length of the outputs that RLVR samples."""
    lines = _metrics(run, "rlvr")
    if not lines:
        return
    figure, (left, right) = _figure(8, 2)
    steps = [line["step"] for line in lines]
    for key, label in (("accuracy", "mean score"), ("looping", "looping"), ("unended", "no end")):
        left.plot(steps, [line[key] for line in lines], label=label)
    left.set(xlabel="step", ylabel="share of sampled outputs", ylim=(0, 1))
    left.legend()
    right.plot(steps, [line["length"] for line in lines], color="black")
    right.set(xlabel="step", ylabel="tokens per output", ylim=(0, None))
    figure.savefig(out, dpi=110)


def stages(folders: Sequence[Path], out: Path) -> None:
    """Draw doom rate and accuracy of every model of some run folders, with intervals."""
    from loopbench.harness.api import rows_of

    rows = [(folder.name, row) for folder in folders for row in rows_of(folder)]
    figure, axes = _figure(9, 2)
    for axis, key, label in (
        (axes[0], "doom_rate", "doom-loop rate"),
        (axes[1], "accuracy", "accuracy of reasoning"),
    ):
        names, values, errors = [], [], []
        for folder, row in rows:
            rate = getattr(row, key)
            if rate.value is None:
                continue
            names.append(f"{row.model.removeprefix('reference-')} T={row.temperature:g}\n{folder}")
            values.append(rate.value)
            errors.append((rate.value - rate.low, rate.high - rate.value))
        axis.barh(names, values, xerr=list(zip(*errors, strict=True)) or None, color="#6b8ba4")
        axis.invert_yaxis()
        axis.set(xlabel=label, xlim=(0, None))
        axis.tick_params(axis="y", labelsize=7)
    figure.set_size_inches(10, 0.45 * len(rows) + 1)
    figure.savefig(out, dpi=110)


if __name__ == "__main__":
    main(sys.argv[1:])
