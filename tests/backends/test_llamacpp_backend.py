"""The backend against a server that misbehaves on purpose."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from fake_llama import FakeEngine, sse
from models.gguf_bytes import PLAIN

from loopbench.backends.llamacpp import backend as llamacpp
from loopbench.backends.llamacpp.backend import LlamaCppBackend, open_backend
from loopbench.backends.parts.llama_server.client import StreamLimits
from loopbench.errors import BackendError
from loopbench.models.gguf import GGUFError
from loopbench.types import Generation, Message, ModelInfo, Request, Sampling

INFO = ModelInfo(
    name="fake",
    path="/fake.gguf",
    fingerprint="sha256:0",
    architecture="llama",
    parameters=1,
    quantization="F32",
    context_length=64,
    template_hash=None,
    engine="fake",
    engine_version="0",
)


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


def backend(engine: FakeEngine, slots: int = 2, **settings: Any) -> LlamaCppBackend:
    limits = StreamLimits(
        context=settings.pop("context", 64),
        stall_s=settings.pop("stall_s", 5.0),
        template_s=settings.pop("template_s", 5.0),
    )
    settings.setdefault("templated", False)
    return LlamaCppBackend(engine, INFO, slots=slots, limits=limits, **settings)


def ask(count: int, prompt: str = "a b", budget: int = 10, **more: Any) -> list[Request]:
    sampling = Sampling(max_new_tokens=budget)
    return [Request(key=f"k{i}", prompt=prompt, sampling=sampling, **more) for i in range(count)]


def run(
    engine: FakeEngine, requests: list[Request], stop_after: int = 1 << 30, **settings: Any
) -> list[Generation]:
    with backend(engine, **settings) as opened:
        results = list(opened.generate(requests, lambda request: Watcher(stop_after)))
    assert sorted(r.key for r, _ in results) == sorted(r.key for r in requests)
    return [generation for _, generation in results]


def test_no_connection_is_used_twice() -> None:
    # The server closes idle connections; a request written into one just then would be lost.
    engine = FakeEngine()
    run(engine, ask(6), templated=True)
    assert len(set(engine.connections)) == len(engine.connections) >= 18


async def endless(engine: FakeEngine, response: web.StreamResponse, body: dict[str, Any]) -> None:
    for n in range(1, 100_000):
        await response.write(sse(content="x", tokens=[7], tokens_predicted=n))
        await asyncio.sleep(0.001)


async def silent(engine: FakeEngine, response: web.StreamResponse, body: dict[str, Any]) -> None:
    await response.write(sse(content="x", tokens=[7], tokens_predicted=1))
    await asyncio.sleep(60)


async def die(engine: FakeEngine, response: web.StreamResponse, body: dict[str, Any]) -> None:
    await response.write(sse(content="x", tokens=[7], tokens_predicted=1))
    engine.death = "signal 9 (SIGKILL)"
    raise ConnectionResetError


def test_a_stream_becomes_a_generation() -> None:
    (result,) = run(FakeEngine(), ask(1))
    assert (result.text, result.token_ids) == ("one two three", [1, 2, 3])
    assert result.token_chars == [3, 4, 6]
    assert (result.finish, result.raw_finish, result.error) == ("stop", "eos", None)
    assert (result.prompt_tokens, result.output_tokens) == (3, 3)
    assert result.seconds > 0


TURNS = (
    Message(role="user", content="a b"),
    Message(role="assistant", content="c"),
    Message(role="user", content="d"),
)


def test_a_conversation_goes_through_the_template_as_messages() -> None:
    engine = FakeEngine()
    (generation,) = run(engine, ask(1, "plain text", messages=TURNS), templated=True)
    assert engine.messages == [
        {"role": "user", "content": "a b"},
        {"role": "assistant", "content": "c"},
        {"role": "user", "content": "d"},
    ]
    assert engine.bodies[0]["prompt"] == [1, 1, 100, 100, 100, 100]
    assert generation.prompt_tokens == 6


def test_without_a_template_a_conversation_is_its_plain_text() -> None:
    engine = FakeEngine()
    run(engine, ask(1, "User: a Assistant:", messages=TURNS), templated=False)
    assert engine.messages == []
    assert engine.bodies[0]["prompt"] == [1, 100, 100, 100]


def test_the_template_is_applied_and_a_double_bos_dropped() -> None:
    engine = FakeEngine()
    run(engine, ask(1), templated=True, bos_id=1)
    assert engine.bodies[0]["prompt"] == [1, 100, 100]


def test_prefix_ids_follow_the_prompt_and_count_against_the_budget() -> None:
    engine = FakeEngine()
    (result,) = run(engine, ask(1, prefix_ids=(5, 6)))
    assert engine.bodies[0]["prompt"] == [1, 100, 100, 5, 6]
    assert engine.bodies[0]["n_predict"] == 8
    assert result.prompt_tokens == 3
    (nothing_left,) = run(engine, ask(1, budget=2, prefix_ids=(5, 6)))
    assert (nothing_left.finish, nothing_left.token_ids) == ("length", [])


def test_slots_are_filled_and_requests_taken_only_when_one_is_free() -> None:
    engine, taken = FakeEngine(), []

    def lazily() -> Iterator[Request]:
        for request in ask(7):
            taken.append(request.key)
            yield request

    with backend(engine, slots=3) as opened:
        for number, _ in enumerate(opened.generate(lazily(), lambda r: Watcher()), 1):
            assert len(taken) <= number + 2
    assert len(taken) == 7
    assert 1 <= engine.most_active <= 3


def test_a_watcher_stops_its_stream_at_once_and_frees_the_slot() -> None:
    engine = FakeEngine(endless)
    results = run(engine, ask(6), stop_after=5)
    assert [(r.finish, r.raw_finish) for r in results] == [("loop", "watch")] * 6
    assert all(5 == len(r.token_ids) == len(r.text) for r in results)
    assert engine.broken_off == 6


def test_a_prompt_that_is_too_long_is_an_error_of_its_own() -> None:
    engine = FakeEngine()
    results = run(engine, [*ask(1, prompt="a " * 60), *ask(1)[:0]])
    assert results[0].finish == "error"
    assert results[0].error == (
        "The prompt has 61 tokens; with a budget of 10 it needs 73 of the 64 tokens of a slot."
    )
    assert engine.bodies == []


def test_a_refusal_of_the_server_is_an_error_generation() -> None:
    async def refuse(engine: FakeEngine, response: web.StreamResponse, body: Any) -> None:
        await response.write(b'error: {"message": "no room", "code": 500}\n\n')

    async def rubbish(engine: FakeEngine, response: web.StreamResponse, body: Any) -> None:
        await response.write(b"data: {nonsense\n\n")

    (result,) = run(FakeEngine(refuse), ask(1))
    assert (result.finish, result.error) == ("error", "no room")
    (result,) = run(FakeEngine(rubbish), ask(1))
    assert result.error and "cannot be read" in result.error


def test_an_output_whose_ids_were_withheld_is_generated_again_unstreamed() -> None:
    async def invalid(engine: FakeEngine, response: web.StreamResponse, body: Any) -> None:
        if body["stream"]:
            await response.write(sse(content="\ufffd" * 9, tokens=[7], tokens_predicted=9))
            await response.write(sse(stop=True, stop_type="limit", tokens_predicted=9))
        else:
            whole = {"content": "\ufffd" * 9, "tokens": [7] * 9, "tokens_predicted": 9}
            await response.write(json.dumps(whole | {"stop_type": "limit"}).encode())

    (result,) = run(FakeEngine(invalid), ask(1))
    assert (result.finish, result.token_ids) == ("length", [7] * 9)
    assert result.token_chars == [0] * 8 + [9]
    assert len(result.text) == 9


def test_a_stalled_engine_is_ended_and_never_hangs_the_run() -> None:
    engine = FakeEngine(silent)
    engine.starts_allowed = 1
    started = time.monotonic()
    results = run(engine, ask(8), stall_s=0.3)
    assert time.monotonic() - started < 4
    assert [r.finish for r in results] == ["error"] * 8
    assert any(r.error and "sent nothing for 0.3 s" in r.error for r in results)
    assert any(r.error and "was stuck and was ended" in r.error for r in results)


def test_a_crash_loses_the_streams_in_flight_and_the_rest_is_run() -> None:
    async def die_once(engine: FakeEngine, response: web.StreamResponse, body: Any) -> None:
        if engine.starts == 1:
            await die(engine, response, body)
        for n in range(1, 4):
            await response.write(sse(content="y", tokens=[n], tokens_predicted=n))
        await response.write(sse(stop=True, stop_type="limit", tokens_predicted=3))

    engine = FakeEngine(die_once)
    results = run(engine, ask(6), slots=1)
    assert [r.finish for r in results] == ["error"] + ["length"] * 5
    assert results[0].error == (
        "The engine stopped (signal 9 (SIGKILL)); 1 stream was lost; resume with --resume."
    )
    assert engine.starts == 2


def test_an_engine_that_keeps_dying_is_given_up() -> None:
    engine = FakeEngine(die)
    started = time.monotonic()
    results = run(engine, ask(40), slots=1)
    assert time.monotonic() - started < 5
    assert all(r.finish == "error" for r in results)
    assert engine.starts == 2
    assert results[-1].error and results[-1].error.startswith("Not run: the engine stopped")


def test_leaving_the_loop_cancels_the_streams() -> None:
    engine = FakeEngine(endless)
    with backend(engine) as opened:
        stream = opened.generate(ask(9), lambda r: Watcher(3 if r.key == "k0" else 1 << 30))
        next(stream)
        stream.close()  # type: ignore[attr-defined]
        deadline = time.monotonic() + 3
        while engine.active and time.monotonic() < deadline:
            time.sleep(0.01)
        assert engine.active == 0


def test_a_bug_in_a_watcher_is_raised_not_recorded() -> None:
    class Broken:
        def push(self, ids: Sequence[int], pieces: Sequence[str]) -> bool:
            raise ZeroDivisionError

    with backend(FakeEngine()) as opened, pytest.raises(ZeroDivisionError):
        list(opened.generate(ask(3), lambda r: Broken()))


def test_a_template_that_never_ends_is_refused_when_the_model_is_opened() -> None:
    engine = FakeEngine()
    engine.template_delay = 30
    with pytest.raises(BackendError, match=r"chat template cannot be rendered: .* 0\.2 s"):
        backend(engine, templated=True, template_s=0.2)


def test_a_conversation_is_rendered_without_being_generated_from() -> None:
    engine = FakeEngine()
    with backend(engine, templated=False) as opened:
        assert opened.render([{"role": "user", "content": "Hi"}]) == "<bos> Hi"
        list(opened.generate(ask(1), lambda request: Watcher()))
        # A prompt that was rendered before goes through no template a second time.
        assert engine.bodies[0]["prompt"] == [1, 100, 100]


def test_a_conversation_that_cannot_be_rendered_is_a_failure_with_a_sentence() -> None:
    engine = FakeEngine()
    with backend(engine, template_s=0.1) as opened:
        engine.template_delay = 30
        with pytest.raises(BackendError, match="chat template cannot be rendered"):
            opened.render([{"role": "user", "content": "Hi"}])


def test_close_is_idempotent_and_a_closed_backend_says_so() -> None:
    opened = backend(FakeEngine())
    opened.close()
    opened.close()
    with pytest.raises(BackendError, match="closed"):
        list(opened.generate(ask(1), lambda r: Watcher()))


def test_opening_without_the_engine_gives_the_pip_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(PLAIN)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BackendError, match=r"pip install 'loopbench-edge\[gguf\]'"):
        open_backend(path)


def test_bad_files_and_budgets_are_refused_before_anything_starts(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(PLAIN[:-1])
    with pytest.raises(GGUFError, match="truncated"):
        open_backend(path)
    path.write_bytes(PLAIN)
    with pytest.raises(BackendError, match="at least 1 token, got 0"):
        open_backend(path, max_new_tokens=0)
    with pytest.raises(BackendError, match=r"trained for 2,048 .* Use --max-new-tokens 1022"):
        open_backend(path, max_new_tokens=32_768)


def test_a_file_that_llama_cpp_refuses_gives_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(PLAIN)
    with pytest.raises(BackendError, match=r"llama\.cpp cannot load .*x\.gguf: ") as caught:
        llamacpp.open_backend(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("templated", "end", "opened"),
    [(True, "", False), (True, " <think>\n", True), (True, " <think> </think>", False)],
)
def test_a_template_that_opens_the_thinking_is_noted(
    templated: bool, end: str, opened: bool
) -> None:
    engine = FakeEngine()
    engine.template_end = end
    (made,) = run(engine, ask(1), templated=templated)
    assert made.opened_thinking is opened


def test_a_schema_reaches_the_server_and_its_absence_leaves_no_field() -> None:
    engine = FakeEngine()
    schema = {"type": "array", "items": {"type": "integer"}}
    run(engine, ask(1, json_schema=schema))
    run(other := FakeEngine(), ask(1))
    assert engine.bodies[0]["json_schema"] == schema
    assert "json_schema" not in other.bodies[0]
