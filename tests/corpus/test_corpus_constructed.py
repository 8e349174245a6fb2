"""The constructed corpus: made again where no model is needed, and held to its labels."""

from __future__ import annotations

import calendar
import re
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from constructed import GENERATORS, drafts, place
from constructed.rounds import SCENES, scenes
from model_tokens import ModelTokenizer
from tokenised import LONGEST, NOT_DIGITS, WORDS, constructed_trace, contradiction, fallback

from loopbench.calibration.corpus import Trace, read_traces

FILE = Path(__file__).parent / "constructed.jsonl.gz"
BY_ENDING = {
    ("none", "length"): 393,
    ("none", "stop"): 30,
    ("verbatim", "length"): 44,
    ("counter", "length"): 46,
    ("circular", "length"): 80,
}


@pytest.fixture(scope="module")
def traces() -> list[Trace]:
    return list(read_traces(FILE))


def exactly_periodic(ids: list[int]) -> bool:
    """Whether at least 4 repeats and 128 tokens at the end equal what is one period before."""
    for period in range(1, len(ids) // 4 + 1):
        size = max(4 * period, 128)
        tail = ids[-size:]
        if len(tail) == size and tail[period:] == tail[:-period]:
            return True
    return False


@pytest.mark.slow
def test_the_generators_make_the_file(traces: list[Trace]) -> None:
    stored = {trace.uid: trace for trace in traces}
    made = [
        constructed_trace(category, index, draft, WORDS, fallback)
        for category, index, draft in drafts()
        if place(category, index, draft) == 0
    ]
    assert len(made) == sum(trace.tokenizer == WORDS for trace in traces) == 198
    for trace in made:
        assert trace == stored[trace.uid]


@pytest.mark.slow
def test_a_real_tokenizer_makes_its_part_of_the_file(traces: list[Trace]) -> None:
    tokenizer = ModelTokenizer("smollm2-135m")
    try:
        made = [
            constructed_trace(category, index, draft, "smollm2-135m", tokenizer)
            for category, index, draft in drafts()
            if place(category, index, draft) == 1
        ]
    finally:
        tokenizer.close()
    assert made == [trace for trace in traces if trace.tokenizer == "smollm2-135m"]


def test_the_texts_under_real_tokenizers_are_those_of_the_generators(traces: list[Trace]) -> None:
    made = {f"constructed-{c}-{i}": d for c, i, d in drafts()}
    assert [trace.uid for trace in traces] == list(made)
    for trace in traces:
        draft = made[trace.uid]
        assert draft.text.startswith(trace.text)
        assert (draft.label, draft.finish, draft.prompt) == (
            trace.label,
            trace.finish,
            trace.prompt,
        )
        assert trace.finish == "length" or draft.text == trace.text


def test_the_corpus_has_the_promised_shape(traces: list[Trace]) -> None:
    assert Counter((t.label, t.finish) for t in traces) == BY_ENDING
    assert Counter(t.category for t in traces) == {n: count for n, (_, count) in GENERATORS.items()}
    assert len(GENERATORS) == 149
    assert Counter(t.tokenizer for t in traces) == {
        "words-v1": 198,
        "smollm2-135m": 199,
        "gemma3-270m": 196,
    }
    assert FILE.stat().st_size < 1_000_000


def test_no_two_traces_are_the_same(traces: list[Trace]) -> None:
    assert len({t.uid for t in traces}) == len(traces)
    assert len({t.text for t in traces}) == len(traces)


def test_lengths_are_those_of_real_outputs(traces: list[Trace]) -> None:
    lengths = [len(t.token_ids) for t in traces]
    assert min(lengths) >= 150
    assert max(lengths) <= LONGEST == 2_000
    assert sum(400 <= length <= 1_100 for length in lengths) > 0.75 * len(lengths)
    assert all(
        t.budget == (n if t.finish == "length" else None)
        for t, n in zip(traces, lengths, strict=True)
    )


def test_pieces_join_to_the_text(traces: list[Trace]) -> None:
    for trace in traces:
        assert "".join(trace.pieces) == trace.text
        assert len(trace.pieces) == len(trace.token_ids)
        assert "�" not in trace.text


def test_some_characters_are_split_over_tokens(traces: list[Trace]) -> None:
    split = [t for t in traces if t.category == "loop_emoji" and t.tokenizer == "smollm2-135m"]
    assert split
    assert all(0 in t.token_chars for t in split)


def test_only_verbatim_loops_have_an_exactly_periodic_end(traces: list[Trace]) -> None:
    for trace in traces:
        if trace.finish == "length":
            assert exactly_periodic(trace.token_ids) == (trace.label == "verbatim"), trace.uid


def test_verbatim_loops_begin_at_their_onset(traces: list[Trace]) -> None:
    for trace in traces:
        if trace.label == "verbatim":
            assert trace.onset is not None
            assert exactly_periodic(trace.token_ids[trace.onset :])
            assert len(trace.token_ids) - trace.onset >= 128


def test_near_and_counter_loops_are_long_enough(traces: list[Trace]) -> None:
    for trace in traces:
        if trace.label in ("circular", "counter"):
            assert trace.onset is not None
            assert len(trace.token_ids) - trace.onset >= 128, trace.uid


def test_circular_ends_come_after_progress_and_say_nothing_new(traces: list[Trace]) -> None:
    circular = [t for t in traces if t.category.startswith("circular_")]
    assert len(circular) == 64
    for trace in circular:
        assert trace.label == "circular"
        assert trace.onset is not None
        assert trace.onset >= 100, trace.uid
        assert len(trace.token_ids) - trace.onset >= 300, trace.uid
        assert 700 <= len(trace.token_ids) <= 1_500, trace.uid
        # Chinese has no blanks: its characters count as words, and digits one by one.
        words = re.findall(r"[\u4e00-\u9fff]|[^\W\d_]+|\d", trace.text.casefold())
        said = set(words[:-100])
        assert sum(word not in said for word in words[-100:]) <= 20, trace.uid


def test_every_scene_is_told() -> None:
    made = Counter(draft.prompt for _, _, draft in drafts())
    for file in SCENES.glob("*.toml"):
        if not file.stem.startswith("advancing_"):
            assert all(made[scene.prompt] == 1 for scene in scenes(file.stem)), file


_SPELLED = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety"
    " hundred and"
).replace(" ", "|")
_MONTHS = "|".join(calendar.month_name[1:])
_DAYS = "|".join(calendar.day_name)
FOLDS = {
    "count_marks": r"^\w+(?=\.)|(?<=^\()\w+|(?<=Part )\w+",
    "count_dates": rf"\d+|{_MONTHS}|{_DAYS}",
    "count_in_words": rf"\b(?:{_SPELLED})(?:[- ](?:{_SPELLED}))*\b",
    "count_with_slips": r"\d+",
    "count_timestamps": r"^[\d:]+",
}


