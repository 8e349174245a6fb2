"""Pictures of a finished recipe: loss along training, and what each stage does."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from loopbench.reference.seeds import counts_by_model

SUPERVISED = ("pretrain", "mid", "sft")
SAMPLED = {"accuracy": "mean score", "looping": "looping", "length": "tokens per output"}
"""What the log of RLVR says of sampled outputs, and how its axis is called."""


def main(argv: Sequence[str]) -> None:
    """Draw the plots; `--help` lists the settings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, help="A recipe's folder, one for each seed.")
    parser.add_argument("--hard", type=Path, nargs="*", default=[], help="Run folders, by seed.")
    parser.add_argument("--easy", type=Path, nargs="*", default=[], help="Run folders, by seed.")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(list(argv))
    given.out.mkdir(parents=True, exist_ok=True)
    losses(given.runs, given.out / "loss.png")
    learning(given.runs, given.out / "rlvr.png")
    if given.hard and given.easy:
        stages(given.hard, given.easy, given.out / "stages.png")


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


def losses(runs: Sequence[Path], out: Path) -> None:
    """Draw the cross-entropy of the supervised stages, one after the other, a line a seed."""
    figure, axes = _figure(7)
    for seed, run in enumerate(runs):
        start = 0
        for color, name in enumerate(SUPERVISED):
            values = [line["loss"] for line in _metrics(run, name)]
            label = name if seed == 0 else None
            steps = range(start, start + len(values))
            axes.plot(steps, values, label=label, color=f"C{color}", linewidth=0.7)
            start += len(values)
    axes.set(xlabel="step", ylabel="cross-entropy per token", yscale="log")
    axes.legend()
    figure.savefig(out, dpi=110)


def learning(runs: Sequence[Path], out: Path) -> None:
    """Draw accuracy, loops and length of the outputs that RLVR samples, a line a seed."""
    figure, panels = _figure(10, len(SAMPLED))
    for axis, (key, label) in zip(panels, SAMPLED.items(), strict=True):
        for seed, run in enumerate(runs):
            lines = _metrics(run, "rlvr")
            values = smoothed([line[key] for line in lines])
            axis.plot([line["step"] for line in lines], values, label=f"seed {seed}")
        axis.set(xlabel="step", ylabel=label, ylim=(0, None))
    panels[0].legend()
    figure.savefig(out, dpi=110)


def smoothed(values: Sequence[float], width: int = 5) -> list[float]:
    """Return the mean of each value and the up to `width` - 1 before it."""
    return [fmean(values[max(0, i + 1 - width) : i + 1]) for i in range(len(values))]


def stages(hard: Sequence[Path], easy: Sequence[Path], out: Path) -> None:
    """Draw loops and accuracy of every stage, greedy: bars pool the seeds, dots are seeds.

    The bar of stuck outputs holds that of the doomed ones, which is darker.

    Parameters
    ----------
    hard, easy
        Run folders of the suites `reference_hard` and `reference_easy`, one for each training seed.
    out
        The image file.
    """
    figure, axes = _figure(10, 3)
    parts = (
        (hard, "stuck", "n", "stuck (dark: doomed), hard"),
        (hard, "correct", "graded", "right, hard"),
        (easy, "correct", "graded", "right, easy"),
    )
    for axis, (folders, part, whole, label) in zip(axes, parts, strict=True):
        for row, counts in enumerate(counts_by_model(folders, 0.0).values()):
            pairs = [(getattr(c, part), getattr(c, whole)) for c in counts]
            pooled = sum(k for k, _ in pairs) / sum(n for _, n in pairs)
            axis.barh(row, 100 * pooled, color="#c9d6e2")
            if part == "stuck":
                doomed = sum(c.doomed for c in counts) / sum(c.n for c in counts)
                axis.barh(row, 100 * doomed, color="#8fa9c2")
            axis.plot([100 * k / n for k, n in pairs], [row] * len(pairs), "o", color="#2f4b66")
        axis.set(xlabel=f"{label}, %", xlim=(0, None))
        axis.set_yticks([])
        axis.invert_yaxis()
    names = [name.removeprefix("reference-") for name in counts_by_model(hard, 0.0)]
    axes[0].set_yticks(range(len(names)), names)
    figure.savefig(out, dpi=110)


if __name__ == "__main__":
    main(sys.argv[1:])
