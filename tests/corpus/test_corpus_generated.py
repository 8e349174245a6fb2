"""The generated half of the corpus: as labelled by reading, and whole."""

from __future__ import annotations

import csv
import json
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


def test_the_models_and_the_corpus_have_the_promised_size(traces) -> None:
    assert Counter(t.model for t in traces) == {
        "smollm2-135m": 192,
        "gemma3-270m": 98,
        "reference-ftpo": 24,
        "reference-sft": 18,
        "qwen2.5-coder-0.5b-instruct-q4_k_m": 16,
        "smollm2-135m-q4_0": 13,
        "reference-mid": 10,
        "smollm2-135m-q8_0": 7,
    }
    assert Counter((t.label, t.finish) for t in traces) == {
        ("none", "stop"): 83,
        ("none", "length"): 41,
        ("verbatim", "length"): 110,
        ("counter", "length"): 37,
        ("circular", "length"): 107,
    }
    assert {t.label_source for t in traces} == {"read"}


def test_what_ended_by_itself_is_no_loop(traces) -> None:
    assert all(t.label == "none" for t in traces if t.finish == "stop")


def test_a_label_that_no_reader_gave_has_its_reason(labels) -> None:
    for row in labels.values():
        if row["label"] not in (row["reader_a"], row["reader_b"]) or not row["label"]:
            assert row["note"]


def kappa(pairs: list[tuple[str, str]]) -> str:
    n = len(pairs)
    observed = sum(a == b for a, b in pairs) / n
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    expected = sum(first[label] * second[label] for label in first) / n**2
    return f"{(observed - expected) / (1 - expected):.3f}"


def test_readers_agree(labels) -> None:
    """Cohen's kappa as the labelling guide reports it: of the loops, and of the circular ends."""
    pairs = [(row["reader_a"], row["reader_b"]) for row in labels.values()]
    loops, circles = pairs[:229], pairs[229:]
    assert kappa(loops) == "0.986"
    assert (len(circles), kappa(circles)) == (173, "0.844")
    clear = [pair for pair in circles if "ambiguous" not in pair]
    assert (len(clear), kappa(clear)) == (154, "0.954")
    by_label = {
        label: kappa([(str(a == label), str(b == label)) for a, b in circles])
        for label in ("verbatim", "counter", "circular", "none", "ambiguous")
    }
    assert by_label == {
        "verbatim": "0.949",
        "counter": "0.927",
        "circular": "0.907",
        "none": "0.837",
        "ambiguous": "0.440",
    }


def test_prompts_are_those_of_the_tasks(traces) -> None:
    own = HERE / "prompts" / "circular_prompts.jsonl"
    asked = {json.loads(line)["prompt"] for line in own.read_text().splitlines()}
    names = set(tasks.names())
    for trace in traces:
        assert trace.prompt in asked if trace.task == own.stem else trace.task in names
    one = next(t for t in traces if t.task == "countdown")
    same = [t for t in traces if t.prompt_id == one.prompt_id]
    assert {t.prompt for t in same} == {one.prompt}
