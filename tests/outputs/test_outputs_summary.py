"""Counts and rates over outputs: what enters which rate."""

from __future__ import annotations

from typing import Any

import pytest

from loopbench.files.outputs import FileOutput
from loopbench.files.reading import Item
from loopbench.judging.rules import MEASURE
from loopbench.outputs.judged import JudgedOutput, judge
from loopbench.outputs.summary import Summary
from loopbench.outputs.table import Offenders, one_line, shown_text, summary_grid

PROSE = "The road climbs from the bridge to the chapel, and from there one sees both valleys. "
LOOP = "once more, " * 60
COUNT = "".join(f"{i}. It was fine.\n" for i in range(1, 40))


def judged(text: str | None = None, row: int = 1, file: str = "f", **fields: Any) -> JudgedOutput:
    return judge(Item(row=row, output=FileOutput(text=text, **fields)), file, MEASURE)


def summed(*outputs: JudgedOutput) -> Summary:
    summary = Summary()
    for one in outputs:
        summary.add(one)
    return summary


def test_every_outcome_enters_its_rate() -> None:
    row = summed(
        judged(LOOP, 1, finish="length"),
        judged(COUNT, 2, finish="length"),
        judged(LOOP + PROSE, 3, finish="stop"),
        judged(PROSE, 4, finish="length"),
        judged(PROSE, 5, finish="stop"),
        judged(None, 6, finish="error", error="gone"),
    ).total.row()
    assert (row.n, row.n_error, row.n_unknown) == (6, 1, 0)
    assert (row.stuck_rate.value, row.doom_rate.value, row.stuck_rate.n) == (0.4, 0.4, 5)
    assert (row.verbatim_rate.value, row.counter_rate.value) == (0.2, 0.2)
    assert (row.recovered_rate.value, row.truncated_rate.value) == (0.2, 0.2)
    assert (row.circular_rate.value, row.doubtful) == (0.0, 1)


def test_an_unknown_finish_enters_no_rate_of_how_it_ended() -> None:
    known = [judged(PROSE, 1, finish="length"), judged(PROSE, 2, finish="stop")]
    row = summed(*known, judged(LOOP, 3), judged(PROSE, 4)).total.row()
    assert (row.n_unknown, row.stuck_unknown) == (1, 1)
    assert (row.stuck_rate.value, row.stuck_rate.n) == (0.25, 4)
    assert (row.truncated_rate.value, row.truncated_rate.n) == (0.5, 2)
    alone = summed(judged(LOOP, 1), judged(PROSE, 2)).total.row()
    assert alone.stuck_rate.value == 0.5
    assert alone.truncated_rate.value is alone.recovered_rate.value is None


def test_outputs_of_one_prompt_are_not_independent() -> None:
    apart = summed(*(judged(LOOP if i < 10 else PROSE, i, finish="length") for i in range(20)))
    together = summed(
        *(
            judged(LOOP if i < 10 else PROSE, i, finish="length", id=f"q{i // 10}")
            for i in range(20)
        )
    )
    assert apart.total.row().stuck_rate.value == together.total.row().stuck_rate.value == 0.5
    wide, narrow = together.total.row().stuck_rate, apart.total.row().stuck_rate
    assert wide.high - wide.low > narrow.high - narrow.low


def test_rows_are_split_by_what_there_are_several_of() -> None:
    one, two = judged(LOOP, 1, model="a", task="t"), judged(PROSE, 2, model="b", task="t")
    assert [row.name for row in summed(one, two).rows()] == ["a", "b", "all"]
    assert [row.name for row in summed(one, two).rows("task")] == ["t"]
    assert [row.name for row in summed(one).rows()] == ["all"]
    other = judged(PROSE, 1, file="g", model="a")
    assert [row.name for row in summed(one, other).rows()] == ["f", "g", "all"]
    assert [row.n for row in summed(one, two, other).rows("model")] == [2, 1, 3]
    assert [row.name for row in summed(one, two).rows("all")] == ["all"]


def test_files_are_called_by_what_tells_them_apart() -> None:
    def names(*files: str) -> list[str]:
        rows = summed(*(judged(PROSE, 1, file=file) for file in files)).rows()
        return [line[0] for line in summary_grid(rows).rows]

    assert names("/runs/a/x.jsonl", "/runs/b/x.jsonl") == ["a/x.jsonl", "b/x.jsonl", "all"]
    assert names("x.jsonl", "y.jsonl") == ["x.jsonl", "y.jsonl", "all"]
    assert names("/x.jsonl", "y.jsonl") == ["/x.jsonl", "y.jsonl", "all"]


def test_what_was_not_read_is_counted_and_in_no_rate() -> None:
    summary = summed(judged(LOOP, 1, finish="length"))
    summary.unread("f")
    row = summary.total.row()
    assert (row.n, row.n_unread, row.stuck_rate.n) == (1, 1, 1)
    assert "1 row could not be read" in summary_grid(summary.rows()).note
    assert "1 row not read" in one_line(row)


def test_a_short_default_budget_is_told() -> None:
    short = judged(COUNT[:400], 1, finish="length", budget=256, budget_default=True)
    note = summary_grid(summed(short).rows()).note
    assert "256 tokens, its tool's default" in note
    long = judged(PROSE, 1, finish="length", budget=4096)
    assert "budget" not in summary_grid(summed(long).rows()).note
    assert summed(short, long).total.row().budget == 4096


def test_dashes_stand_where_nothing_is_known() -> None:
    grid = summary_grid(summed(judged(PROSE, 1)).rows())
    cells = dict(zip(grid.titles, grid.rows[0], strict=True))
    assert (cells["recov."], cells["trunc."], cells["circ."], cells["unkn."]) == (
        "–", "–", "–", "100.0",
    )  # fmt: skip
    assert cells["verb."] == "0.0"
    assert "recov." not in summary_grid(summed(judged(PROSE, 1)).rows(), ends_only=True).titles


def test_the_worst_come_first_with_what_they_repeat() -> None:
    offenders = Offenders(2)
    for row, text in enumerate((LOOP, LOOP * 3, PROSE, "nein " * 500, LOOP * 2), 1):
        offenders.add(judged(text, row, finish="length"))
    lines = offenders.lines(files=False)
    assert len(lines) == 4
    assert lines[0].startswith("row 4: verbatim ×500")
    assert lines[1].strip() == "nein"
    assert lines[2].startswith("row 2: verbatim ×180")
    assert offenders.lines(files=True)[0].startswith("f row 4")


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\nb", "a⏎b"), ("   ", "␣␣␣"), ("\x1b[31mred\x07", "[31mred"), ("x" * 200, "x" * 160 + "…")],
)
def test_a_repeated_text_is_shown_on_one_harmless_line(text: str, shown: str) -> None:
    assert shown_text(text) == shown
