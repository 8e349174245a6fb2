"""The backend against llama.cpp's own HTTP server with the real SmolLM2 file."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from test_llamacpp_real import model

from loopbench.backends.llamacpp.backend import open_backend as open_llamacpp
from loopbench.backends.llamacpp.process import EngineProcess
from loopbench.backends.openai.backend import BACKEND, OpenAIBackend, open_backend
from loopbench.types import Generation, Request, Sampling

pytestmark = pytest.mark.slow
PROMPTS = ("Say hi.", "Count from 1 to 30.", "Name three colours.")


class Watcher:
    def __init__(self, stop_after: int = 1 << 30) -> None:
        self.left = stop_after

    def push(self, ids: Sequence[int], pieces: Sequence[str]) -> bool:
        self.left -= len(ids)
        return self.left <= 0


class Server:
    """llama-server in a child process, on a port that it keeps when it is started again."""

    def __init__(self, key: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        settings = {
            "path": str(model()), "slots": 2, "context_per_slot": 1024, "threads": 1, "port": port,
            "micro_batch": 512, "poll": 0, "seed": 0, "gpu_layers": 0,
            "flash_attention": False,
        }  # fmt: skip
        self.engine = EngineProcess(settings, 120.0)
        self.engine._settings["secret"] = key
        self.url = f"{self.engine.start()}/v1"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("LOOPBENCH_API_KEY", "key-of-the-test")
    started = Server("key-of-the-test")
    try:
        yield started
    finally:
        started.engine.stop()


def ask(budget: int, prompts: Sequence[str] = PROMPTS, **more: Any) -> list[Request]:
    sampling = Sampling(max_new_tokens=budget)
    return [Request(key=f"{i}", prompt=p, sampling=sampling, **more) for i, p in enumerate(prompts)]


def run(
    opened: OpenAIBackend, requests: list[Request], stop_after: int = 1 << 30
) -> list[Generation]:
    done = {r.key: g for r, g in opened.generate(requests, lambda r: Watcher(stop_after))}
    return [done[r.key] for r in requests]


def test_its_own_route_gives_the_ids_of_the_engine_itself(server: Server) -> None:
    info = BACKEND.describe(server.url)
    assert (info.engine, info.tokenization) == ("llama-server over HTTP (native)", "model")
    assert (info.quantization, info.parameters) == ("Q4_1", 134515008)
    with open_backend(server.url, deterministic=True) as remote:
        over_http = run(remote, ask(24))
        part = tuple(over_http[1].token_ids[:9])
        (rest,) = run(remote, ask(24, PROMPTS[1:2], prefix_ids=part))
        stopped = run(remote, ask(500), stop_after=5)
    with open_llamacpp(model(), slots=1, threads=1, context_per_slot=1024) as local:
        assert local.info().template_hash == info.template_hash
        here = {r.key: g for r, g in local.generate(ask(24), lambda r: Watcher())}
    assert [g.token_ids for g in over_http] == [here[str(i)].token_ids for i in range(3)]
    assert len(part) + len(rest.token_ids) == len(over_http[1].token_ids)
    assert [(g.finish, len(g.token_ids)) for g in stopped] == [("loop", 5)] * 3


@pytest.mark.parametrize("api", ["chat", "completions"])
def test_the_common_routes_give_declared_words(server: Server, api: str) -> None:
    info = BACKEND.describe(server.url, api=api)
    assert info.tokenization == "words-v2"
    with open_backend(server.url, api=api, slots=2) as opened:
        results = run(opened, ask(24))
        stopped = run(opened, ask(500, ["Write a very long story."] * 3), stop_after=5)
        part = {"prefix_ids": (0, 1), "prefix_text": "Once upon", "prefix_tokens": 4}
        (rest,) = run(opened, ask(8, PROMPTS[:1], **part))
    for result in results:
        assert result.finish in ("stop", "length")
        assert 0 < result.output_tokens <= 24
        assert sum(result.token_chars) == len(result.text) > 0
        assert result.prompt_tokens > 0
    assert [g.finish for g in stopped] == ["loop"] * 3
    assert rest.error is None
    assert rest.output_tokens <= 4


def test_a_server_killed_and_started_again_costs_only_what_was_in_flight(server: Server) -> None:
    requests = ask(200, ["Write a very long story."] * 2) + [
        Request(key=f"later{i}", prompt=PROMPTS[0], sampling=Sampling(max_new_tokens=5))
        for i in range(4)
    ]
    pid = server.engine.pid
    assert pid

    def restart() -> None:
        os.kill(pid, signal.SIGKILL)
        time.sleep(1.0)
        server.engine.start()

    restarting = threading.Thread(target=restart)

    class Killer(Watcher):
        def push(self, ids: Sequence[int], pieces: Sequence[str]) -> bool:
            self.left -= len(ids)
            if self.left == (1 << 30) - 20 and not restarting.ident:
                restarting.start()
            return False

    with open_backend(server.url, slots=2, retry_s=120.0, wait_s=0.2) as opened:
        results = {r.key: g for r, g in opened.generate(requests, lambda r: Killer())}
    restarting.join()
    lost = [key for key, g in results.items() if g.finish == "error"]
    assert sorted(lost) == ["0", "1"]
    assert all("resume with --resume" in str(results[key].error) for key in lost)
    assert {len(results[f"later{i}"].token_ids) for i in range(4)} == {5}
