"""`loopbench.compare`: two results, or one of two models."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from runs import folder, mixed, records
from said import Said

import loopbench

LOOP = "Look: " + "once more, " * 60


def written(path: Path, loops: int, n: int = 12, **fields: Any) -> Path:
    rows = [
        {
            "id": f"q{i}",
            "prompt": f"Question {i}",
            "text": LOOP if i < loops else "Done.",
            "finish_reason": "length" if i < loops else "stop",
        }
        | fields
        for i in range(n)
    ]
    with path.open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


@pytest.mark.slow
def test_two_files_are_compared_prompt_by_prompt(tmp_path: Path) -> None:
    first, second = written(tmp_path / "a.jsonl", 10), written(tmp_path / "b.jsonl", 2)
    compared = loopbench.compare(first, loopbench.load(second))
    (one,) = compared.comparisons
    assert (one.first, one.second, one.word) == ("a.jsonl", "b.jsonl", "less")
    assert repr(compared).startswith("b.jsonl loops less often than a.jsonl: 83.3 → 16.7 %")
    frame = compared.to_pandas()
    assert frame.measure.tolist() == ["doom", "stuck", "circular", "truncated"]
    assert frame.pairs.tolist() == [12] * 4
    assert frame.difference[0] == pytest.approx(-2 / 3)
    assert (str(frame.p.dtype), frame.temperature[0]) == ("Float64", pd.NA)


def test_models_of_one_file_are_compared_with_the_first(tmp_path: Path) -> None:
    path = written(tmp_path / "f.jsonl", 9, model="base")
    written(path, 1, model="tuned")
    written(path, 9, model="other")
    compared = loopbench.compare(path)
    assert [(one.first, one.second) for one in compared.comparisons] == [
        ("base", "tuned"),
        ("base", "other"),
    ]
    assert len(compared.to_pandas()) == 8


def test_sides_that_are_called_alike_are_told_apart(tmp_path: Path) -> None:
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
    places = [written(tmp_path / name / "f.jsonl", 3, model="m") for name in ("x", "y")]
    (one,) = loopbench.compare(*places).comparisons
    assert (one.first, one.second) == tuple(f"m ({place})" for place in places)
    (one,) = loopbench.compare(places[0], places[0]).comparisons
    assert (one.first, one.second) == (f"m ({places[0]}) · 1", f"m ({places[0]}) · 2")
    other = written(tmp_path / "g.jsonl", 3, model="m")
    (one,) = loopbench.compare(places[0], other).comparisons
    assert (one.first, one.second) == ("m (f.jsonl)", "m (g.jsonl)")


def test_two_runs_are_compared_as_the_command_line_does(
    tmp_path: Path, loopbench: Callable[..., Said]
) -> None:
    from loopbench.notebook.comparing import compare

    first = folder(tmp_path / "a", records(mixed(12, 40), model="a"))
    second = folder(tmp_path / "b", records(mixed(2, 40), model="b"))
    said = json.loads(loopbench("compare", first, second, "--format", "json").out)
    compared = compare(first, second)
    assert compared.sentences == [one["sentence"] for one in said]
    assert compared.to_pandas().temperature.tolist()[0] == 0.0


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path / "a.jsonl", 3)
    run = folder(tmp_path / "run", records(mixed(1, 4)))
    with pytest.raises(ValueError, match="needs two checkpoints"):
        loopbench.compare(file)
    with pytest.raises(ValueError, match="Runs are compared with runs"):
        loopbench.compare(file, run)
    with pytest.raises(ValueError, match="needs two"):
        loopbench.compare()
