"""The agreement matrix as a page: complete, escaped, self-contained."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from loopbench.report.agreement import agreement_page
from loopbench.report.pages import render, write_page
from loopbench.results.agreement import Agreement, DetectorRate
from loopbench.results.summary import NO_RATE, Rate


def rate(name: str, value: float | None) -> DetectorRate:
    shown = NO_RATE if value is None else Rate(value=value, low=0.0, high=1.0, n=8)
    return DetectorRate(detector=name, version=3, looped_rate=shown, doom_rate=shown)


RESULT = Agreement(
    n=8,
    rates=[rate("suffix", 0.25), rate("counter", 0.5)],
    agreement=[[1.0, 0.75], [0.75, 1.0]],
    kappa=[[1.0, None], [None, 1.0]],
)


class Cells(HTMLParser):
    """The text of every table cell, and the tags that occur."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: set[str] = set()
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag in ("td", "th"):
            self._inside = True
            self.cells.append("")

    def handle_endtag(self, tag):
        self._inside = self._inside and tag not in ("td", "th")

    def handle_data(self, data):
        if self._inside:
            self.cells[-1] += data


def test_rates_and_both_halves_of_the_matrix_are_shown() -> None:
    cells = Cells(agreement_page(RESULT, "run")).cells
    assert "suffix v3" in cells
    assert "25.0 [0.0, 100.0]" in cells
    assert "75" in cells  # agreement, below the diagonal
    assert "–" in cells  # kappa that is undefined, above it
    assert cells.count("·") == 2


def test_a_run_without_outputs_still_makes_a_page() -> None:
    empty = Agreement(n=0, rates=[rate("suffix", None)], agreement=[], kappa=[])
    assert "0 outputs" in agreement_page(empty, "run")


def test_names_are_escaped_and_nothing_comes_from_elsewhere() -> None:
    page = agreement_page(RESULT, "<script>alert(1)</script>&")
    assert "script" not in Cells(page).tags
    assert "&lt;script&gt;" in page
    assert not re.search(r"(src|href)=", page)
    assert "default-src 'none'" in page


def test_a_template_that_misses_a_value_fails() -> None:
    with pytest.raises(Exception, match="undefined"):
        render("agreement.html", title="t")


def test_a_page_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "deep" / "page.html"
    write_page(path, "ä\ud800")
    assert path.read_text(encoding="utf-8") == "ä\\ud800"

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no space"):
        write_page(path, "b")
    assert path.read_text(encoding="utf-8") == "ä\\ud800"
    assert [p.name for p in path.parent.iterdir()] == ["page.html"]
