"""Texts are read again from files of every format, as they were judged."""

from __future__ import annotations

import importlib.util
import io
import json
from pathlib import Path
from typing import Any

import pytest

import loopbench
from loopbench.files import formats
from loopbench.files.outputs import Row, Skipped
from loopbench.files.reading import Reading

FILES = Path(__file__).parent.parent / "files"


def examples(module: str) -> dict[str, list[Any]]:
    spec = importlib.util.spec_from_file_location(f"of_notebook_{module}", FILES / f"{module}.py")
    assert spec and spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    found: dict[str, list[Any]] = made.EXAMPLES
    return found


# What its file's name or header tells is no row alone.
CASES = [
    pytest.param(rows, id=f"{name}-{number}")
    for name, some in {**examples("examples"), **examples("examples_more")}.items()
    for number, (rows, _) in enumerate(some)
    if not any(isinstance(row, Row) for row in rows)
]


def test_most_formats_have_such_a_file() -> None:
    assert len(CASES) > 2 * len(formats.names())


@pytest.mark.slow
@pytest.mark.parametrize("rows", CASES)
def test_a_text_is_read_again_as_it_was_judged(rows: list[Any], tmp_path: Path) -> None:
    content = "".join(json.dumps(row) + "\n" for row in rows * 3).encode()
    items = [item for item in Reading(io.BytesIO(content), "a") if not isinstance(item, Skipped)]
    path = tmp_path / "outputs.jsonl"
    path.write_bytes(content)
    result = loopbench.load(path)
    assert len(result) == len(items) > 0
    texts = [item.output.text for item in items]
    assert [result.text(place) for place in range(len(result))] == texts
    assert result.to_pandas(text=True).text.count() == sum(text is not None for text in texts)
    for place, one in enumerate(result.outputs):
        assert (one.row, one.field) == (items[place].row, items[place].output.field)
