"""The presets, on local files of the same columns: no test reaches the hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import huggingface_hub
import pytest

from loopbench import tasks
from loopbench.naming import UnknownNameError
from loopbench.tasks.base import Task
from loopbench.tasks.sources import SourceError, hub
from loopbench.tasks.suites import select

GPQA = {
    "Record ID": "rec1",
    "Question": "Which?",
    "Correct Answer": "right",
    "Incorrect Answer 1": "one",
    "Incorrect Answer 2": "two",
    "Incorrect Answer 3": "three",
}
ROWS: dict[str, list[dict[str, Any]]] = {
    "aime_2024": [
        {"id": 60, "problem": "p", "solution": "s", "answer": "204", "url": "u", "year": "2024"},
        {"id": 61, "problem": "q", "solution": "s", "answer": "025", "url": "u", "year": "2024"},
    ],
    "aime_2025": [{"id": "0", "problem": "p", "answer": "70", "solution": "s"}],
    "math_500": [
        {
            "problem": "p", "solution": "s", "answer": "\\frac{14}{3}", "subject": "Algebra",
            "level": 3, "unique_id": "test/algebra/1.json",
        },
        {
            "problem": "q", "solution": "s", "answer": "\\left( 3, \\frac{\\pi}{2} \\right)",
            "subject": "Precalculus", "level": 2, "unique_id": "test/precalculus/807.json",
        },
    ],
    "gpqa_diamond": [GPQA, GPQA | {"Record ID": "rec2"}, GPQA | {"Record ID": "rec3"}],
    "loophard": [{"id": "a", "prompt": "List the nine", "domain": "Games", "claimed_count": 9}],
    "antidoom_mix": [{"id": "a", "conversations": [{"from": "human", "value": "Prove it."}]}],
    "case_report_bench": [{"pmcid": "PMC1", "text": "A boy ...", "Neuro": "x", "GI": "y"}],
    "ifstruct": [{"prompt": "Write YAML", "output_format": "yaml", "json_schema": "{}"}],
}  # fmt: skip
REAL = datasets.load_dataset


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Serve rows from files in the place of the hub; returns what was asked for."""
    asked: dict[str, Any] = {}
    rows: dict[str, list[dict[str, Any]]] = {
        preset.dataset: ROWS[name] for name, preset in hub.presets().items()
    }

    def load(dataset: str, config: str | None, *, split: str, revision: str) -> Any:
        asked.update(dataset=dataset, config=config, split=split, revision=revision)
        path = tmp_path / "rows.jsonl"
        path.write_text("\n".join(map(json.dumps, rows[dataset])))
        part = split.partition("[")[0]
        return REAL("json", data_files={part: str(path)}, split=split, cache_dir=str(tmp_path))

    def no_commits(*_: Any, **__: Any) -> Any:
        raise ConnectionError("no hub in these tests")

    monkeypatch.setattr(datasets, "load_dataset", load)
    monkeypatch.setattr(huggingface_hub.HfApi, "list_repo_commits", no_commits)
    hub._opened.cache_clear()
    asked["rows"] = rows
    yield asked
    hub._opened.cache_clear()


@pytest.mark.parametrize("name", hub.presets())
def test_a_preset_maps_its_columns(name: str, local: dict[str, Any]) -> None:
    samples = select([f"hf:{name}"], None, 0)
    preset, task = hub.presets()[name], tasks.get(f"hf:{name}")
    assert isinstance(task, Task)
    assert len(samples) == len(ROWS[name])
    assert local["dataset"] == preset.dataset
    assert (local["split"], local["revision"]) == (preset.split, preset.revision)
    origin = tasks.origin(task)
    said = "" if hub.pinned(preset.revision) else " (commit unknown, not pinned)"
    assert origin
    assert origin.startswith(f"{preset.dataset}@{preset.revision}{said}, fingerprint ")
    for sample in samples:
        assert sample.category == preset.category
        right, wrong = (
            task.grade(sample, t) for t in (task.oracle(sample), "Answer: 77 \\boxed{7}")
        )
        if preset.match == "none":
            assert (right.correct, right.score, wrong.correct) == (None, None, None)
        else:
            assert (right.correct, right.score) == (True, 1.0)
            assert (wrong.correct, wrong.score) == (False, 0.0)
            assert task.grade(sample, sample.prompt).correct is not True


@pytest.mark.parametrize("name", hub.presets())
def test_a_preset_is_pinned_or_says_main(name: str) -> None:
    revision = hub.presets()[name].revision
    assert hub.pinned(revision) or revision == "main"


def test_the_list_of_tasks_says_what_is_not_pinned() -> None:
    assert hub.SOURCE.size() == f"{len(hub.presets())} presets; not pinned: antidoom_mix"


def test_the_right_letter_is_not_always_the_same(local: dict[str, Any]) -> None:
    local["rows"]["Idavidrein/gpqa"] = [GPQA | {"Record ID": f"r{i}"} for i in range(24)]
    samples = select(["hf:gpqa_diamond"], None, 0)
    assert {s.reference["answer"] for s in samples} == {"A", "B", "C", "D"}
    for sample in samples:
        assert f"{sample.reference['answer']}. right\n" in sample.prompt + "\n"
    assert local["config"] == "gpqa_diamond"


def test_levels_come_from_the_data(local: dict[str, Any]) -> None:
    assert tasks.get("hf:math_500").levels == ("all", "2", "3")
    assert len(select(["hf:math_500:3"], None, 0)) == 1


def test_another_revision_may_be_asked_for(local: dict[str, Any]) -> None:
    samples = select(["hf:loophard@84dc6c8"], None, 0)
    assert local["revision"] == "84dc6c8"
    assert samples[0].task == "hf:loophard@84dc6c8"


def test_other_columns_and_doubled_ids_are_named(local: dict[str, Any]) -> None:
    local["rows"]["N8Programs/LoopHard"] = [{"id": "a", "text": "x"}]
    with pytest.raises(SourceError, match=r"has no column 'domain' .it has id, text"):
        select(["hf:loophard"], None, 0)
    local["rows"]["yentinglin/aime_2025"] = ROWS["aime_2025"] * 2
    with pytest.raises(SourceError, match="row 1: id '0' occurs twice"):
        select(["hf:aime_2025"], None, 0)
    local["rows"]["HuggingFaceH4/aime_2024"] = [ROWS["aime_2024"][0] | {"problem": " "}]
    with pytest.raises(SourceError, match="row 0: the prompt is empty"):
        select(["hf:aime_2024"], None, 0)


def test_a_hub_out_of_reach_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise ConnectionError("Couldn't reach it\nTraceback ...")

    hub._opened.cache_clear()
    monkeypatch.setattr(datasets, "load_dataset", refuse)
    with pytest.raises(SourceError, match="cannot be loaded from the Hugging Face hub: Couldn't"):
        select(["hf:aime_2024"], None, 0)
    with pytest.raises(UnknownNameError, match="Did you mean 'math_500'"):
        select(["hf:math500"], None, 0)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SourceError, match=r"pip install 'loopbench-edge\[tasks\]'"):
        hub.load(hub.presets()["aime_2024"])
