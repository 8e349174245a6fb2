"""What an evaluation logs is read back as a file of outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from toy import LOOP, ScriptedLM, evaluate, spoken, toy_task

from loopbench.files.reading import Item, open_reading

# lm-eval and what it imports warn about themselves.
pytestmark = pytest.mark.filterwarnings("ignore")

SCRIPT = {
    "loops": spoken(LOOP, "length", "cut"),
    "leaves": spoken(f"{LOOP} and so on. 7", "stop", "7"),
    "answers": spoken("7", "stop"),
}
FILTERS = [
    {"name": name, "filter": [{"function": "take_first"}]} for name in ("strict", "loose")
]  # fmt: skip


def read(path: Path) -> list[Any]:
    with open_reading(path) as reading:
        assert reading.format.name == "lm_eval"
        items = list(reading)
    assert all(isinstance(item, Item) for item in items), items
    return [item.output for item in items if isinstance(item, Item)]


@pytest.mark.parametrize("filters", [FILTERS[:1], FILTERS])
def test_the_whole_output_and_its_end_come_back(tmp_path: Path, filters: list[Any]) -> None:
    results = evaluate(ScriptedLM(SCRIPT.get), toy_task(list(SCRIPT), filter_list=filters))
    rows = results["samples"]["toy"]
    assert len(rows) == 3 * len(filters)
    lines = tmp_path / "samples_toy_2025-01-02T03-04-05.678.jsonl"
    lines.write_text("".join(json.dumps(row, default=str) + "\n" for row in rows))
    document = tmp_path / "results.json"
    document.write_text(json.dumps({"samples": {"toy": rows}, "results": {}}, default=str))
    for path in (lines, document):
        found = read(path)
        assert [one.task for one in found] == ["toy"] * 3
        assert [one.text for one in found] == [said.origin.text for said in SCRIPT.values()]
        assert [one.finish for one in found] == ["length", "stop", "stop"]
        assert [len(one.token_ids) for one in found] == [
            len(said.origin.token_ids) for said in SCRIPT.values()
        ]
        assert all(sum(one.token_chars) == len(one.text) for one in found)


def test_texts_alone_do_not_say_why_they_ended(tmp_path: Path) -> None:
    texts = {name: said.origin.text.strip() for name, said in SCRIPT.items()}
    results = evaluate(ScriptedLM(texts.get), toy_task(list(SCRIPT)))
    path = tmp_path / "samples.jsonl"
    path.write_text(
        "".join(json.dumps(row, default=str) + "\n" for row in results["samples"]["toy"])
    )
    found = read(path)
    assert [one.text for one in found] == list(texts.values())
    assert {one.finish for one in found} == {"unknown"}
