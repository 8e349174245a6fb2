"""Charts: real SVG in the page's colours, files that come out the same twice."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from going_round import circular
from looping_runs import few, said, write

from loopbench.report import charts
from loopbench.report.charts import Mark
from loopbench.report.run_charts import charts_of
from loopbench.report.runs import load, series_of
from loopbench.results.summary import NO_RATE, Rate


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> list[charts.Chart]:
    hostile = "<b>&$x^2$\u202e\U0001f600"
    records = [
        *few(),
        circular(),
        *(said(f"h{i}", "ha " * 100, finish="length", temperature=0.5) for i in range(3)),
        said("m", "x", model=hostile, level="easy"),
    ]
    run = load(write(tmp_path_factory.mktemp("charts") / "run", records))
    return charts_of(series_of([run]))


@pytest.mark.slow
def test_every_chart_is_drawn(drawn: list[charts.Chart]) -> None:
    assert [chart.name for chart in drawn] == [
        "loop-rate",
        "loop-rate-temperature",
        "loop-rate-task",
        "loop-rate-level",
        "incidence",
        "onset",
        "outcomes",
        "tokens",
    ]


def test_a_chart_in_a_page_has_its_colours_and_its_own_ids(drawn: list[charts.Chart]) -> None:
    ids: list[str] = []
    for chart in drawn:
        text = charts.inline_svg(chart)
        root = ElementTree.fromstring(text)
        ids += [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
        assert "xlink" not in text
        assert "currentColor" in text
        assert not any(colour in text for colour in (charts.INK, charts.SOFT, *charts.SERIES))
        assert root.attrib["aria-label"].startswith(chart.title)
        for element in root.iter():
            if "href" in element.attrib:
                assert element.attrib["href"][1:] in ids
    assert len(ids) == len(set(ids))


def test_names_are_text_and_no_formula(drawn: list[charts.Chart]) -> None:
    root = ElementTree.fromstring(charts.inline_svg(drawn[0]))
    texts = [element.text for element in root.iter() if element.tag.endswith("}text")]
    assert "<b>&$x^2$\U0001f600 T=0" in texts


@pytest.mark.slow
def test_files_are_written_and_come_out_the_same_twice(
    drawn: list[charts.Chart], tmp_path: Path
) -> None:
    paths = charts.write_charts(drawn[:2], tmp_path / "deep")
    assert [p.name for p in paths][:2] == ["loop-rate.svg", "loop-rate.png"]
    before = {path: path.read_bytes() for path in paths}
    charts.write_charts(drawn[:2], tmp_path / "deep")
    assert all(path.read_bytes() == data for path, data in before.items())
    assert before[paths[1]].startswith(b"\x89PNG")


def test_without_matplotlib_one_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ValueError, match=r"pip install 'loopbench-edge\[plots\]'"):
        charts.require()


def test_every_fate_has_its_panel_and_every_series_its_line(drawn: list[charts.Chart]) -> None:
    chart = next(chart for chart in drawn if chart.name == "incidence")
    loop, end, other = chart.figure.axes
    # Per series a line over tokens; of circular ends and cuts, interval and estimate.
    assert [len(panel.lines) for panel in (loop, end, other)] == [3, 3, 12]
    assert len(loop.collections) == 3  # the bands
    # The first series: of six, three loop, one ends, one goes round, one is cut.
    last = [panel.lines[0].get_ydata()[-1] for panel in (loop, end)]
    points = [line.get_xdata()[0] for line in (other.lines[1], other.lines[3])]
    assert [*last, *points] == pytest.approx([50, 100 / 6, 100 / 6, 100 / 6])
    faces = [line.get_markerfacecolor() for line in (other.lines[1], other.lines[3])]
    assert faces == ["none", charts.colour(0)]


def rate(value: float) -> Rate:
    return Rate(value=value, low=value / 2, high=min(1.0, 2 * value), n=40)


def test_doom_is_drawn_inside_of_stuck() -> None:
    marks = {"a": [Mark(0, rate(0.4), rate(0.1)), Mark(1, rate(0.2), rate(0.2))]}
    (axes,) = charts.interval_chart(marks, ["one", "two"]).axes
    lines = [tuple(line.get_xdata()) for line in axes.lines]
    assert lines == [(20, 80), (40,), (5, 20), (10,), (10, 40), (20,), (10, 40), (20,)]
    heights = [line.get_ydata()[0] for line in axes.lines]
    assert heights[:4] == [heights[0]] * 4 != heights[4:]
    band, ring, bar, dot = axes.lines[:4]
    assert band.get_linewidth() > 2 * bar.get_linewidth()
    assert (ring.get_markerfacecolor(), dot.get_markerfacecolor()) == ("none", charts.colour(0))
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts == ["stuck: doom and circular", "doom"]
    assert charts.interval_chart({"a": [Mark(0, NO_RATE, NO_RATE)]}).axes[0].lines[:] == []


def test_stuck_and_doom_have_a_panel_each_over_temperature() -> None:
    points = {"m": [(0.0, Mark(0, rate(0.4), rate(0.1))), (0.5, Mark(1, NO_RATE, NO_RATE))]}
    panels = charts.temperature_chart(points).axes
    assert [panel.get_ylabel() for panel in panels] == ["stuck, %", "doom, %"]
    assert [list(panel.lines[0].get_ydata()) for panel in panels] == [[40], [10]]


def test_onsets_have_a_panel_for_each_kind_that_there_is() -> None:
    chart = charts.onset_chart({"doomed": [[1, 2], []], "circular": [[], [700]]}, ["a", "b"], 1000)
    panels = chart.axes
    assert [panel.get_ylabel() for panel in panels] == ["doomed outputs", "circular outputs"]
    heights = [sum(bar.get_height() for bar in panel.patches) for panel in panels]
    assert heights == [2, 1]
    (alone,) = charts.onset_chart({"circular": [[700]]}, ["a"], 1000).axes
    assert alone.get_xlabel() == "onset, tokens"


def test_outcomes_and_tokens_have_a_bar_for_what_goes_round(drawn: list[charts.Chart]) -> None:
    by_name = {chart.name: chart.figure.axes[0] for chart in drawn}
    labels = [label.get_text() for label in by_name["outcomes"].get_yticklabels()]
    assert labels == ["clean", "recovered", "doom", "circular", "truncated"]
    texts = [text.get_text() for text in by_name["tokens"].get_legend().get_texts()]
    assert texts == ["before", "in a loop", "going round"]
