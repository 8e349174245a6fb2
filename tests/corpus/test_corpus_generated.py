"""The generated half of the corpus: as labelled by reading, and whole."""

from __future__ import annotations

import csv
from collections import Counter
from itertools import accumulate
from pathlib import Path

import pytest

from loopbench import tasks
from loopbench.calibration.corpus import Trace, read_traces

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def traces() -> list[Trace]:
    return list(read_traces(HERE / "generated.jsonl.gz"))


@pytest.fixture(scope="module")
def labels() -> dict[str, dict[str, str]]:
    with (HERE / "labels.csv").open(newline="", encoding="utf-8") as file:
        return {row["uid"]: row for row in csv.DictReader(file)}


def test_every_trace_has_the_label_that_was_read(traces, labels) -> None:
    assert {t.uid: t.label for t in traces} == {
        uid: row["label"] for uid, row in labels.items() if row["label"]
    }
    for trace in traces:
        row = labels[trace.uid]
        if trace.onset is not None and row["onset_char"]:
            ends = list(accumulate(trace.token_chars))
            begin = ends[trace.onset - 1] if trace.onset else 0
            assert begin <= int(row["onset_char"]) < ends[trace.onset]


def test_two_models_and_the_corpus_have_the_promised_size(traces) -> None:
    assert Counter(t.model for t in traces) == {"smollm2-135m": 165, "gemma3-270m": 63}
    constructed = sum(1 for _ in read_traces(HERE / "constructed.jsonl.gz"))
    assert len(traces) + constructed >= 600
    assert {t.label_source for t in traces} == {"read"}


def test_what_ended_by_itself_is_no_loop(traces) -> None:
    assert all(t.label == "none" for t in traces if t.finish == "stop")


def test_a_label_that_no_reader_gave_has_its_reason(labels) -> None:
    for row in labels.values():
        if row["label"] not in (row["reader_a"], row["reader_b"]) or not row["label"]:
            assert row["note"]


def test_readers_agree(labels) -> None:
    """Cohen's kappa as the labelling guide reports it."""
    n = len(labels)
    pairs = Counter((row["reader_a"], row["reader_b"]) for row in labels.values())
    observed = sum(count for (a, b), count in pairs.items() if a == b) / n
    a, b = Counter(), Counter()
    for (first, second), count in pairs.items():
        a[first] += count
        b[second] += count
    expected = sum(a[label] * b[label] for label in a) / n**2
    kappa = (observed - expected) / (1 - expected)
    assert f"{kappa:.3f}" == "0.986"


def test_prompts_are_those_of_the_tasks(traces) -> None:
    assert {t.task for t in traces} <= set(tasks.names())
    one = next(t for t in traces if t.task == "countdown")
    same = [t for t in traces if t.prompt_id == one.prompt_id]
    assert {t.prompt for t in same} == {one.prompt}
