"""The page of formats says what the formats say."""

from __future__ import annotations

import importlib.metadata
import re
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest

from loopbench.files import formats
from loopbench.files.finishes import finish_of
from loopbench.files.formats.plain import TEXTS
from loopbench.files.outputs import Row, RowError

PAGE = (Path(__file__).parents[2] / "docs" / "files.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| `\w+` \|.*loopbench detect", line)
]


def test_every_format_is_in_the_table_with_what_it_says_of_itself() -> None:
    assert [row[0].strip("`") for row in ROWS] == formats.names()
    for name, title, command, finish in ROWS:
        found = formats.get(name.strip("`"))
        assert (title, finish) == (found.title, found.finish)
        assert command.startswith("`loopbench detect ") and command.endswith("`")


def test_the_fields_are_those_that_are_read_in_their_order() -> None:
    listed = PAGE.split("the first of these is read:")[1].split("\n\n")[1]
    assert re.findall(r"`(\w+)`", listed) == list(TEXTS)


def test_words_of_the_end_mean_what_the_page_says() -> None:
    table = PAGE.split("| words | meaning |")[1].split("\n\n")[0].splitlines()[2:]
    meanings = [{finish_of(word) for word in re.findall(r"`(\w+)`", line)} for line in table]
    assert meanings == [{"stop"}, {"length"}, {"loop"}, {"error"}, {"unknown"}]


def test_the_example_is_a_format(monkeypatch: pytest.MonkeyPatch) -> None:
    code = PAGE.split("```python\n")[1].split("```")[0]
    module: dict[str, Any] = {}
    exec(compile(code, "files.md", "exec"), module)
    group = re.findall(r'entry-points\."([\w.]+)"', PAGE)[0]
    monkeypatch.setattr(EntryPoint, "load", lambda self: module["FORMAT"])
    points = EntryPoints([EntryPoint("ours", "our_package.loops:FORMAT", group)])
    monkeypatch.setattr(
        importlib.metadata, "entry_points", lambda **wanted: points.select(**wanted)
    )
    found = formats.recognised(Row(1, {"our_answer": "a"}))
    assert found is module["FORMAT"]
    (output,) = found.outputs(Row(1, {"our_answer": "a"}))
    assert output.text == "a"
    with pytest.raises(RowError, match="our_answer"):
        list(found.outputs(Row(1, {"our_answer": 1})))
