"""Rows of `detect FILE --format … --out X`, read back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from said import Said

from loopbench.outputs import writing
from loopbench.outputs.frames import outputs_frame

LOOP = "We begin. " + "up and down, " * 90
ROWS = [
    {"id": "=HYPERLINK(1)", "text": LOOP, "finish_reason": "length", "max_tokens": 2048},
    {"id": "b", "text": "That is all.", "finish_reason": "stop"},
    {"id": "c", "text": "tick \u0000\u202e, " * 200, "finish_reason": "length", "model": "-m"},
    {"id": "\ud83d", "text": "\ud83d and", "finish_reason": None},
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "outputs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def read(path: Path, form: str) -> pd.DataFrame:
    if form == "parquet":
        return pd.read_parquet(path)
    # A file of CSV has no types: those of the table are asked for.
    dtypes: Any = outputs_frame([]).dtypes.to_dict()
    return pd.read_csv(path, dtype=dtypes)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_what_is_written_is_read_back_with_its_types(
    form: str, file: Path, tmp_path: Path, loopbench: Callable[..., Said]
) -> None:
    out = tmp_path / f"rows.{form}"
    said = loopbench("detect", file, "--format", form, "--out", out)
    assert (said.code, said.out) == (0, "")
    assert said.err.startswith("4 outputs, stuck 50.0 [")
    frame = read(out, form)
    assert frame.dtypes.to_dict() == outputs_frame([]).dtypes.to_dict()
    assert frame.outcome.tolist() == ["doom", "clean", "doom", "unknown"]
    assert frame.budget.tolist() == [2048, pd.NA, pd.NA, pd.NA]
    assert frame.row.tolist() == [1, 2, 3, 4]
    start, end = frame.start[0], frame.end[0]
    assert LOOP[start:end].startswith(frame.excerpt[0])
    quote = "'" if form == "csv" else ""
    assert frame.id.tolist() == [f"{quote}=HYPERLINK(1)", "b", "c", "\ufffd"]
    assert frame.model[2] == f"{quote}-m"


@pytest.mark.parametrize("form", ["rows", "csv", "parquet"])
def test_a_batch_that_ends_nowhere_is_written_whole(
    form: str, tmp_path: Path, loopbench: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_BATCH", 3)
    path, out = tmp_path / "many.jsonl", tmp_path / f"rows.{form}"
    path.write_text("".join(json.dumps({"id": f"n{i}", "text": "x"}) + "\n" for i in range(8)))
    assert loopbench("detect", path, "--format", form, "--out", out).code == 0
    if form == "rows":
        ids = [json.loads(line)["id"] for line in out.read_text().splitlines()]
    else:
        ids = read(out, form).id.tolist()
    assert ids == [f"n{i}" for i in range(8)]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_an_input_without_outputs_is_refused(
    form: str, tmp_path: Path, loopbench: Callable[..., Said]
) -> None:
    path = tmp_path / "empty.jsonl"
    path.write_text("")
    said = loopbench("detect", path, "--format", form, "--out", tmp_path / "rows")
    assert said.code == 2
    assert "is empty" in said.err


def test_a_row_that_is_not_read_is_in_no_table(
    file: Path, tmp_path: Path, loopbench: Callable[..., Said]
) -> None:
    with file.open("a") as more:
        more.write('{"text": 5}\n{"text": "cut o')
    out = tmp_path / "rows.parquet"
    said = loopbench("detect", file, "--format", "parquet", "--out", out)
    assert "row 5 is not read" in said.err
    assert len(pd.read_parquet(out)) == 4


def test_parquet_on_a_pipe_is_refused(file: Path, loopbench: Callable[..., Said]) -> None:
    said = loopbench("detect", file, "--format", "parquet")
    assert said.code == 2
    assert "--format parquet needs --out" in said.err
