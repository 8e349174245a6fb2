from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from loopbench import tasks
from loopbench.tasks.base import Task
from loopbench.tasks.sources import SourceError
from loopbench.tasks.suites import content_hash, select


def written(path: Path, *items: Any) -> str:
    lines = [item if isinstance(item, str) else json.dumps(item) for item in items]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return f"jsonl:{path}"


def test_prompts_answers_levels_and_categories(tmp_path: Path) -> None:
    name = written(
        tmp_path / "mine.jsonl",
        {"prompt": "2 + 2?", "id": "sum", "answer": 4, "level": "easy"},
        "",
        {
            "messages": [
                {"role": "system", "content": "Be short."},
                {"role": "user", "content": "Hi"},
            ]
        },
        {"prompt": "Capital of France?", "answer": "Paris", "level": "hard"},
        {"prompt": "Pick.", "answer": "b", "match": "choice", "category": "extraction"},
    )
    task = tasks.get(name)
    assert isinstance(task, Task)
    assert task.levels == ("all", "easy", "hard")
    samples = {s.id: s for s in select([name], None, 0)}
    assert set(samples) == {"sum", "line-3", "line-4", "line-5"}
    assert samples["line-3"].prompt == "Be short.\n\nHi"
    assert samples["line-5"].category == "extraction"

    def correct(item: str, text: str) -> bool | None:
        return task.grade(samples[item], text).correct

    assert correct("sum", "Answer: 4.0") is True
    assert correct("sum", "<think>Answer: 4</think>Answer: 5") is False
    assert correct("line-3", "Answer: 4") is None
    assert correct("line-4", "So the answer: **paris**.") is True
    assert correct("line-4", "Answer: Lyon") is False
    assert correct("line-5", "Answer: (B)") is True
    assert correct("line-5", "Answer: C") is False
    for sample in samples.values():
        if sample.id != "line-3":
            assert task.grade(sample, task.oracle(sample)).correct is True
    ungraded = task.grade(samples["line-3"], "anything")
    assert (ungraded.correct, ungraded.score, ungraded.problem) == (None, None, None)


def test_one_level_and_the_limit(tmp_path: Path) -> None:
    items = [{"prompt": f"p{i}", "level": "odd" if i % 2 else "even"} for i in range(20)]
    name = written(tmp_path / "a.jsonl", *items)
    assert len(select([name], None, 0)) == 20
    assert {s.level for s in select([f"{name}:odd"], None, 0)} == {"odd"}
    some, other = select([name], 6, 0), select([name], 6, 1)
    assert len(some) == 6 and content_hash(some) != content_hash(other)
    assert select([name], 12, 0)[:6] == some
    assert len(select([name, "chain_sum"], 100, 0)) == 70


def test_the_origin_is_the_hash_of_the_file(tmp_path: Path) -> None:
    name = written(tmp_path / "a.jsonl", {"prompt": "x"})
    before = tasks.origin(tasks.get(name))
    assert before is not None and before.startswith("sha256:")
    written(tmp_path / "a.jsonl", {"prompt": "y"})
    assert tasks.origin(tasks.get(name)) != before


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not a JSON object"),
        ("[1]", "not a JSON object"),
        ("[" * 100_000, "not a JSON object"),
        ({"text": "x"}, "either 'prompt' or 'messages'"),
        ({"prompt": "x", "messages": []}, "either 'prompt' or 'messages'"),
        ({"prompt": " "}, "not empty"),
        ({"prompt": 3}, "must be a text"),
        ('{"prompt": "\\ud800"}', "half a surrogate pair"),
        ({"messages": "x"}, "must be a list"),
        ({"messages": [{"role": "user", "content": [1]}]}, "must be text"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "role 'tool'"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "no question"),
        ({"prompt": "x", "answer": [1]}, "'answer'"),
        ({"prompt": "x", "answer": True}, "'answer'"),
        ({"prompt": "x", "match": "fuzzy"}, "'match' must be one of"),
        ({"prompt": "x", "category": "poetry"}, "'category' must be one of"),
        ({"prompt": "x", "level": "a\u001b[2J"}, "printable"),
        ({"prompt": "x", "id": "y" * 201}, "200"),
        ({"prompt": "x", "id": "first"}, "occurs twice"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: Any, message: str) -> None:
    name = written(tmp_path / "a.jsonl", {"prompt": "ok", "id": "first"}, line)
    with pytest.raises(SourceError, match=r"a\.jsonl, line 2: ") as caught:
        select([name], None, 0)
    assert message in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "latin.jsonl").write_bytes(b'{"prompt": "\xe9"}\n')
    (tmp_path / "empty.jsonl").write_bytes(b"\n \n")
    for path, message in (
        ("missing.jsonl", "is no file"),
        (".", "is no file"),
        ("latin.jsonl", "line 1: not UTF-8"),
        ("empty.jsonl", "holds no prompts"),
    ):
        with pytest.raises(SourceError, match=message):
            select([f"jsonl:{tmp_path / path}"], None, 0)
    with pytest.raises(SourceError, match="Say which: jsonl:<path>"):
        select(["jsonl:"], None, 0)
    with pytest.raises(SourceError, match="is no file"):
        select(["jsonl:a\x00b"], None, 0)


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'\xef\xbb\xbf{"prompt": "x"}\r\n{"prompt": "y"}\r\n')
    found = select([f"jsonl:{tmp_path / 'a.jsonl'}"], None, 0)
    assert {s.prompt for s in found} == {"x", "y"}


def test_a_record_is_graded_without_its_file(tmp_path: Path) -> None:
    name = written(tmp_path / "a.jsonl", {"prompt": "x", "answer": "7"})
    sample = select([name], None, 0)[0]
    (tmp_path / "a.jsonl").unlink()
    found = tasks.find(name)
    assert found is not None
    assert found.grade(sample, "Answer: 7").correct is True
