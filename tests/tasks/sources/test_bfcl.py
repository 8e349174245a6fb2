from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from loopbench import tasks
from loopbench.naming import UnknownNameError
from loopbench.tasks.base import Task
from loopbench.tasks.sources import SourceError, bfcl
from loopbench.types import Sample

SIZES = {
    "simple": 400,
    "multiple": 200,
    "parallel": 200,
    "parallel_multiple": 200,
    "irrelevance": 240,
    "live_simple": 258,
    "live_multiple": 1053,
    "live_parallel": 16,
    "live_parallel_multiple": 24,
    "live_irrelevance": 884,
    "live_relevance": 16,
}


@pytest.mark.slow
@pytest.mark.parametrize("category", bfcl.CATEGORIES)
def test_a_category_has_its_items_and_accepts_its_answers(category: str) -> None:
    task = tasks.get(f"bfcl:{category}")
    assert isinstance(task, Task)
    drawn = list(task.samples(16, level="all"))
    assert task.size("all") == SIZES[category]  # type: ignore[attr-defined]
    assert len({s.id for s in drawn}) == 16
    right = 0
    for sample in drawn:
        stored = msgspec.json.decode(msgspec.json.encode(sample), type=Sample)
        right += task.grade(stored, "<think>hm [f(x=1)]</think>" + task.oracle(sample)).score == 1
    assert right == 16


@pytest.mark.parametrize("category", ["simple", "multiple", "parallel", "live_multiple"])
def test_a_perturbed_answer_is_wrong(category: str) -> None:
    task = tasks.get(f"bfcl:{category}")
    for sample in task.samples(12, level="all"):
        calls = json.loads(task.oracle(sample))
        surplus = [*calls, {"name": "other", "arguments": {}}]
        unnamed = [{**calls[0], "name": "other"}, *calls[1:]]
        argued = [{**calls[0], "arguments": {**calls[0]["arguments"], "zzz": 1}}, *calls[1:]]
        for wrong in (surplus, calls[:-1], unnamed, argued):
            assert task.grade(sample, json.dumps(wrong)).correct is False


def item(name: str, found: str) -> Sample:
    task = tasks.get(f"bfcl:{name}")
    return next(s for s in task.samples(task.size("all"), level="all") if s.id == found)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("output", "right"),
    [
        ('[{"name": "math.factorial", "arguments": {"number": 5}}]', True),
        ("[math.factorial(number=5)]", True),
        ("math.factorial(number=5)", True),
        ("<|tool_call_start|>[math.factorial(number=5)]<|tool_call_end|>", True),
        (
            '<tool_call>\n{"name": "math.factorial", "arguments": {"number": 5}}\n</tool_call>',
            True,
        ),
        (
            "<tool_call>\n<function=math.factorial>\n<parameter=number>\n5\n</parameter>\n"
            "</function>\n</tool_call>",
            True,
        ),
        ('```json\n[{"function": "math.factorial", "parameters": {"number": 5}}]\n```', True),
        ("[math.factorial(number=6)]", False),
        ("[math.factorial(number='5')]", False),
        ("[math.factorial(number=True)]", False),
        ("[math.factorial(5)]", False),
        ("[math_factorial(number=5)]", False),
        ("120", False),
    ],
)
def test_every_notation_is_graded_alike(output: str, right: bool) -> None:
    sample = item("simple", "simple_python_1")
    assert tasks.get("bfcl:simple").grade(sample, output).correct is right


def test_irrelevance_is_right_if_nothing_is_called() -> None:
    task = tasks.get("bfcl:irrelevance")
    sample = next(task.samples(1, level="all"))
    assert task.grade(sample, "[]").correct is True
    assert task.grade(sample, "None of these functions fits.").correct is True
    assert task.grade(sample, "[f(a=1)]").correct is False
    assert task.grade(sample, " ").correct is None
    relevant = tasks.get("bfcl:live_relevance")
    sample = next(relevant.samples(1, level="all"))
    assert relevant.grade(sample, "[]").correct is False
    assert relevant.grade(sample, "[f(a=1)]").correct is True


def test_values_that_the_checker_cannot_take_are_wrong_and_no_crash() -> None:
    task = tasks.get("bfcl:live_simple")
    hostile = ({}, [], None, "", 10**30, [[]], {"a": {"b": []}}, ["x"], [{"a": 1}, "b"])
    for sample in task.samples(20, level="all"):
        for call in json.loads(task.oracle(sample)):
            for value in hostile:
                call["arguments"] = dict.fromkeys(call["arguments"], value)
                grade = task.grade(sample, json.dumps([call]))
                assert grade.correct in (True, False)


def test_the_checker_leaves_the_package_as_it_was(tmp_path: Path) -> None:
    program = (
        "import sys; from loopbench.tasks.sources import bfcl; bfcl.checker();"
        "print([m for m in sys.modules if 'model_config' in m or 'ast_checker' in m])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        check=True,
        text=True,
    )
    assert done.stdout.strip() == "[]"


def test_a_system_message_and_earlier_turns_are_part_of_the_prompt() -> None:
    prompts = [s.prompt for s in tasks.get("bfcl:live_irrelevance").samples(884, level="all")]
    talks = [p for p in prompts if "\n\nAssistant: " in p]
    assert len(talks) == 8
    assert all("Reply to the last message of the user." in p for p in talks)


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        UnknownNameError, match=r"Unknown bfcl task 'simpel'. Did you mean 'simple'"
    ):
        tasks.get("bfcl:simpel")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SourceError, match="pip install --no-deps bfcl-eval"):
        bfcl.BfclTask("simple")
    assert bfcl.SOURCE.size() == "pip install --no-deps bfcl-eval"


def test_there_is_no_training_split() -> None:
    task = tasks.get("bfcl:simple")
    with pytest.raises(ValueError, match="test split only"):
        task.samples(1, level="all", split="train")
    with pytest.raises(ValueError, match="has 400 items, 401 were asked for"):
        task.samples(401, level="all")
    with pytest.raises(ValueError, match="Unknown level 'hard'"):
        task.samples(1, level="hard")
