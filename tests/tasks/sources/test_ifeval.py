"""IFEval on a file with the columns of the published set, by lm-eval's checkers."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from loopbench import tasks
from loopbench.tasks import sources
from loopbench.tasks.sources import SourceError, ifbench
from loopbench.tasks.sources.ifeval import IfevalTask
from loopbench.types import Sample

ROWS: list[dict[str, Any]] = [
    {
        "key": 1000,
        "prompt": "Write about rivers, without commas, in at least 8 words.",
        "instruction_id_list": ["punctuation:no_comma", "length_constraints:number_words"],
        # The hub fills every column that another row has with null.
        "kwargs": [
            {"num_words": None, "relation": None},
            {"num_words": 8, "relation": "at least"},
        ],
        "response": "A river carries water from the hills to the wide sea.",
    },
    {
        "key": 1001,
        "prompt": "Answer in lower case JSON.",
        "instruction_id_list": ["detectable_format:json_format"],
        "kwargs": [{}],
        "response": '```json\n{"a": 1}\n```',
    },
    {
        "key": 1002,
        "prompt": 'Say it twice, with "Bye" at the end.',
        "instruction_id_list": ["startend:end_checker", "keywords:frequency"],
        "kwargs": [
            {"end_phrase": "Bye"},
            {"keyword": "loop", "frequency": 2, "relation": "at least"},
        ],
        "response": "A loop is a loop. Bye",
    },
    {
        "key": 1003,
        "prompt": "Answer in German.",
        "instruction_id_list": ["language:response_language"],
        "kwargs": [{"language": "de"}],
        "response": "Das Wasser des Flusses kommt aus den Bergen und fließt in das Meer.",
    },
]


def task_of(folder: Path, rows: list[Any]) -> IfevalTask:
    path = folder / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return IfevalTask(str(path))


def by_key(task: IfevalTask) -> dict[str, Sample]:
    return {sample.id: sample for sample in task.samples(len(ROWS))}


def test_a_file_is_a_task_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps(ROWS[0]))
    name = f"ifeval:{tmp_path}/rows.jsonl"
    assert sources.split(f"{name}:all") == (name, "all")
    task = tasks.get(name)
    (sample,) = task.samples(1, level="all")
    assert (sample.id, sample.prompt) == ("1000", ROWS[0]["prompt"])
    assert tasks.origin(task).startswith("sha256:")


def test_responses_that_follow_are_right_and_perturbed_ones_are_not(tmp_path: Path) -> None:
    task = task_of(tmp_path, ROWS)
    perturbed = {
        "1000": "A river, of course.",
        "1001": "a is 1",
        "1002": "Bye, loop",
        "1003": "The water of the river comes from the hills and flows to the sea.",
    }
    for key, sample in by_key(task).items():
        good = task.grade(sample, task.oracle(sample))
        assert (good.correct, good.score) == (True, 1.0)
        assert set(good.parts.values()) == {1.0}
        bad = task.grade(sample, perturbed[key])
        assert (bad.correct, bad.score, bad.problem) == (False, 0.0, "not_followed")


def test_strict_and_loose_differ_by_a_first_line(tmp_path: Path) -> None:
    task = task_of(tmp_path, ROWS)
    sample = by_key(task)["1001"]
    grade = task.grade(sample, 'Here it is:\n{"a": 1}')
    assert (grade.correct, grade.score) == (False, 0.0)
    assert grade.parts == {
        "prompt_strict": 0.0,
        "prompt_loose": 1.0,
        "instruction_strict": 0.0,
        "instruction_loose": 1.0,
    }


def test_a_part_of_the_instructions_is_a_part_of_the_score(tmp_path: Path) -> None:
    task = task_of(tmp_path, ROWS)
    grade = task.grade(by_key(task)["1000"], "Yes.")
    assert (grade.correct, grade.score) == (False, 0.5)


def test_thinking_is_not_checked_and_nothing_is_no_answer(tmp_path: Path) -> None:
    task = task_of(tmp_path, ROWS)
    sample = by_key(task)["1000"]
    assert task.grade(sample, f"<think>Well, commas, ...</think>{task.oracle(sample)}").correct
    for text in ("", "<think>Well", "  \n"):
        assert task.grade(sample, text).problem == "no_answer"


@pytest.mark.parametrize(
    "text",
    ["[" * 20_000, "*" * 20_000, "\n" * 9_999 + "\0\ud800", "a " * 9999],
    ids=["brackets", "stars", "lines", "words"],
)
def test_hostile_outputs_are_graded(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The checkers log a text whose language they cannot tell; half a character in a log can be
    # sent from no worker of the tests.
    monkeypatch.setattr(logging.root.manager, "disable", logging.CRITICAL)
    task = task_of(tmp_path, ROWS)
    for sample in by_key(task).values():
        assert task.grade(sample, text).correct in (False, True)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"key": 1}, "row 1: there is no 'prompt'"),
        ([1], "row 1: there is no 'key'"),
        ({**ROWS[0], "prompt": " "}, "row 1: the prompt is empty"),
        ({**ROWS[0], "kwargs": [{}]}, "row 1: kwargs has not one object per instruction"),
        ({**ROWS[0], "instruction_id_list": []}, "instruction_id_list is a list of names"),
        ({**ROWS[1], "instruction_id_list": ["x:y"]}, "there is no checker for 'x:y'"),
    ],
)
def test_rows_that_cannot_be_used_are_named(tmp_path: Path, row: Any, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        task_of(tmp_path, [row]).read()
    with pytest.raises(SourceError, match="row 2: the key 1000 occurs twice"):
        task_of(tmp_path, [ROWS[0], ROWS[0]]).read()


def test_instructions_whose_data_are_missing_say_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ifbench, "has_data", lambda data: False)
    sentences = {
        **ROWS[1],
        "instruction_id_list": ["length_constraints:number_sentences"],
        "kwargs": [{"num_sentences": 2, "relation": "at least"}],
    }
    with pytest.raises(SourceError, match=r"1 prompts .* python -m nltk\.downloader punkt_tab"):
        task_of(tmp_path, [sentences]).read()
    assert len(task_of(tmp_path, ROWS).read()) == 4
