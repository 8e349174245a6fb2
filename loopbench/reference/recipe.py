"""The whole recipe: base, mid-training, SFT, and from there every cure on the same base.

Stages that are finished are skipped, a stage that was cut off goes on from its checkpoint:
the same command resumes everything.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from loopbench.types import Struct


class Planned(Struct, frozen=True):
    """A stage of the recipe: what runs, from which model, with which settings."""

    name: str
    stage: str
    start: str = "sft"
    options: tuple[str, ...] = ()


PLAN = (
    Planned(name="pretrain", stage="pretrain", start=""),
    Planned(name="mid", stage="midtrain", start="pretrain"),
    Planned(name="sft", stage="sft", start="mid"),
    Planned(name="rejection", stage="rejection"),
    Planned(name="repair", stage="repair"),
    Planned(name="dpo", stage="dpo"),
    Planned(name="ftpo", stage="ftpo"),
    Planned(name="rlvr", stage="rlvr"),
    Planned(name="dpo-rlvr", stage="rlvr", start="dpo", options=("--steps", "30")),
)
TIMES = "times.jsonl"


def main(argv: Sequence[str]) -> None:
    """Run what is missing; `--help` lists the settings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", help="Names of the plan, such as pretrain,mid,sft.")
    parser.add_argument("--scale", type=float, default=1.0, help="Factor of every stage's steps.")
    given = parser.parse_args(list(argv))
    names = given.only.split(",") if given.only else [planned.name for planned in PLAN]
    unknown = set(names) - {planned.name for planned in PLAN}
    if unknown:
        raise ValueError(f"The recipe has no {sorted(unknown)[0]!r}.")
    for planned in PLAN:
        if planned.name in names:
            _run(planned, given.out, given.preset, given.seed, given.threads, given.scale)


def _run(planned: Planned, out: Path, preset: str, seed: int, threads: int, scale: float) -> None:
    from loopbench.reference.export import export
    from loopbench.reference.training import MODEL, finished

    folder = out / planned.name
    if not finished(folder):
        options = [*planned.options, "--out", str(folder), "--seed", str(seed)]
        options += ["--threads", str(threads)]
        if planned.start:
            options += ["--model", str(out / planned.start / MODEL)]
        else:
            options += ["--preset", preset]
        module = importlib.import_module(f"loopbench.reference.stages.{planned.stage}")
        if scale != 1:
            options += ["--steps", str(_scaled(module, scale))]
        began, busy = time.time(), cpu_seconds()
        module.main(options)
        _note(out, planned, options, time.time() - began, cpu_seconds() - busy)
    target = out / "gguf" / f"reference-{planned.name}.gguf"
    if planned.name != "pretrain" and not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        export(folder / MODEL, target)


def _scaled(module: object, scale: float) -> int:
    kinds = (value for name, value in vars(module).items() if name.endswith("Config"))
    (steps,) = {
        field.default
        for kind in kinds
        if kind.__module__ == module.__name__  # type: ignore[attr-defined]
        for field in msgspec.structs.fields(kind)
        if field.name == "steps"
    }
    return max(1, round(float(steps) * scale))


def cpu_seconds() -> float:
    """Return the processor time of this process and its ended children, of all threads."""
    return sum(os.times()[:4])


def _note(out: Path, planned: Planned, options: Sequence[str], seconds: float, cpu: float) -> None:
    line = {
        "name": planned.name,
        "stage": planned.stage,
        "options": list(options),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
    }
    with (out / TIMES).open("a") as file:
        file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
