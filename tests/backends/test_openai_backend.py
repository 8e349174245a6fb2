"""The backend against a server that misbehaves on purpose."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import pytest
from aiohttp import web
from fake_openai import DONE, HELLO, KEY, FakeServer, chat_event, event, refuse, stream

from loopbench.backends.openai.backend import BACKEND, OpenAIBackend, open_backend
from loopbench.errors import BackendError
from loopbench.types import Generation, Request, Sampling


class Watcher:
    """Asks to stop after a number of tokens."""

    def __init__(self, stop_after: int = 1 << 30) -> None:
        self.left = stop_after
        self.pieces: list[str] = []

    def push(self, ids: Sequence[int], pieces: Sequence[str]) -> bool:
        assert len(ids) == len(pieces) > 0
        self.left -= len(ids)
        self.pieces += pieces
        return self.left <= 0


def backend(server: FakeServer, **settings: Any) -> OpenAIBackend:
    quick = {"slots": 2, "wait_s": 0.01, "retry_s": 3.0, "stall_s": 5.0, "api": "completions"}
    return open_backend(server.url, **quick | settings)


def ask(count: int = 1, budget: int = 10, **more: Any) -> list[Request]:
    sampling = Sampling(max_new_tokens=budget)
    return [Request(key=f"k{i}", prompt="p", sampling=sampling, **more) for i in range(count)]


def run(
    server: FakeServer, requests: list[Request], stop_after: int = 1 << 30, **settings: Any
) -> list[Generation]:
    with backend(server, **settings) as opened:
        results = list(opened.generate(requests, lambda request: Watcher(stop_after)))
    assert sorted(r.key for r, _ in results) == sorted(r.key for r in requests)
    return [generation for _, generation in results]


def one(*replies: Any, requests: list[Request] | None = None, **settings: Any) -> Generation:
    known = {"owned_by": settings.pop("owned_by", "someone"), "ids": settings.pop("ids", False)}
    with FakeServer(*replies, **known) as server:
        (result,) = run(server, requests or ask(), **settings)
    return result


def test_a_stream_becomes_a_generation_in_declared_words() -> None:
    result = one(HELLO)
    assert (result.text, result.token_ids) == ("Hello there", [0, 1, 2])
    assert result.token_chars == [5, 1, 5]
    assert (result.finish, result.raw_finish, result.error) == ("stop", "stop", None)
    # The budget and the counts are in the server's tokens.
    assert (result.prompt_tokens, result.output_tokens) == (3, 2)


def test_token_ids_are_used_where_the_server_gives_them() -> None:
    reply = stream(event("He", token_ids=[5]), event("llo", token_ids=[6, 7]), event("", "stop"))
    result = one(reply, ids=True, owned_by="vllm")
    assert (result.token_ids, result.token_chars) == ([5, 6, 7], [2, 0, 3])
    assert result.output_tokens == 3


def test_the_description_names_engine_version_and_tokenization() -> None:
    with FakeServer(owned_by="vllm", ids=True) as server:
        info = BACKEND.describe(server.url)
    assert (info.name, info.engine, info.engine_version) == (
        "tiny",
        "vllm over HTTP (chat)",
        "0.99",
    )
    assert (info.tokenization, info.context_length) == ("model", 99)
    assert info.template_hash == "unknown"
    with FakeServer() as server:
        told = BACKEND.describe(f"{server.url}#tiny", api="completions")
        assert told.path == f"{server.url}#tiny"
    assert (told.tokenization, told.template_hash) == ("words-v2", None)
    assert told.fingerprint != info.fingerprint


def test_chat_is_the_default_and_its_reasoning_counts() -> None:
    reply = stream(
        chat_event(role="assistant"), chat_event(reasoning_content="Hm, "), chat_event(content="7"),
        chat_event("stop"),
    )  # fmt: skip
    with FakeServer(reply) as server:
        (result,) = run(server, ask(), api=None)
    assert server.paths == ["/v1/chat/completions"]
    assert server.bodies[0]["messages"] == [{"role": "user", "content": "p"}]
    assert result.text == "Hm, 7"


async def endless(
    server: FakeServer, request: web.Request, body: dict[str, Any]
) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(event("so "))
        await asyncio.sleep(0.001)


def test_an_early_stop_closes_the_stream_and_frees_the_slot() -> None:
    with FakeServer(endless) as server:
        results = run(server, ask(5, budget=1000), stop_after=6)
        until = time.monotonic() + 10
        while server.broken_off < 5 and time.monotonic() < until:
            time.sleep(0.01)
        assert server.broken_off == 5
    assert [(r.finish, r.raw_finish) for r in results] == [("loop", "watch")] * 5
    assert server.most_active <= 3


def test_a_servers_own_repetition_stop_is_a_loop() -> None:
    result = one(stream(event("so so so"), event("", "repetition"), DONE))
    assert (result.finish, result.raw_finish) == ("loop", "repetition")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_passing_refusals_are_tried_again(status: int) -> None:
    with FakeServer(refuse(status), refuse(status), HELLO) as server:
        (result,) = run(server, ask())
    assert (result.text, len(server.bodies)) == ("Hello there", 3)


def test_other_refusals_are_not() -> None:
    with FakeServer(refuse(400, "too long")) as server:
        (result,) = run(server, ask())
    assert (result.finish, result.error) == ("error", "HTTP 400: too long.")
    assert len(server.bodies) == 1


def test_a_pause_that_the_server_asks_for_is_kept() -> None:
    pauses: list[float] = []
    busy = refuse(429, **{"Retry-After": "1"})
    with FakeServer(busy, HELLO) as server, backend(server) as opened:
        pause = opened._pause
        opened._pause = lambda state: pauses.append(pause(state)) or 0.0  # type: ignore[method-assign, assignment, func-returns-value]
        list(opened.generate(ask(), lambda request: Watcher()))
    assert pauses[0] >= 1.0


def test_giving_up_is_an_error_of_that_request() -> None:
    with FakeServer(refuse(503, "busy")) as server:
        results = run(server, ask(2), retry_s=0.05)
    assert [r.error for r in results] == ["HTTP 503: busy."] * 2
    assert len(server.bodies) > 2


def test_a_break_before_any_output_is_tried_again() -> None:
    with FakeServer(stream(end=False), HELLO) as server:
        (result,) = run(server, ask())
    assert (result.text, len(server.bodies)) == ("Hello there", 2)


def test_a_partial_output_is_neither_repeated_nor_kept() -> None:
    watchers: list[Watcher] = []

    def watch(request: Request) -> Watcher:
        watchers.append(Watcher())
        return watchers[-1]

    breaks = stream(event("one two three "), end=False)
    with FakeServer(breaks, HELLO) as server, backend(server) as opened:
        ((_, result),) = opened.generate(ask(), watch)
    assert (result.finish, result.raw_finish, result.text) == ("error", "connection", "")
    assert "resume with --resume" in str(result.error)
    assert len(server.bodies) == 1
    assert watchers[0].pieces == ["one", " ", "two", " ", "three"]


@pytest.mark.parametrize("rest", [b"data: {broken\n\n", b": ping\n\n"])
def test_a_finished_answer_is_kept_whatever_follows(rest: bytes) -> None:
    for said in (event("one two"), b""):
        with FakeServer(stream(said, event("", "stop"), rest, end=False), HELLO) as server:
            (result,) = run(server, ask())
        assert (result.finish, result.error) == ("stop", None)
        assert result.text == ("one two" if said else "")
        assert len(server.bodies) == 1


def test_an_end_without_a_reason_is_no_end() -> None:
    result = one(stream(event("one two "), DONE))
    assert (result.finish, result.raw_finish) == ("error", "connection")


async def stalling(
    server: FakeServer, request: web.Request, body: dict[str, Any]
) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(event("one two "))
    while True:
        # Signs of life that bring no output.
        await response.write(b": ping\n\n")
        await asyncio.sleep(0.02)


def test_a_stalled_stream_times_out_whatever_comments_it_sends() -> None:
    result = one(stalling, stall_s=0.3)
    assert (result.finish, result.raw_finish) == ("error", "stalled")
    assert result.error == "The stream stalled: the server sent nothing for 0.3 s."


@pytest.mark.parametrize(
    ("sent", "complaint"),
    [
        (b"<html>hello</html>\n\n", "no event stream"),
        (b"data: {not json}\n\n", "it sent b'{not json}'"),
        (b'data: {"choices": {"text": 1}}\n\n', "it sent"),
        (b"data: " + b"x" * (3 << 20), "more than 1,048,576 bytes"),
        (b'data: {"error": {"message": "out of memory"}}\n\n', "out of memory."),
    ],
    ids=["html", "malformed", "wrong JSON", "huge line", "error event"],
)
def test_a_stream_that_cannot_be_read_is_one_sentence(sent: bytes, complaint: str) -> None:
    result = one(stream(sent))
    assert (result.finish, result.raw_finish) == ("error", "request_failed")
    assert complaint in str(result.error)
    assert len(str(result.error)) < 500


def test_unknown_reasons_to_end_are_errors_with_their_name() -> None:
    result = one(stream(event("I"), event("", "content_filter")))
    assert (result.finish, result.raw_finish) == ("error", "content_filter")
    assert result.error == "The server ended the stream with 'content_filter'."


def test_a_server_that_ignores_the_budget_is_stopped() -> None:
    assert one(endless, requests=ask(budget=2)).error == "The server goes on beyond max_tokens."


def test_slots_are_the_concurrency() -> None:
    async def slow(
        server: FakeServer, request: web.Request, body: dict[str, Any]
    ) -> web.StreamResponse:
        await asyncio.sleep(0.05)
        return await HELLO(server, request, body)

    with FakeServer(slow) as server:
        run(server, ask(7), slots=3)
    assert server.most_active == 3


def test_an_output_goes_on_after_its_part() -> None:
    part = {"prefix_ids": (7, 8), "prefix_text": "so far", "prefix_tokens": 4}
    with FakeServer() as server:
        run(server, ask(**part))
        assert server.bodies[0]["prompt"] == "pso far"
        assert server.bodies[0]["max_tokens"] == 6
        (refused,) = run(server, ask(**part), api="chat")
        assert "cannot go on after a part" in str(refused.error)
        (full,) = run(server, ask(budget=4, **part))
        assert (full.finish, full.raw_finish, full.text) == ("length", "limit", "")
    with FakeServer(owned_by="vllm", ids=True) as server:
        run(server, ask(**part), api="chat")
    assert server.bodies[0]["messages"] == [{"role": "user", "content": "p"}]
    assert server.bodies[1]["prompt"] == [11, 12, 7, 8]


def test_the_key_is_sent_and_told_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOPBENCH_API_KEY", KEY)
    with FakeServer(refuse(400, f"bad key {KEY}")) as server, backend(server) as opened:
        info = opened.info()
        ((_, result),) = opened.generate(ask(), lambda request: Watcher())
    assert server.keys == {f"Bearer {KEY}"}
    assert result.error == "HTTP 400: bad key ***."
    assert KEY not in repr(info)


def test_without_a_key_none_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOOPBENCH_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with FakeServer() as server:
        run(server, ask())
    assert server.keys == {None}


def test_the_model_must_be_clear() -> None:
    with FakeServer() as server:
        server.models = ["a", "b"]
        with pytest.raises(ValueError, match=r"several models, only a, b; name one as .*#NAME"):
            BACKEND.describe(server.url)
        with pytest.raises(ValueError, match="has no model 'c', only a, b"):
            BACKEND.describe(f"{server.url}#c")
        assert BACKEND.describe(f"{server.url}#b").name == "b"
        server.models = []
        with pytest.raises(BackendError, match="lists no models"):
            BACKEND.describe(server.url)


def test_where_nothing_answers_is_one_sentence() -> None:
    with FakeServer() as server:
        url = server.url
    with pytest.raises(BackendError, match="No server answers at"):
        BACKEND.describe(url)


@pytest.mark.parametrize(
    ("place", "complaint"),
    [
        ("http://user:pass@host/v1", "must hold no key"),
        ("http://host/v1?key=abc", "must hold no key"),
        ("http:///v1", "is no address"),
        ("localhost:8000", "is no address"),
    ],
)
def test_addresses_that_are_refused(place: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        BACKEND.describe(place)


def test_a_server_that_comes_back_is_used_again() -> None:
    with FakeServer() as server:
        opened = backend(server, slots=1, retry_s=20.0)
        port = server.port
        first = list(opened.generate(ask(), lambda request: Watcher()))
    again = FakeServer()
    again.port = port

    async def start_later() -> None:
        await asyncio.sleep(0.3)
        again.__enter__()

    with opened:
        opened._streams.call(_spawn(start_later))
        second = list(opened.generate(ask(), lambda request: Watcher()))
        again.__exit__(None, None, None)
    assert [g.text for _, g in first + second] == ["Hello there"] * 2


async def _spawn(coroutine: Any) -> None:
    asyncio.get_running_loop().create_task(coroutine())


def test_a_server_that_is_gone_is_not_waited_for_by_every_request() -> None:
    with FakeServer() as server:
        opened = backend(server, slots=1, retry_s=0.2)
    with opened:
        attempts: list[str] = []
        generate = opened._client.generate

        async def counted(request: Request, watch: Any) -> Generation:
            attempts.append(request.key)
            return await generate(request, watch)

        opened._client.generate = counted  # type: ignore[method-assign]
        results = list(opened.generate(ask(3), lambda request: Watcher()))
    assert [g.raw_finish for _, g in results] == ["connection"] * 3
    assert attempts.count("k0") > 1
    assert (attempts.count("k1"), attempts.count("k2")) == (1, 1)


def test_what_the_watcher_raises_is_raised() -> None:
    class Broken:
        def push(self, ids: Sequence[int], pieces: Sequence[str]) -> bool:
            raise ZeroDivisionError

    with FakeServer() as server, backend(server) as opened, pytest.raises(ZeroDivisionError):
        list(opened.generate(ask(), lambda request: Broken()))
