from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopbench import backends
from loopbench.backends.parts.cores import busy_time, free_cores
from loopbench.backends.parts.llama_server.stream import (
    Event,
    EventReader,
    completion_body,
    decode_event,
    end_of,
    samplers,
)
from loopbench.backends.parts.llama_server.vocabulary import Vocabulary, token_bytes
from loopbench.backends.parts.seeds import request_seed
from loopbench.backends.parts.sse import EventDecoder
from loopbench.models.info import slot_context
from loopbench.naming import UnknownNameError
from loopbench.types import Sampling

STAR = "🌟".encode()
TABLE = {1: STAR[:2], 2: STAR[2:3], 3: STAR[3:], 4: STAR[:3], 5: b" a", 6: STAR[:1]}


def event(content: str, tokens: list[int], predicted: int) -> Event:
    return Event(content=content, tokens=tokens, tokens_predicted=predicted)


def test_free_cores() -> None:
    assert [free_cores(8, load) for load in (0.0, 0.4, 2.6, 7.9, 30.0)] == [8, 8, 5, 1, 1]
    assert free_cores(1, 0.0) == 1


def test_busy_time_counts_the_allowed_cores_only() -> None:
    stat = (
        "cpu  9 9 9 9 9 9 9 9 9 9\n"
        "cpu0 10 1 5 900 70 2 3 4 8 0\n"
        "cpu1 1000 0 0 0 0 0 0 0 0 0\n"
        "intr 5 6\n"
    )
    assert busy_time(stat, {0}) == 25
    assert busy_time(stat, {0, 1}) == 1025


def test_slot_context_is_rounded_up_to_whole_steps() -> None:
    assert slot_context(1024, 1022) == 2048
    assert slot_context(1024, 1023) == 2304


def test_ids_that_the_server_withholds_are_recovered() -> None:
    reader = EventReader(Vocabulary(TABLE))
    assert reader.read(event(" a", [5], 1)) == ([5], [" a"])
    assert reader.read(event("🌟", [3], 4)) == ([1, 2, 3], ["", "", "🌟"])
    assert reader.read(event("🌟", [3], 6)) == ([4, 3], ["", "🌟"])
    assert reader.read(event("", [9], 7)) == ([9], [""])
    assert reader.read(Event(stop=True, tokens_predicted=7, stop_type="eos")) == ([], [])
    assert reader.predicted == 7


def test_ids_that_cannot_be_recovered_are_left_out_not_invented() -> None:
    reader = EventReader(Vocabulary({}))
    assert reader.read(event("🌟", [3], 3)) == ([3], ["🌟"])
    assert reader.read(event("\ufffd\ufffdx", [5], 6)) == ([5], ["\ufffd\ufffdx"])
    assert reader.predicted == 6


def test_of_several_splits_the_longest_first_is_taken() -> None:
    assert Vocabulary(TABLE).recover("🌟", 3, 2) == [1, 2]
    assert Vocabulary(TABLE).recover("🌟", 3, 3) == [6, 3, 2]
    assert Vocabulary(TABLE).recover("🌟", 3, 4) is None
    assert Vocabulary(TABLE).recover("🌟", 99, 2) is None


def test_token_bytes_of_both_tokenisers() -> None:
    byte_level = token_bytes("gpt2", ["Ġa".encode(), "ðŁ".encode(), b"<|end|>"], [1, 1, 3])
    assert byte_level == {0: b" a", 1: b"\xf0\x9f"}
    pieces = token_bytes("llama", ["▁a".encode(), b"<0xF0>", b"<s>"], [1, 6, 3])
    assert pieces == {0: b" a", 1: b"\xf0"}
    assert token_bytes("bert", [b"a"], [1]) == {}


@given(st.lists(st.integers(1, 40), max_size=6))
def test_events_do_not_depend_on_where_the_network_cuts(cuts: list[int]) -> None:
    raw = (
        'data: {"content":"é🌟","tokens":[4],"tokens_predicted":1,"new_field":{}}\n\n'
        ': ping\n\ndata: {"stop":true,"stop_type":"limit","tokens_predicted":1}\n\n'
    ).encode()
    decoder, events, start = EventDecoder(), [], 0
    for size in [*cuts, len(raw)]:
        events += map(decode_event, decoder.feed(raw[start : start + size]))
        start += size
    assert events == [
        event("é🌟", [4], 1),
        Event(stop=True, stop_type="limit", tokens_predicted=1),
    ]


def test_finish() -> None:
    assert end_of(Event(stop_type="eos")) == ("stop", "eos")
    assert end_of(Event(stop_type="word")) == ("stop", "word")
    assert end_of(Event(stop_type="limit")) == ("length", "limit")
    assert end_of(Event(stop_type="limit", truncated=True)) == ("length", "limit (context full)")
    assert end_of(Event()) == ("error", "none")


def test_only_the_samplers_that_were_asked_for_are_applied() -> None:
    assert samplers(Sampling()) == ["temperature"]
    asked = Sampling(top_k=5, top_p=0.9, min_p=0.1, repetition_penalty=1.1)
    assert samplers(asked) == ["penalties", "temperature", "top_k", "top_p", "min_p"]
    body = completion_body([1, 2], Sampling(temperature=0.1), 7, "key", 256)
    assert body["prompt"] == [1, 2]
    assert body["n_predict"] == 7
    assert body["cache_prompt"] is False
    assert (body["top_k"], body["top_p"], body["min_p"]) == (0, 1.0, 0.0)


def test_seeds_are_fixed_independent_and_never_the_random_one() -> None:
    assert request_seed(0, "a") == request_seed(0, "a")
    assert len({request_seed(s, k) for s in (0, 1) for k in ("a", "b")}) == 4
    assert all(0 <= request_seed(0, str(i)) < 1 << 31 for i in range(100))


def test_registry() -> None:
    assert {"llamacpp", "openai", "replay", "transformers"} <= set(backends.names())
    assert backends.get("llamacpp").name == "llamacpp"
    with pytest.raises(UnknownNameError, match="Did you mean 'llamacpp'"):
        backends.get("lamacpp")
