from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from loopbench import tasks
from loopbench.naming import UnknownNameError
from loopbench.tasks.base import Task
from loopbench.tasks.sources import SourceError, gym
from loopbench.tasks.suites import content_hash, select
from loopbench.types import Sample

# The package takes a second to start, and every module of tests starts it anew.
pytestmark = pytest.mark.slow

FAST = (
    "basic_arithmetic", "countdown", "game_of_life_halting", "leg_counting", "mini_sudoku",
    "number_sorting", "spell_backward",
)  # fmt: skip
UNSTATED = {"boxnet", "graph_color", "propositional_logic", "rubiks_cube", "rush_hour"}
"""They score answers and state none."""


def check(name: str, n: int) -> None:
    """Hold one data set against what every task promises."""
    task = tasks.get(f"reasoning_gym:{name}")
    assert isinstance(task, Task)
    assert "default" in task.levels
    drawn = list(task.samples(n, level="default"))
    assert len({s.prompt for s in drawn}) == n
    for sample in drawn:
        stored = msgspec.json.decode(msgspec.json.encode(sample), type=Sample)
        if name in UNSTATED:
            with pytest.raises(ValueError, match="states no answers"):
                task.oracle(stored)
        else:
            answer = task.oracle(stored)
            for text in (answer, f"<think>no</think>\n{answer}\n"):
                grade = task.grade(stored, text)
                assert (grade.correct, grade.score, grade.problem) == (True, 1.0, None), name
        for wrong in ("<answer>zzz</answer>", "Answer: qqq", stored.prompt):
            grade = task.grade(stored, wrong)
            assert grade.correct is not True and grade.problem, (name, wrong)
        assert task.grade(stored, "").problem == "no_answer"


@pytest.mark.parametrize("name", FAST)
def test_a_data_set_keeps_the_contract(name: str) -> None:
    check(name, 2)


@pytest.mark.slow
def test_every_data_set_keeps_the_contract() -> None:
    assert len(gym.datasets()) >= 100
    for name in gym.datasets():
        check(name, 1)


def test_items_are_pinned_to_the_seed_and_not_to_the_process() -> None:
    names = [f"reasoning_gym:{name}" for name in ("ransom_note", "isomorphic_strings")]
    first = select(names, 6, 3)
    gym.WORKER.close()
    assert content_hash(select(names, 6, 3)) == content_hash(first)


def test_seeds_splits_and_levels_share_no_item() -> None:
    task = tasks.get("reasoning_gym:leg_counting")
    groups = [list(task.samples(8, level="default", seed=seed)) for seed in (0, 1)]
    groups.append(list(task.samples(20, level="default", split="train")))
    prompts = [s.prompt for group in groups for s in group]
    assert len(set(prompts)) == len(prompts)
    assert task.levels == ("easy", "default", "hard")
    easy = list(task.samples(4, level="easy"))
    assert {s.level for s in easy} == {"easy"}


def test_a_partial_score_is_kept_and_is_not_correct() -> None:
    task = tasks.get("reasoning_gym:prime_factorization")
    sample = next(task.samples(1, level="default"))
    grade = task.grade(sample, "<answer>7</answer>")
    assert grade.correct is False
    assert grade.score is not None and 0 < grade.score < 0.99


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<answer>7</answer>", "7"),
        ("<answer>1</answer> no, <answer>2\n3</answer>.", "2\n3"),
        ("<answer>cut of", "cut of"),
        ("so Answer: 9", "9"),
        ("\\boxed{5}", "5"),
        ("<think><answer>1</answer></think><answer>2</answer>", "2"),
        ("<think><answer>1</answer>", None),
        ("<answer> </answer>", None),
        ("I give up", None),
    ],
)
def test_where_an_answer_is_found(text: str, answer: str | None) -> None:
    assert gym.find_answer(text) == answer


HOSTILE = (
    "__import__('os').system('touch hacked')",
    "[__import__('os').system('touch hacked')]",
    "open('hacked', 'w').write('x')",
    "(lambda: ().__class__.__base__.__subclasses__())()",
    "x.__class__",
    "[" * 5000,
    "9" * 10_000,
    "\ud800",
)


def test_hostile_answers_are_wrong_and_run_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    worker = gym.GymProcess()
    monkeypatch.setattr(gym, "WORKER", worker)
    for name in ("string_insertion", "countdown"):
        task = gym.GymTask(name)
        sample = next(task.samples(1, level="default"))
        for text in HOSTILE:
            assert task.grade(sample, f"<answer>{text}</answer>").correct is False
    worker.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_scorer_that_hangs_is_ended_and_the_next_one_works(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worker = gym.GymProcess()
    monkeypatch.setattr(gym, "WORKER", worker)
    task = gym.GymTask("countdown")
    sample = next(task.samples(1, level="default"))
    worker.limit_s = 0.5
    grade = task.grade(sample, "<answer>9**9**9**9**9</answer>")
    assert (grade.correct, grade.score, grade.problem) == (False, 0.0, "scorer_timeout")
    worker.limit_s = gym.LIMIT_S
    assert task.grade(sample, task.oracle(sample)).correct is True
    worker.close()


def test_an_item_of_another_version_is_not_judged() -> None:
    task = tasks.get("reasoning_gym:leg_counting")
    sample = next(task.samples(1, level="default"))
    other = msgspec.structs.replace(sample, reference=sample.reference | {"question": "0" * 64})
    grade = task.grade(other, "<answer>7</answer>")
    assert (grade.correct, grade.score, grade.problem) == (None, None, "other_version")


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        UnknownNameError, match=r"Unknown reasoning_gym task 'sudoko'. Did you mean"
    ):
        tasks.get("reasoning_gym:sudoko")
    with pytest.raises(UnknownNameError, match="Unknown level of reasoning_gym:sudoku 'hrd'"):
        select(["reasoning_gym:sudoku:hrd"], 1, 0)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SourceError, match=r"pip install 'loopbench-edge\[tasks\]'"):
        gym.GymProcess().ask("names")
