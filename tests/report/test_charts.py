"""Charts: real SVG in the page's colours, files that come out the same twice."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from looping_runs import few, said, write

from loopbench.report import charts
from loopbench.report.run_charts import charts_of
from loopbench.report.runs import load, series_of


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> list[charts.Chart]:
    hostile = "<b>&$x^2$\u202e\U0001f600"
    records = [
        *few(),
        *(said(f"h{i}", "ha " * 100, finish="length", temperature=0.5) for i in range(3)),
        said("m", "x", model=hostile, level="easy"),
    ]
    run = load(write(tmp_path_factory.mktemp("charts") / "run", records))
    return charts_of(series_of([run]))


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
    loop, end, cut = chart.figure.axes
    # Per series a line over tokens; of what was cut, the interval and the estimate.
    assert [len(panel.lines) for panel in (loop, end, cut)] == [3, 3, 6]
    assert len(loop.collections) == 3  # the bands
    # The first series is `few()`: three of five loop, one ends, one is cut.
    last = [panel.lines[0].get_ydata()[-1] for panel in (loop, end)]
    assert [*last, *cut.lines[1].get_xdata()] == pytest.approx([60, 20, 20])
