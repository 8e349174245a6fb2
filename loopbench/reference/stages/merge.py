"""Merging: the weighted average of checkpoints of one shape."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from loopbench.reference import model as models
from loopbench.reference.training import MODEL


def main(argv: Sequence[str]) -> None:
    """Write the average of model folders; `--help` lists the settings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", help="Model folders.")
    parser.add_argument("--weights", help="One number for each, such as 0.5,0.5; equal if left out")
    parser.add_argument("--out", required=True)
    given = parser.parse_args(list(argv))
    count = len(given.models)
    weights = [float(w) for w in given.weights.split(",")] if given.weights else [1.0] * count
    if len(weights) != count or sum(weights) <= 0:
        raise ValueError(f"--weights needs {count} numbers with a positive sum.")
    average([Path(path) for path in given.models], weights, Path(given.out) / MODEL)


def average(folders: Sequence[Path], weights: Sequence[float], out: Path) -> None:
    """Average the weights of models and save the result.

    Parameters
    ----------
    folders
        Model folders; the tokenizer of the first is kept.
    weights
        One for each; only their ratios count.
    out
        The folder to write.

    Raises
    ------
    ValueError
        If the models have different shapes.
    """
    loaded = [models.load(folder) for folder in folders]
    states = [dict(model.state_dict()) for model in loaded]
    shapes = [{name: tensor.shape for name, tensor in state.items()} for state in states]
    if any(shape != shapes[0] for shape in shapes):
        raise ValueError("Only models of one shape can be merged.")
    total = sum(weights)
    with torch.no_grad():
        merged = {
            name: sum(w / total * state[name] for w, state in zip(weights, states, strict=True))
            for name in states[0]
        }
    loaded[0].load_state_dict(merged)
    models.save(loaded[0], models.load_tokenizer(folders[0]), out)


if __name__ == "__main__":
    main(sys.argv[1:])
