"""What every task promises, held against every registered task and level."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from loopbench import tasks
from loopbench.tasks.base import Task
from loopbench.tasks.suites import content_hash
from loopbench.types import Sample

PLACES = [(name, level) for name in tasks.names() for level in tasks.get(name).levels]

# Long enough that time that grows with the square of the length would be seen.
HOSTILE = {
    "empty": "",
    "blank": " \n\t \n",
    "unclosed thinking": "<think>Let me see. Answer: 1",
    "control characters": "\x00\x1b[2J\x07\x08\u202e\ufeff Answer: \x00\x01",
    "surrogates": "\ud800 Answer: \udfff \\boxed{\ud83d}",
    "brackets": "[" * 25_000,
    "braces": '{"a":' * 20_000,
    "closed brackets": "[" * 900 + "]" * 900,
    "boxes": "\\boxed{" * 12_500,
    "markers": "Answer: " * 12_500,
    "the answer is": "the answer is " * 7_500,
    "digits": "Answer: " + "9" * 100_000,
    "groups": "Answer: " + "1,234" * 20_000,
    "quotes": 'a"{' * 30_000,
    "escapes": '{"' + "\\" * 100_000,
    "words": "lorem ipsum " * 8_000,
    "thinking": "<think>" * 7_500 + "</think>" * 7_500,
    "tags": "<tool_call>" * 9_000,
    "python": "[f(" + "(" * 3_000 + ")",
    "not a number": '{"a": NaN, "b": {"c": Infinity}}',
    "huge exponent": "Answer: 1e999999999",
    "spaces": "Answer:" + " " * 75_000 + "\\boxed" + " " * 25_000,
}

PINNED = {
    "agent_lookup": "d05277b95ba1d26410a8be751d8bb93547d0576f9b7417a8a5af8118df2ba096",
    "chain_sum": "76b50409fe450b5fc9e2dc35f8ebdd6e19f811d944323bcb9263e953e05743f4",
    "competition": "3e4ecff2fa8660673ab9dd366aed51a5db294f03be9df42cdc4408f24e20a6a1",
    "countdown": "ab4a746ca7734ce8875d15ef390cea451fabda1d47fb9dbf629ab2853ea4d6b6",
    "enumeration": "51881ae24c19506528a7f0577b4074b65e437c3044ae211768451a9d863573aa",
    "extract_records": "be263b60635b5281b379ba6cd0980a2e097013ded1c9590ac0c1b0ebe4dee2e1",
    "instructions": "fe2ab0597561dd2952d97d42ec6c8bf38029cabfc2d15ad3bfb0d4f4a085e50a",
    "knights_knaves": "caefa9a8c4f641ec75b98864a0d86849ae7a519d0ac1dfe25ea6b8343bc84460",
    "long_multiplication": "1d78c33b9595f89f76d24b96a0379344f8894b52a8c3295fa7cc548d451ef953",
    "mini_call": "c17e7613f88ae5ee61d28945740144b2fed34d8db2bc368957f46880c102fe7c",
    "mini_countdown": "9683daa4623f72bcf33f5f41f2dd735b88d3c793ce1bfcf058d716c88f6475a5",
    "mini_pairs": "f2ad470e1a6348dfabdf59838da1c11986599e6d5f0e3a319d1a99f410474b22",
    "mini_records": "4fc9f5f0dc78af1e8974ac3e7260a21c8496321e10fbb05b5a44962654ced83c",
    "mini_sum": "01a79a7070813a37da3d59efefca541bf7a90c5bd91acbc4e1f652aa0c34626a",
    "number_sequence": "f5e32b62ea0b401364a30b838456a5b72e7148dd40140eb30a13277519a86ce6",
    "tool_call": "0c40ae828b9bfe955d5c7d6e8d39cb0d22766b490101e1159998bef9dc969865",
}

PINNED_LEVELS: dict[tuple[str, str], str] = {
    (
        "extract_records",
        "long_schema",
    ): "6bb0e2481f25ac85beaf5e5888ea43f61ae794b0c11b392d4bb8e9b80f74f705",
    ("tool_call", "tools_1"): "416c5954720e7f8a9b4954c55f1e9988000af823dafb836bc5592937b362c287",
    ("tool_call", "tools_10"): "c4eeddd97399b69bce91c52453c869ff0e5ce7eabaa16fa153258beffcc1edb3",
    ("tool_call", "tools_40"): "71711ac65eb779092824a33195be0051532709426c828c16d0a7f6df3474932b",
}


def draw(name: str, level: str, n: int = 8, **options: object) -> list[Sample]:
    return list(tasks.get(name).samples(n, level=level, **options))  # type: ignore[arg-type]


drawn_once = functools.cache(draw)
"""For tests that look at items and change none."""


@pytest.mark.parametrize("name", tasks.names())
def test_a_task_declares_itself(name: str) -> None:
    task = tasks.get(name)
    assert isinstance(task, Task)
    assert task.name == name
    assert task.version >= 1
    assert task.levels[:3] == ("easy", "medium", "hard")
    assert tasks.default_level(task) == "hard"
    assert task.category in ("reasoning", "extraction", "tools", "agents")
    assert task.description


@pytest.mark.parametrize("name", tasks.names())
def test_the_items_are_pinned(name: str) -> None:
    # Changed items need a new task version: old rates would not be comparable.
    drawn = [s for level in ("easy", "medium", "hard") for s in draw(name, level, 4, seed=3)]
    assert content_hash(drawn) == f"sha256:{PINNED[name]}"


@pytest.mark.parametrize(("name", "level"), [place for place in PLACES if place in PINNED_LEVELS])
def test_the_items_of_a_further_level_are_pinned(name: str, level: str) -> None:
    drawn = draw(name, level, 4, seed=3)
    assert content_hash(drawn) == f"sha256:{PINNED_LEVELS[name, level]}"


def test_every_further_level_is_pinned() -> None:
    further = {place for place in PLACES if place[1] not in ("easy", "medium", "hard")}
    assert further == set(PINNED_LEVELS)


def test_another_process_draws_the_same_items(tmp_path: Path) -> None:
    program = (
        "from loopbench.tasks.suites import content_hash, select;"
        "print(content_hash(select(['easy'], None, 5)))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


@pytest.mark.parametrize(("name", "level"), PLACES)
def test_samples_are_reproducible_distinct_and_a_prefix_of_more(name: str, level: str) -> None:
    many = draw(name, level, 24)
    assert many == draw(name, level, 24)
    assert many[:7] == draw(name, level, 7)
    assert len({s.prompt for s in many}) == len({s.id for s in many}) == 24
    assert all(s.level == level and s.task == name for s in many)
    assert re.fullmatch(rf"test-0-{level}-\d+", many[0].id)


@pytest.mark.parametrize(("name", "level"), PLACES)
def test_seeds_and_splits_share_no_prompt(name: str, level: str) -> None:
    groups = [drawn_once(name, level, 20), *(draw(name, level, 20, seed=s) for s in (1, 2))]
    train = draw(name, level, 60, split="train")
    validation = draw(name, level, 20, split="validation")
    prompts = [{s.prompt for s in group} for group in (*groups, train, validation)]
    # One-line prompts are few: two seeds may meet, but two splits never do.
    test = prompts[0] | prompts[1] | prompts[2]
    assert not (test & prompts[3] or test & prompts[4] or prompts[3] & prompts[4])
    if not name.startswith("mini_"):
        assert sum(map(len, prompts)) == len(set().union(*prompts))


@pytest.mark.parametrize(("name", "level"), PLACES)
def test_the_oracle_is_right_and_survives_the_record(name: str, level: str) -> None:
    task = tasks.get(name)
    for sample in drawn_once(name, level, 20):
        stored = msgspec.json.decode(msgspec.json.encode(sample), type=Sample)
        for text in (task.oracle(sample), "<think>no idea</think>\n" + task.oracle(sample) + "\n"):
            grade = task.grade(stored, text)
            assert (grade.correct, grade.score, grade.problem) == (True, 1.0, None)


@pytest.mark.parametrize(("name", "level"), PLACES)
def test_a_perturbed_oracle_is_wrong(name: str, level: str) -> None:
    task = tasks.get(name)
    for sample in drawn_once(name, level, 20):
        oracle = task.oracle(sample)
        swapped = oracle.translate(str.maketrans("0123456789", "1234567890"))
        swapped = swapped.replace("knight", "?").replace("knave", "knight").replace("?", "knave")
        if swapped == oracle:
            # Words or an empty list: a surplus item.
            swapped = oracle[:-1] + ', {"name": "other", "arguments": {}}]'
        grade = task.grade(sample, swapped)
        assert grade.correct is not True, (sample, swapped)
        assert grade.problem


@pytest.mark.parametrize(("name", "level"), PLACES)
def test_the_prompt_does_not_hold_the_answer(name: str, level: str) -> None:
    task = tasks.get(name)
    for sample in drawn_once(name, level, 20):
        assert task.grade(sample, sample.prompt).correct is not True
        oracle = task.oracle(sample)
        assert oracle == "[]" or oracle not in sample.prompt


@pytest.mark.parametrize("label", HOSTILE)
@pytest.mark.parametrize("name", tasks.names())
def test_hostile_output_earns_nothing_and_raises_nothing(name: str, label: str) -> None:
    task = tasks.get(name)
    for sample in drawn_once(name, "hard", 2):
        grade = task.grade(sample, HOSTILE[label])
        assert grade.correct is not True
        assert grade.score != 1
        assert grade.problem
        json.loads(msgspec.json.encode(grade))


@pytest.mark.parametrize("name", tasks.names())
def test_silence_is_no_answer_rather_than_a_wrong_one(name: str) -> None:
    task = tasks.get(name)
    sample = draw(name, "hard", 1)[0]
    for text in ("", "<think>I will answer " + task.oracle(sample)):
        grade = task.grade(sample, text)
        assert (grade.answer, grade.correct, grade.problem) == (None, None, "no_answer")


@pytest.mark.parametrize("name", tasks.names())
def test_bad_requests_say_what_was_wrong(name: str) -> None:
    task = tasks.get(name)
    with pytest.raises(ValueError, match="Unknown level 'hrad'"):
        task.samples(1, level="hrad")
    with pytest.raises(ValueError, match="Unknown split 'tset'"):
        task.samples(1, level="easy", split="tset")
    with pytest.raises(ValueError, match="got -1"):
        task.samples(-1, level="easy")
