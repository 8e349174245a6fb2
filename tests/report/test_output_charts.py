"""Charts of outputs that somebody has already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from matplotlib.figure import Figure

from loopbench.files.outputs import FileOutput
from loopbench.files.reading import Item
from loopbench.judging.rules import MEASURE
from loopbench.outputs.judged import JudgedOutput, judge
from loopbench.outputs.summary import Summary
from loopbench.report.charts import Plan
from loopbench.report.output_charts import MOST, plans_of_outputs

LOOP = "First this. " + "then that, " * 70


def judged(text: str, file: str = "a.jsonl", **fields: Any) -> JudgedOutput:
    output = FileOutput(text=text, **{"finish": "length", **fields})
    return judge(Item(row=1, output=output), file, MEASURE)


def plans(outputs: Sequence[JudgedOutput], by: Any = None) -> dict[str, Plan]:
    summary = Summary()
    for one in outputs:
        summary.add(one)
    return {plan.name: plan for plan in plans_of_outputs(outputs, summary.rows(by))}


def labels(figure: Figure) -> list[str]:
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def widths(figure: Figure) -> list[float]:
    return [bar.get_width() for bar in figure.axes[0].patches]  # type: ignore[attr-defined]


def test_a_file_has_its_charts() -> None:
    found = plans([judged(LOOP), judged("Fine.", finish="stop")])
    assert list(found) == ["loop-rate", "outcomes", "onset", "tokens"]
    assert labels(found["loop-rate"].draw()) == ["all"]


def test_without_a_loop_there_is_no_onset() -> None:
    assert list(plans([judged("Fine.")])) == ["loop-rate", "outcomes", "tokens"]


def test_lines_are_files_without_the_folder_that_all_are_in_the_worst_first() -> None:
    files = [judged("Fine.", "/deep/in/a/x.jsonl"), judged(LOOP, "/deep/in/b/x.jsonl")]
    assert labels(plans(files)["loop-rate"].draw()) == ["b/x.jsonl", "a/x.jsonl"]
    one_inside = [judged("Fine.", "a/b"), judged(LOOP, "a/b/c")]
    assert sorted(labels(plans(one_inside)["outcomes"].draw())) == ["b", "b/c"]


def test_shares_add_up_and_failures_take_no_part() -> None:
    outputs = [judged(LOOP), judged("Fine."), judged("Fine.", finish="unknown")]
    failed = judged("", finish="error", error="no answer")
    figure = plans([*outputs, failed])["outcomes"].draw()
    assert sum(widths(figure)) == pytest.approx(100)
    assert len(widths(figure)) == 3


def test_wasted_tokens_are_those_of_the_summary() -> None:
    loop = judged(LOOP)
    useful, wasted = widths(plans([loop, judged("Fine.")])["tokens"].draw())
    assert wasted == loop.wasted > 0
    assert useful == loop.tokens - loop.wasted + judged("Fine.").tokens


@pytest.mark.parametrize("count", [3, 50])
def test_many_lines_are_cut_at_the_highest_rates(count: int) -> None:
    outputs = [judged("Fine.", model=f"m{i}") for i in range(count - 1)]
    outputs.append(judged(LOOP, model="bad"))
    found = plans(outputs)
    drawn = labels(found["loop-rate"].draw())
    assert drawn[0] == "bad"
    assert len(drawn) == min(count, MOST)
    assert ("40 highest" in found["outcomes"].caption) == (count > MOST)
    assert found["onset"].draw().axes[0].patches


def test_a_notebook_shows_a_chart_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    figure: Any = plans([judged(LOOP)])["tokens"].draw()
    show: Callable[[], Any] = figure._repr_png_
    data, size = show()
    assert data.startswith(b"\x89PNG")
    assert 300 < size["width"] < 700
    # The width of the picture itself, at twice that.
    assert int.from_bytes(data[16:20]) == pytest.approx(2 * size["width"], abs=2)


def test_names_are_text_and_no_formula() -> None:
    hostile = judged(LOOP, model="$x^2$ \u202e\x1b[31m<b>")
    other = judged("Fine.", model="b")
    assert "$x^2$ [31m<b>" in labels(plans([hostile, other])["outcomes"].draw())
