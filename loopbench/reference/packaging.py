"""Put the checkpoints of a finished recipe into the package, with their model card."""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loopbench.models.catalog import REFERENCE, models

CHECKPOINTS = Path(__file__).parent / "checkpoints"
LIMIT = 6_000_000
"""Bytes of a file that may be packaged."""


def main(argv: Sequence[str]) -> None:
    """Copy the catalogue's stages of a run; `--help` lists the settings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="Folder that 'loopbench train all' wrote.")
    parser.add_argument("--machine", default="two CPU cores", help="Said in the model card.")
    given = parser.parse_args(list(argv))
    names = [m.name.removeprefix(f"{REFERENCE}-") for m in models() if REFERENCE in m.name]
    CHECKPOINTS.mkdir(exist_ok=True)
    for name in names:
        if (given.run / name / "model").is_dir():
            _copy(given.run, name)
    (CHECKPOINTS / "README.md").write_text(card(given.run, names, given.machine))


def _copy(run: Path, name: str) -> None:
    import torch

    from loopbench.reference import model as loading

    shutil.copy(run / "gguf" / f"{REFERENCE}-{name}.gguf", CHECKPOINTS)
    folder = CHECKPOINTS / name
    folder.mkdir(exist_ok=True)
    # Half precision loses nothing that a table shows, and the tokenizer is packaged once.
    loading.load(run / name / "model").to(torch.float16).save_pretrained(str(folder))
    for file in (*folder.iterdir(), CHECKPOINTS / f"{REFERENCE}-{name}.gguf"):
        if file.stat().st_size > LIMIT:
            raise ValueError(f"{file} has {file.stat().st_size:,} bytes; {LIMIT:,} are the limit.")
        file.chmod(0o644)


def card(run: Path, names: Sequence[str], machine: str) -> str:
    """Return the model card: what each checkpoint is, how it was made, and its hashes.

    Parameters
    ----------
    run
        Folder of a recipe, with its `times.jsonl`.
    names
        Packaged stages.
    machine
        On what they were trained, as the sentence says it.
    """
    times = [json.loads(line) for line in (run / "times.jsonl").read_text().splitlines()]
    lines = [
        "# LoopBench reference model, tiny",
        "",
        "LFM2's architecture with 1,141,696 parameters (hidden 128, six layers, attention in",
        "layers 1, 3 and 5), trained from random weights on text that is generated from the",
        "one-line tasks of LoopBench. It solves these and nothing else; it exists to show doom",
        "loops appear and vanish. Apache-2.0. No data of others was used.",
        "",
        f"Trained on {machine}; `{{out}}` stands for the run folder. A stage that was cut off",
        "and resumed counts its last start only. CPU seconds, since other programs ran beside it.",
        "",
        "| stage | CPU s | command |",
        "|---|---|---|",
    ]
    for entry in times:
        lines.append(_command(entry, run))
    lines += ["", "| file | sha256 |", "|---|---|"]
    for name in names:
        for file in (
            CHECKPOINTS / f"{REFERENCE}-{name}.gguf",
            CHECKPOINTS / name / "model.safetensors",
        ):
            if file.is_file():
                digest = hashlib.sha256(file.read_bytes()).hexdigest()
                lines.append(f"| {file.relative_to(CHECKPOINTS)} | `{digest}` |")
    return "\n".join(lines) + "\n"


def _command(entry: dict[str, Any], run: Path) -> str:
    options = " ".join(entry["options"]).replace(str(run), "{out}")
    stage = entry.get("stage", entry["name"])
    return f"| {entry['name']} | {entry['cpu_seconds']:.0f} | `loopbench train {stage} {options}` |"


if __name__ == "__main__":
    main(sys.argv[1:])
