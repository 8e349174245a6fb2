from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

from loopbench import tasks
from loopbench.naming import UnknownNameError
from loopbench.tasks.base import Draft, Procedural
from loopbench.tasks.rng import SPLITS, item_rng, split_of


def test_every_module_is_a_task_or_a_declared_helper() -> None:
    modules = {module.name for module in pkgutil.iter_modules(tasks.__path__)}
    assert modules - tasks.HELPERS <= set(tasks.names())
    assert modules >= tasks.HELPERS


def test_the_issue_names_these_tasks() -> None:
    assert set(tasks.names()) >= {
        "chain_sum", "competition", "countdown", "enumeration", "extract_records",
        "knights_knaves", "long_multiplication", "number_sequence", "tool_call",
    }  # fmt: skip


def test_an_unknown_task_gets_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown task 'countdwon'\. Did you mean 'coun"):
        tasks.get("countdwon")
    with pytest.raises(UnknownNameError):
        tasks.get("base")


def test_drawing_samples_imports_nothing_heavy(tmp_path: Path) -> None:
    program = (
        "import sys; from loopbench.tasks.suites import select; select(['quick'], None, 0);"
        "print([m for m in ('torch', 'pandas', 'numpy', 'jsonschema') if m in sys.modules])"
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


def test_coordinates_do_not_add_up() -> None:
    task = tasks.get("chain_sum")
    first = item_rng(task, "test", 42, "hard", 1).random()
    assert first == item_rng(task, "test", 42, "hard", 1).random()
    assert first != item_rng(task, "test", 43, "hard", 0).random()
    assert first != item_rng(task, "train", 42, "hard", 1).random()


def test_splits_partition_the_buckets() -> None:
    buckets = [bucket for share in SPLITS.values() for bucket in share]
    assert sorted(buckets) == list(range(16))
    assert {split_of("x", str(i)) for i in range(200)} == set(SPLITS)


class Coin(Procedural):
    name, category, description = "coin", "reasoning", "two problems in all"

    def draft(self, rng, level):
        return Draft(rng.choice(("heads", "tails")), 0)

    def grade(self, sample, text):
        raise NotImplementedError

    def oracle(self, sample):
        raise NotImplementedError


def test_an_exhausted_level_is_an_error_and_not_an_endless_loop() -> None:
    with pytest.raises(ValueError, match="coin:easy has only"):
        list(Coin().samples(3, level="easy"))
