"""Reading the streams of OpenAI-compatible servers, without a server."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopbench.backends.openai.stream import (
    Choice,
    ChoiceReader,
    Delta,
    WordStream,
    cannot_set,
    chat_fields,
    decode_chunk,
    end_of,
    request_body,
)
from loopbench.backends.parts.sse import EventDecoder, StreamError
from loopbench.detectors.parts.tokens import fallback_tokens
from loopbench.types import Message, Request, Sampling

STREAM = b'data: {"a":1}\n\n: ping\n\nevent: x\ndata: two\ndata: lines\r\n\r\ndata:[DONE]\n\n'


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_events_do_not_depend_on_how_the_network_cuts_them(cuts: list[int]) -> None:
    decoder, edges = EventDecoder(), [0, *sorted(cuts), len(STREAM)]
    events = [e for a, b in itertools.pairwise(edges) for e in decoder.feed(STREAM[a:b])]
    assert events == [b'{"a":1}', b"two\nlines", b"[DONE]"]


def test_what_is_no_event_stream_is_refused() -> None:
    with pytest.raises(StreamError, match="more than 10 bytes"):
        EventDecoder(limit=10).feed(b"data: " + b"x" * 20)
    for line in (b"<html>\n", b'{"error": 1}\n', b"nonsense\n"):
        with pytest.raises(StreamError, match="no event stream"):
            EventDecoder().feed(line)


@pytest.mark.parametrize(
    "data",
    [b"{", b"[]", b'{"choices": 1}', b'{"choices": [{"text": 3}]}', b"\xff", b'{"a":' * 9999],
)
def test_wrong_json_is_a_stream_error(data: bytes) -> None:
    with pytest.raises(StreamError, match="it sent"):
        decode_chunk(data)


def test_errors_inside_a_stream_are_found() -> None:
    assert decode_chunk(b'{"error": {"message": "full"}}').problem == "full"
    assert decode_chunk(b'{"error": "full"}').problem == "full"
    assert decode_chunk(b'{"object": "error", "message": "full"}').problem == "full"
    assert decode_chunk(b'{"choices": []}').problem is None


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("stop", "stop"), ("eos", "stop"), ("length", "length"), ("max_tokens", "length"),
        ("repetition", "loop"), ("content_filter", "error"), ("abort", "error"),
    ],
)  # fmt: skip
def test_finish_reasons_are_normalised_and_kept(reason: str, finish: str) -> None:
    assert end_of(Choice(finish_reason=reason)) == (finish, reason)
    assert end_of(Choice(finish_reason=reason, stop_reason="###"))[1] == f"{reason} (###)"


RUNS = st.lists(
    st.tuples(st.sampled_from("ab 1.-\n\té我👍"), st.integers(1, 40)).map(
        lambda run: run[0] * run[1]
    ),
    max_size=12,
).map("".join)


@given(st.one_of(st.text(alphabet="ab 1.\n\té👍", max_size=60), RUNS), st.integers(1, 7))
def test_words_come_out_the_same_in_chunks(text: str, size: int) -> None:
    words, ids, pieces = WordStream(), [], []
    for start in range(0, len(text), size):
        new_ids, new = words.feed(text[start : start + size])
        ids, pieces = ids + new_ids, pieces + new
    new_ids, new = words.end()
    assert (ids + new_ids, pieces + new) == fallback_tokens(text)


def test_a_word_that_the_budget_cut_has_the_id_of_the_whole() -> None:
    words = WordStream()
    ids, _ = words.feed("so it goes, " * 20 + "so it go")
    assert words.end() == ([ids[4]], ["go"])


def test_words_of_a_continuation_have_the_ids_of_the_whole() -> None:
    ids, pieces = fallback_tokens("so it goes, so it")
    words = WordStream("so it goes, ")
    assert [words.feed("so it"), words.end()] == [(ids[7:9], pieces[7:9]), (ids[9:], pieces[9:])]
    assert ids[7:] == ids[:3]


def test_an_endless_word_comes_out_letter_by_letter() -> None:
    words = WordStream()
    assert words.feed("a" * 30) == ([], [])
    assert words.feed("aaaa") == ([0] * 33, ["a"] * 33)
    for _ in range(20_000):
        assert words.feed("aaaa") == ([0] * 4, ["a"] * 4)
    assert words.end() == ([0], ["a"])


def test_output_with_ids_books_text_on_the_last_of_them() -> None:
    reader = ChoiceReader(gives_ids=True)
    assert reader.read(Choice(text="He", token_ids=[5])) == ([5], ["He"])
    assert reader.read(Choice(text="llo you", token_ids=[6, 7])) == ([6, 7], ["", "llo you"])
    assert reader.read(Choice(text="!")) == ([], [])
    assert (reader.chunks, reader.end()) == (3, ([], []))


def test_reasoning_is_part_of_the_output() -> None:
    assert Choice(delta=Delta(reasoning_content="so ")).added == "so "
    assert Choice(delta=Delta(reasoning="so ", content="7")).added == "so 7"
    assert Choice(delta=Delta()).added == ""


def body(engine: str, **sampling: Any) -> dict[str, Any]:
    request = Request(key="k", prompt="p", sampling=Sampling(**sampling))
    return request_body("m", request, engine=engine, context=99, asks_ids=False)


def test_nothing_is_left_to_a_server_that_knows_the_field() -> None:
    plain = {"temperature": 0.0, "top_p": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0}
    for engine in ("vllm", "sglang"):
        off = plain | {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}
        assert off.items() <= body(engine).items()
    assert plain.items() <= body("unknown").items()
    assert {"top_k", "min_p", "repetition_penalty", "return_token_ids"}.isdisjoint(body("unknown"))
    asked = body("unknown", top_k=5, min_p=0.1, repetition_penalty=1.1)
    assert (asked["top_k"], asked["min_p"], asked["repetition_penalty"]) == (5, 0.1, 1.1)
    assert body("lmstudio", repetition_penalty=1.1)["repeat_penalty"] == 1.1
    assert json.dumps(body("vllm", seed=3))
    assert body("vllm", seed=3)["seed"] != body("vllm", seed=4)["seed"]


def test_the_servers_of_llama_cpp_get_every_sampler() -> None:
    sent = body("llama-server", min_p=0.1)
    assert (sent["top_k"], sent["min_p"], sent["repeat_penalty"]) == (0, 0.1, 1.0)
    assert sent["samplers"] == ["temperature", "min_p"]
    assert (sent["max_tokens"], sent["stream"], sent["repeat_last_n"]) == (1024, True, 99)
    assert {"prompt", "n_predict"}.isdisjoint(sent)


def test_what_a_server_would_ignore_is_told() -> None:
    assert cannot_set(Sampling(temperature=0.5, top_p=0.9), "ollama") is None
    for asked in (Sampling(top_k=5), Sampling(min_p=0.1), Sampling(repetition_penalty=1.1)):
        assert "Ollama" in str(cannot_set(asked, "ollama"))
        assert cannot_set(asked, "vllm") is None


def test_a_prefix_counts_in_the_servers_tokens() -> None:
    more = {"key": "k", "prompt": "p", "sampling": Sampling(max_new_tokens=10)}
    known = Request(**more, prefix_ids=(1, 2, 3), prefix_tokens=6)
    assert request_body("m", known, engine="vllm", context=99, asks_ids=True)["max_tokens"] == 4
    unknown = Request(**more, prefix_ids=(1, 2, 3))
    assert request_body("m", unknown, engine="vllm", context=99, asks_ids=True)["max_tokens"] == 7


def test_a_chat_goes_on_where_the_server_can() -> None:
    request = Request(key="k", prompt="p", sampling=Sampling(), prefix_text="so far")
    for engine in ("vllm", "sglang"):
        fields = chat_fields(request, engine)
        assert fields and fields["continue_final_message"] is True
        assert fields["messages"][1] == {"role": "assistant", "content": "so far"}
    assert chat_fields(request, "ollama") == {
        "messages": [
            {"role": "user", "content": "p"},
            {"role": "assistant", "content": "so far"},
        ]
    }
    assert chat_fields(request, "unknown") is None


def test_a_conversation_is_sent_as_its_messages() -> None:
    turns = (
        Message(role="user", content="q"),
        Message(role="assistant", content="a"),
        Message(role="user", content="r"),
    )
    request = Request(key="k", prompt="plain", sampling=Sampling(), messages=turns)
    assert chat_fields(request, "ollama") == {
        "messages": [
            {"role": "user", "content": "q"},
            {"role": "assistant", "content": "a"},
            {"role": "user", "content": "r"},
        ]
    }
    bare = Request(key="k", prompt="plain", sampling=Sampling())
    assert bare.chat() == [{"role": "user", "content": "plain"}]
