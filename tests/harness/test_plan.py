"""Settings, identities of generations and the choice of audits."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from fakes import model_info

from loopbench.files.recordings import Asked
from loopbench.harness.plan import (
    Settings,
    audit_choice,
    batches,
    every,
    jobs,
    missing,
    settings_of,
)
from loopbench.judging.jobs import job_key
from loopbench.types import Level, Sample, Sampling

SAMPLE = Sample(
    task="chain_sum",
    task_version=1,
    id="eval/0/hard/0",
    level="hard",
    category="reasoning",
    prompt="1 + 1?",
    reference=2,
)

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"models": ()}, "Name at least one model"),
    ({"models": ("a", "a")}, "A model is named twice"),
    ({"max_new_tokens": 0}, "got --max-new-tokens 0"),
    ({"max_new_tokens": 1_000_001}, "between 1 and 1000000 tokens"),
    ({"repeats": 0}, "--repeats must be at least 1, got 0"),
    ({"slots": 0}, "--slots must be at least 1, got 0"),
    ({"threads": -2}, "--threads must be at least 1, got -2"),
    ({"limit": 0}, "--limit must be at least 1, got 0"),
    ({"temperatures": ()}, "Give at least one temperature"),
    ({"temperatures": (-0.1,)}, "between 0 and 10, got -0.1"),
    ({"temperatures": (float("nan"),)}, "between 0 and 10, got nan"),
    ({"temperatures": (float("inf"),)}, "between 0 and 10, got inf"),
    ({"temperatures": (0.1, 0.1)}, "A temperature is named twice"),
    ({"audit_share": 1.1}, "--audit-share must be between 0 and 1"),
    ({"audit_share": float("nan")}, "--audit-share must be between 0 and 1"),
    ({"audit_min": -1}, "--audit-min at least 0"),
    ({"top_k": -1}, "--top-k must be at least 0, got -1"),
    ({"top_p": 0.0}, "--top-p must be above 0 and at most 1, got 0.0"),
    ({"top_p": float("nan")}, "--top-p must be above 0 and at most 1, got nan"),
    ({"min_p": 1.5}, "--min-p must be between 0 and 1, got 1.5"),
    ({"repetition_penalty": 0.0}, "--repetition-penalty must be above 0"),
    ({"repetition_penalty": float("inf")}, "--repetition-penalty must be above 0"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED)
def test_settings_that_give_no_number_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Settings(**{"models": ("a",), **changes}).check()


def test_defaults_and_extremes_are_accepted() -> None:
    Settings(models=("a",)).check()
    Settings(
        models=("a", "b"), temperatures=(0.0, 10.0), max_new_tokens=1_000_000, audit_share=0.0,
        audit_min=0, top_k=40, top_p=0.9, min_p=1.0, repetition_penalty=1.1,
    ).check()  # fmt: skip


def test_a_key_never_changes() -> None:
    # A changed key would make every existing run unresumable.
    assert job_key(model_info("a"), SAMPLE, Sampling(), 0) == "a24c2466636a52042e3b1f08373c64b1"


def test_whatever_changes_the_measurement_changes_the_key() -> None:
    replace = msgspec.structs.replace
    keys = {
        job_key(model, sample, sampling, repeat)
        for model in (model_info("a"), model_info("b"))
        for sample in (
            SAMPLE,
            replace(SAMPLE, id="eval/0/hard/1"),
            replace(SAMPLE, task="countdown"),
            replace(SAMPLE, task_version=2),
            replace(SAMPLE, prompt="1 + 2?"),
        )
        for sampling in (
            Sampling(),
            Sampling(temperature=0.1),
            Sampling(max_new_tokens=7),
            Sampling(seed=1),
            Sampling(min_p=0.1),
        )
        for repeat in (0, 1)
    }
    assert len(keys) == 2 * 5 * 5 * 2


def test_the_name_and_place_of_a_model_do_not_change_the_key() -> None:
    moved = msgspec.structs.replace(model_info("a"), name="c", path="/elsewhere")
    assert job_key(moved, SAMPLE, Sampling(), 0) == job_key(model_info("a"), SAMPLE, Sampling(), 0)


def test_jobs_repeat_the_samples_in_order_and_missing_skips_what_is_done() -> None:
    samples = [SAMPLE, msgspec.structs.replace(SAMPLE, id="eval/0/hard/1")]
    (made,) = jobs(model_info("a"), every(samples, [Sampling()], 2))
    assert [(job.repeat, job.sample.id[-1]) for job in made] == [
        (0, "0"), (0, "1"), (1, "0"), (1, "1"),
    ]  # fmt: skip
    assert missing(made, {made[1].key}) == [made[0], *made[2:]]
    request = made[0].request()
    assert (request.key, request.prompt, request.prefix_ids) == (made[0].key, "1 + 1?", ())


def test_a_row_is_one_sampling_and_has_what_is_asked_for_and_no_more() -> None:
    cold, warm, hot = (Sampling(temperature=t) for t in (0.0, 0.5, 1.0))
    other = msgspec.structs.replace(SAMPLE, id="eval/0/hard/1")
    asked = [Asked(SAMPLE, cold, 0), Asked(SAMPLE, warm, 0), Asked(other, cold, 3)]
    rows = jobs(model_info("a"), asked)
    assert [[(job.sample, job.repeat) for job in row] for row in rows] == [
        [(SAMPLE, 0), (other, 3)], [(SAMPLE, 0)],
    ]  # fmt: skip
    whole = [Asked(s, sampling, 0) for sampling in (cold, hot) for s in (SAMPLE, other)]
    assert list(every([SAMPLE, other], [cold, hot], 1)) == whole


def stopped(level: Level, n: int) -> dict[str, Level]:
    return {f"{level}{i}": level for i in range(n)}


@pytest.mark.parametrize(
    ("n", "share", "least", "chosen"),
    [(100, 0.05, 20, 20), (1000, 0.05, 20, 50), (7, 0.05, 20, 7), (101, 0.1, 0, 11), (9, 0, 0, 0)],
)
def test_audits_are_a_share_but_at_least_so_many(
    n: int, share: float, least: int, chosen: int
) -> None:
    assert len(audit_choice(stopped("verbatim", n), share, least, 0)) == chosen


def test_each_kind_of_loop_has_its_own_audit() -> None:
    chosen = audit_choice(stopped("verbatim", 60) | stopped("counter", 30), 0.05, 20, 0)
    assert sum(key.startswith("counter") for key in chosen) == 20
    assert sum(key.startswith("verbatim") for key in chosen) == 20


def test_the_choice_depends_on_keys_and_seed_alone() -> None:
    streams = stopped("verbatim", 60)
    chosen = audit_choice(streams, 0.05, 20, 0)
    assert audit_choice(dict(reversed(streams.items())), 0.05, 20, 0) == chosen
    assert audit_choice(streams, 0.05, 20, 1) != chosen


@pytest.mark.parametrize(
    ("looks", "sizes"),
    [((), [5]), ((2, 4), [2, 2, 1]), ((5,), [5]), ((9,), [5]), ((4, 2, 2), [2, 2, 1])],
)
def test_batches_end_at_the_looks(looks: tuple[int, ...], sizes: list[int]) -> None:
    samples = [msgspec.structs.replace(SAMPLE, id=str(i)) for i in range(5)]
    (cell,) = jobs(model_info("a"), every(samples, [Sampling()], 1))
    parts = list(batches(cell, looks))
    assert [len(part) for part in parts] == sizes
    assert [job for part in parts for job in part] == cell


def test_a_batch_holds_every_repeat_of_its_prompts() -> None:
    samples = [msgspec.structs.replace(SAMPLE, id=str(i)) for i in range(4)]
    (cell,) = jobs(model_info("a"), every(samples, [Sampling()], 3))
    first, second = batches(cell, (1,))
    assert [(job.sample.id, job.repeat) for job in first] == [("0", 0), ("0", 1), ("0", 2)]
    assert len(second) == 9


def test_settings_from_plain_values() -> None:
    made = settings_of("a", tasks=["x"], temperatures=[0.5], repeats="2")
    assert (made.models, made.tasks, made.temperatures, made.repeats) == (("a",), ("x",), (0.5,), 2)
    with pytest.raises(ValueError, match="Unknown setting 'repeat'"):
        settings_of("a", repeat=2)