@pytest.mark.parametrize("category", sorted(NOT_DIGITS))
def test_counts_that_are_no_digits_differ_in_their_count_alone(
    traces: list[Trace], category: str
) -> None:
    for trace in traces:
        if trace.category == category:
            loop = "".join(trace.pieces[trace.onset :])
            end = r"\n" if "\n" in loop else r"; |, |(?<=same\.) |(?<=again\.) "
            blocks = re.split(end, loop)[1:-1]
            assert len(blocks) >= 20
            assert len(set(blocks)) >= len(blocks) - len(blocks) // 15
            assert len({re.sub(FOLDS[category], "#", block) for block in blocks}) == 1, blocks


def test_no_trace_contradicts_the_definitions(traces: list[Trace]) -> None:
    assert [(t.uid, c) for t in traces if (c := contradiction(t))] == []


def test_a_wrong_label_is_a_contradiction(traces: list[Trace]) -> None:
    first = {t.label: t for t in reversed(traces) if t.finish == "length"}
    replace = msgspec.structs.replace
    assert contradiction(replace(first["verbatim"], label="none", onset=None))
    assert contradiction(replace(first["counter"], label="circular"))
    assert contradiction(replace(first["none"], label="verbatim", onset=0))
    assert contradiction(replace(first["none"], label="counter", onset=0))
    assert contradiction(replace(first["verbatim"], finish="stop"))
