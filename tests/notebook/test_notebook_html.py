"""What a notebook shows: complete in itself, and no text of a model is more than text."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from looping_runs import HOSTILE, few, said, write

import loopbench
from loopbench.notebook import html
from loopbench.outputs.summary import OutputsRow

ALLOWED = {
    "div", "p", "table", "thead", "tbody", "tr", "th", "td", "br", "span", "ol", "li", "code",
    "details", "summary", "pre",
}  # fmt: skip
VOID = {"br"}


class Page(HTMLParser):
    """Collects what is in a page, and refuses what is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def shown(thing: Any) -> Page:
    page = Page(thing._repr_html_())
    assert page.tags <= ALLOWED
    assert page.attributes <= {"style", "class"}
    return page


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    path = tmp_path / "<img src=x onerror=alert(1)>.jsonl"
    rows = [
        {"id": HOSTILE, "model": HOSTILE, "text": f"{HOSTILE} " * 90, "finish_reason": "length"},
        {"id": "b", "model": "<b>", "text": "<script>alert(1)</script>", "finish_reason": "stop"},
        {"id": "c", "text": 5},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_result_escapes_names_and_texts(hostile: Path) -> None:
    result = loopbench.load(hostile)
    page = shown(result)
    assert "<img src=x onerror=alert(1)>.jsonl row 3 is not read" in page.text
    assert "window.hacked = 1" in page.text
    assert "\u202e" not in page.text
    assert "\x1b" not in page.text
    for thing in (result.show(0), result.show(1)):
        assert "script>" in shown(thing).text
    assert "\u202e" not in repr(result) + repr(result.show(0))


def test_a_run_escapes_names_and_texts(tmp_path: Path) -> None:
    made = [*few(), said("h", f"{HOSTILE} " * 90, finish="length", model=HOSTILE)]
    result = loopbench.load(write(tmp_path / "run", made))
    assert "window.hacked = 1" in shown(result).text
    assert "[U+202E]" in shown(result.show(5)).text


def test_a_comparison_escapes_names(tmp_path: Path, hostile: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text(hostile.read_text().replace("goes", "went"))
    (tmp_path / "x").mkdir()
    page = shown(loopbench.compare(*(_one_model(path, tmp_path) for path in (hostile, other))))
    assert "doom-loop rate" in page.text


def _one_model(path: Path, folder: Path) -> Path:
    row = json.loads(path.read_text().splitlines()[0])
    made = folder / "x" / f"{path.stem[-5:]}.jsonl"
    made.write_text(json.dumps(row | {"model": f"{path.name} {HOSTILE}"}) + "\n")
    return made


def test_what_is_shown_of_a_result_is_what_the_command_line_says(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    rows = [{"id": i, "text": "again, " * 90, "finish_reason": "length"} for i in range(9)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = loopbench.load(path)
    row = result.rows[0]
    assert isinstance(row, OutputsRow)
    text = shown(result).text
    assert "100.0[70.1, 100.0]" in text
    assert text.count("verbatim ×") == 5
    assert "again," in text


def test_a_loop_is_marked_and_what_is_long_is_cut() -> None:
    text = "Before. " * 400 + "loop " * 500 + "After it."
    start, end = 8 * 400, 8 * 400 + 5 * 500
    page = html.marked(text, start, end)
    said = Page(page).text
    assert said == (
        f" … {3200 - html.BEFORE:,} more characters … "
        + text[start - html.BEFORE : start + html.LOOP]
        + f" … {2500 - html.LOOP:,} more characters … After it."
    )
    marked = page.partition('<span style="background:rgba(234')[2]
    assert marked.partition(">")[2].startswith("loop loop ")


def test_a_text_without_a_loop_is_shown_from_its_beginning() -> None:
    assert Page(html.marked("Only this.", None, None)).text == "Only this."
    long = Page(html.marked("line\n" * 100, None, None)).text
    assert long == "line\n" * html.LINES + f" … {5 * (100 - html.LINES)} more characters … "


def test_invisible_characters_are_shown_by_their_codes() -> None:
    assert Page(html.marked("a\u202eb\x00\tc\n\ud800", None, None)).text == (
        "a[U+202E]b[U+0000]\tc\n[U+D800]"
    )


def test_an_output_without_a_text_says_so(tmp_path: Path) -> None:
    path = tmp_path / "ids.jsonl"
    path.write_text(json.dumps({"token_ids": [1, 2] * 200, "finish_reason": "length"}) + "\n")
    result = loopbench.load(path)
    assert result.text(0) is None
    assert "It has no text." in shown(result.show(0)).text
    assert "(no text)" in shown(result).text


def test_very_many_rows_and_very_long_names_are_cut(tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    rows = [{"text": "Fine.", "model": f"{i} {'m' * 5000}"} for i in range(html.ROWS + 20)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = loopbench.load(path)
    text = result._repr_html_()
    assert "21 further rows are not shown." in shown(result).text
    assert text.count("<tr>") == 1 + html.ROWS
    assert len(text) < 100_000
    assert text.count("m…") == html.ROWS - 1


def test_failed_generations_alone_are_shown_and_drawn(tmp_path: Path) -> None:
    path = tmp_path / "failed.jsonl"
    path.write_text(json.dumps({"text": "", "error": "no memory", "finish_reason": "error"}) + "\n")
    result = loopbench.load(path)
    assert [one.outcome for one in result.outputs] == ["error"]
    assert "–" in shown(result).text
    for chart in result.charts:
        assert result.plot(chart).axes
