"""Tables of outputs: a type for every column, whatever is missing and whatever stands in them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest

from loopbench.errors import BackendError
from loopbench.files.outputs import FileOutput
from loopbench.files.reading import Item
from loopbench.judging.rules import MEASURE
from loopbench.outputs.frames import (
    csv_writer,
    outputs_frame,
    parquet_writer,
    summary_frame,
)
from loopbench.outputs.judged import JudgedOutput, judge
from loopbench.outputs.summary import Summary

LOOP = "First the list. " + "round and round, " * 80
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1")


def judged(text: str, **fields: Any) -> JudgedOutput:
    output = FileOutput(text=text, **{"finish": "length", **fields})
    return judge(Item(row=7, output=output), "f.jsonl", MEASURE)


def test_every_column_has_its_type_with_rows_and_without() -> None:
    full = outputs_frame([judged(LOOP, id="a", budget=512), judged("It ends here.")])
    empty = outputs_frame([])
    assert full.dtypes.to_dict() == empty.dtypes.to_dict()
    assert {str(dtype) for dtype in full.dtypes} == {"string", "Int64", "boolean"}
    # Lists have no place in a table; everything else that is said has.
    said = set(JudgedOutput.__struct_fields__) - {"left", "strides"}
    assert set(full.columns) == said


def test_what_is_missing_is_missing_and_whole_numbers_stay_whole() -> None:
    frame = outputs_frame([judged(LOOP, budget=512), judged("It ends here.")])
    assert frame.onset[0] == 6
    assert frame.onset[1] is pd.NA
    assert frame.budget.tolist() == [512, pd.NA]
    assert frame.outcome.tolist() == ["doom", "truncated"]
    assert frame.id.tolist() == ["7", "7"]


def test_half_a_character_stops_no_table() -> None:
    half = "\ud800"
    row = judged(f"{half}and on, " * 90, id=half, model=half, raw_finish=half)
    frame = outputs_frame([row])
    assert (frame.id[0], frame.model[0], frame.raw_finish[0]) == ("\ufffd",) * 3
    assert frame.excerpt[0].startswith(("\ufffd", " ", "and"))
    assert msgspec.json.decode(msgspec.json.encode(row))["id"] == "\ufffd"


def test_a_rate_of_the_summary_is_three_columns() -> None:
    summary = Summary()
    for one in (judged(LOOP, model="a", id="1"), judged("Short.", model="b", id="2")):
        summary.add(one)
    frame = summary_frame(summary.rows())
    assert frame.name.tolist() == ["a", "b", "all"]
    assert frame.stuck_rate.tolist() == [1.0, 0.0, 0.5]
    assert (frame.stuck_rate_low < frame.stuck_rate).tolist() == [True, False, True]
    assert str(frame.stuck_rate_high.dtype) == "Float64"
    assert str(frame.n.dtype) == "Int64"
    assert frame.tokenization.tolist() == ["words-v2"] * 3
    assert summary_frame([]).columns.tolist() == frame.columns.tolist()


def test_a_rate_of_nothing_is_missing() -> None:
    summary = Summary()
    summary.add(judged("", finish="error", error="no answer"))
    assert summary_frame(summary.rows()).stuck_rate[0] is pd.NA


@pytest.mark.parametrize("batches", [[], [1], [2, 1], [1, 0, 2]])
def test_batches_make_one_csv(batches: list[int], tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    with path.open("wb") as file, csv_writer(file) as add:
        for size in batches:
            add([judged(LOOP)] * size)
    frame = pd.read_csv(path)
    assert len(frame) == sum(batches)
    assert frame.columns.tolist() == outputs_frame([]).columns.tolist()


@pytest.mark.parametrize("text", FORMULAS)
def test_a_spreadsheet_is_given_no_formula(text: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    with path.open("wb") as file, csv_writer(file) as add:
        add([judged("Quiet.", id=text, model=text)])
    frame = pd.read_csv(path, dtype="string", keep_default_na=False)
    assert frame.id[0] == frame.model[0] == "'" + text


def test_csv_holds_every_sign_that_a_text_may_have(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    ids = [
        '"quoted"',
        "two\nlines",
        "one\r\nmore",
        "old\rline",
        "a,b",
        "ü 我 \U0001f600",
        "\u202e",
        "NA",
    ]
    with path.open("wb") as file, csv_writer(file) as add:
        add([judged("Quiet.", id=one) for one in ids])
    frame = pd.read_csv(path, dtype="string", keep_default_na=False)
    assert frame.id.tolist() == ids


@pytest.mark.parametrize("batches", [[], [1], [2, 1], [1, 0, 2]])
def test_batches_make_one_parquet_file_with_types(batches: list[int], tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    # A batch in which a column is empty must not give it another type.
    rows = [judged("Quiet.", id="=1\x00", model="m"), judged(LOOP)]
    with path.open("wb") as file, parquet_writer(file) as add:
        for size in batches:
            add(rows[:size])
    frame = pd.read_parquet(path)
    expected = [row for size in batches for row in rows[:size]]
    pd.testing.assert_frame_equal(frame, outputs_frame(expected))


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [("pandas", "Tables need pandas"), ("pyarrow", "Parquet files need pyarrow")],
)
def test_what_is_not_installed_is_named(
    missing: str, sentence: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with (
        pytest.raises(BackendError) as caught,
        (tmp_path / "rows").open("wb") as file,
        parquet_writer(file),
    ):
        pass
    assert str(caught.value) == f"{sentence}; install it with: pip install 'loopbench-edge[files]'"
