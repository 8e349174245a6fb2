"""Records of a run as rows like those of files."""

from __future__ import annotations

import msgspec
import pytest
from fakes import header, record
from looping_runs import COUNTER, VERBATIM, few, said

from loopbench.files.outputs import FileOutput
from loopbench.files.reading import Item
from loopbench.judging.rules import MEASURE
from loopbench.outputs.judged import judge
from loopbench.outputs.recorded import described_record
from loopbench.types import LoopSpan, Record, Verdict


def row(one: Record, **fields: object) -> object:
    return described_record(one, 3, "runs/x", msgspec.structs.replace(header(), **fields))


@pytest.mark.parametrize("one", few(), ids=lambda one: one.key)
def test_a_record_says_what_a_file_with_its_output_would(one: Record) -> None:
    generation = one.generation
    output = FileOutput(
        text=generation.text,
        token_ids=generation.token_ids,
        token_chars=generation.token_chars,
        finish=generation.finish,
        raw_finish=generation.raw_finish,
        id=one.sample_id,
        model=one.model,
        task=one.task,
        prompt=one.prompt,
        budget=one.sampling.max_new_tokens,
    )
    assert row(one) == judge(Item(row=3, output=output), "runs/x", MEASURE)


def test_what_was_said_is_not_said_again() -> None:
    judged_otherwise = msgspec.structs.replace(said("k", VERBATIM, finish="length"), verdicts=[])
    found = described_record(judged_otherwise, 1, "r", header())
    assert (found.outcome, found.level, found.start, found.wasted) == ("doom", None, None, 0)


def test_a_loop_outside_its_output_has_no_place() -> None:
    verdict = Verdict(
        detector="suffix", version=1, level="verbatim", looped=True, terminal=True,
        onset=5, period=2, repeats=9, spans=[LoopSpan(start=5, end=99_999, period=2, repeats=9)],
    )  # fmt: skip
    one = msgspec.structs.replace(said("k", COUNTER, finish="length"), verdicts=[verdict])
    found = described_record(one, 1, "r", header())
    assert (found.onset, found.start, found.excerpt) == (5, None, None)


def test_the_split_of_an_engine_without_ids_is_named() -> None:
    model = msgspec.structs.replace(header().models[0], tokenization="words-v1")
    one = described_record(
        said("k", "Yes."), 1, "r", msgspec.structs.replace(header(), models=[model])
    )
    assert one.tokenization == "words-v1"
    assert described_record(said("k", "Yes."), 1, "r", header()).tokenization == "given"


def test_a_failed_generation_is_one() -> None:
    found = described_record(record("k", "error"), 1, "r", header())
    assert (found.outcome, found.stuck, found.level) == ("error", False, None)
