"""What a job asks of a backend, and what its key depends on."""

from __future__ import annotations

import msgspec
import pytest
from fakes import model_info

from loopbench.judging.jobs import Job, job_key
from loopbench.types import EpisodeRule, Request, Sample, Sampling

SAMPLE = Sample(
    task="chain_sum", task_version=1, id="test/0/easy/1", level="easy", category="reasoning",
    prompt="1 + 1?", reference="2",
)  # fmt: skip
RULE = EpisodeRule(closed_book=False, max_turns=8, context=3072, max_depth=2, tools=1)


def test_a_job_asks_for_its_sample() -> None:
    sampling = Sampling(temperature=0.7)
    job = Job(key="k", sample=SAMPLE, sampling=sampling, repeat=2)
    asked = Request(
        key="k", prompt="1 + 1?", sampling=sampling, sample_id="test/0/easy/1", repeat=2
    )
    assert job.request() == asked
    schema = {"type": "object"}
    assert job.request(schema) == msgspec.structs.replace(asked, json_schema=schema)


KEY = job_key(model_info("a"), SAMPLE, Sampling(), 0)


@pytest.mark.parametrize(
    "change",
    [
        {"task": "countdown"},
        {"task_version": 2},
        {"id": "test/0/easy/2"},
        {"prompt": "1 + 2?"},
    ],
)
def test_another_question_has_another_key(change: dict[str, object]) -> None:
    assert job_key(model_info("a"), msgspec.structs.replace(SAMPLE, **change), Sampling(), 0) != KEY


def test_another_measurement_has_another_key_and_another_place_has_not() -> None:
    model = model_info("a")
    assert job_key(model_info("b"), SAMPLE, Sampling(), 0) != KEY
    assert job_key(model, SAMPLE, Sampling(), 1) != KEY
    for field, value in (
        ("temperature", 0.7), ("max_new_tokens", 9), ("seed", 1), ("top_k", 1), ("top_p", 0.5),
        ("min_p", 0.5), ("repetition_penalty", 1.1), ("constrained", True), ("think_budget", 9),
    ):  # fmt: skip
        assert job_key(model, SAMPLE, Sampling(**{field: value}), 0) != KEY
    moved = msgspec.structs.replace(model, name="z", path="/elsewhere")
    assert job_key(moved, SAMPLE, Sampling(), 0) == KEY
    easier = msgspec.structs.replace(SAMPLE, level="hard", reference="3")
    assert job_key(model, easier, Sampling(), 0) == KEY


def test_how_episodes_are_run_counts_for_agent_tasks_only() -> None:
    model, agents = model_info("a"), msgspec.structs.replace(SAMPLE, category="agents")
    shorter = msgspec.structs.replace(RULE, max_turns=7)
    keys = {job_key(model, agents, Sampling(), 0, rule) for rule in (None, RULE, shorter)}
    assert len(keys) == 3
    assert job_key(model, SAMPLE, Sampling(), 0, RULE) == KEY
    assert len(KEY) == 32
