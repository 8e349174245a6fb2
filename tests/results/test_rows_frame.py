"""Rows as tables of pandas."""

from __future__ import annotations

import pandas as pd
from fakes import header, record

from loopbench.results.frames import frame_of, rows_frame
from loopbench.results.summary import Row, summarise
from loopbench.types import Struct


def rows() -> list[Row]:
    records = [record("a", "doom", level="verbatim"), record("b", "clean"), record("c", "clean")]
    return summarise(records, [], header())


def test_a_row_of_a_run_is_one_with_types() -> None:
    frame = rows_frame(Row, rows())
    assert len(frame) == 1
    assert frame.doom_rate[0] == 1 / 3
    assert 0 < frame.doom_rate_low[0] < 1 / 3 < frame.doom_rate_high[0] < 1
    assert {str(dtype) for dtype in frame.dtypes} == {"string", "Int64", "Float64", "boolean"}
    assert frame.n[0] == 3
    assert frame.think_budget[0] is pd.NA
    assert frame.tool_score[0] is pd.NA


def test_no_row_has_the_same_columns() -> None:
    assert rows_frame(Row, []).dtypes.to_dict() == rows_frame(Row, rows()).dtypes.to_dict()


class Listed(Struct, frozen=True):
    names: list[str]


def test_a_list_is_a_text() -> None:
    assert rows_frame(Listed, [Listed(names=["a", "b"])]).names.tolist() == ["a, b"]


def test_numbers_that_are_ids_become_text() -> None:
    frame = frame_of([("id", "string", [1, "x", None, "\udc80"])])
    assert frame.id.tolist() == ["1", "x", pd.NA, "\ufffd"]
