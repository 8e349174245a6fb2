"""What an actor holds, without an actor."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import ANSWER, LOOP, FakeFactory

from loopbench.backends.forms import Target
from loopbench.distributed import cluster, worker
from loopbench.distributed.worker import Worker
from loopbench.errors import BackendError
from loopbench.harness.plan import settings_of
from loopbench.judging.rules import STOP, detectors_of
from loopbench.types import Request, Sampling

TARGET = Target(backend="llamacpp", place="/m/a.gguf", name="a")
RULES = detectors_of(STOP)


def request(key: str, budget: int = 600) -> Request:
    return Request(key=key, prompt=key, sampling=Sampling(max_new_tokens=budget))


def loaded(monkeypatch: Any, script: Any) -> FakeFactory:
    factory = FakeFactory(script)
    opened = factory.open

    def open_with_info(place: str, **settings: Any) -> Any:
        backend: Any = opened(place, **settings)
        backend.info = lambda: factory.describe(place)
        return backend

    monkeypatch.setattr(factory, "open", open_with_info)
    monkeypatch.setattr(worker, "backends", SimpleNamespace(get=lambda name: factory))
    return factory


def test_streams_are_watched_and_counted_where_they_are_generated(monkeypatch) -> None:
    loaded(monkeypatch, lambda r: (LOOP, "length") if r.key == "loop" else (ANSWER, "stop"))

    async def both() -> Any:
        actor = Worker()
        model, _ = await actor.load(TARGET, {})
        results = await asyncio.gather(
            actor.run(request("loop"), RULES),
            actor.run(request("answer"), RULES),
            actor.run(request("unwatched", 300), ()),
        )
        tokens = await actor.tokens(), await actor.tokens()
        await actor.close()
        return model, results, tokens

    model, (loop, answer, _), tokens = asyncio.run(both())
    assert model.name == "a"
    assert (loop.finish, loop.output_tokens) == ("loop", 256)
    assert (answer.finish, answer.text) == ("stop", "The answer is 7.")
    assert tokens == (256 + 4 + 4, 0)


def test_tokens_of_a_stream_that_still_runs_are_counted_once(monkeypatch) -> None:
    loaded(monkeypatch, lambda r: (ANSWER, "stop"))
    asked: list[int] = []

    async def ask_after_every_token() -> int:
        actor, loop = Worker(), asyncio.get_running_loop()

        class Asking:
            """A rule that asks for the tokens so far, and never fires."""

            def watch(self) -> Asking:
                return self

            def push(self, ids: Any, pieces: Any) -> None:
                coming = asyncio.run_coroutine_threadsafe(actor.tokens(), loop)
                asked.append(coming.result(timeout=60))

        await actor.load(TARGET, {})
        await actor.run(request("a"), [Asking()])
        await actor.close()
        return await actor.tokens()

    assert asyncio.run(ask_after_every_token()) + sum(asked) == 4
    assert asked[:3] == [1, 1, 1]


def test_a_request_that_runs_is_not_started_again(monkeypatch) -> None:
    factory = loaded(monkeypatch, lambda r: (ANSWER, "stop"))

    async def twice() -> Any:
        actor = Worker()
        await actor.load(TARGET, {})
        results = await asyncio.gather(*[actor.run(request("a"), ()) for _ in range(2)])
        await actor.close()
        return results

    first, second = asyncio.run(twice())
    assert first == second
    assert len(factory.requests) == 1


def test_a_failing_engine_fails_its_requests_and_not_the_later_ones(monkeypatch) -> None:
    def script(asked: Request) -> Any:
        if asked.key == "bad":
            raise RuntimeError("broken")
        return ANSWER, "stop"

    loaded(monkeypatch, script)

    async def both() -> Any:
        actor = Worker()
        await actor.load(TARGET, {})
        with pytest.raises(RuntimeError, match="broken"):
            await actor.run(request("bad"), ())
        result = await actor.run(request("good"), ())
        await actor.close()
        return result

    assert asyncio.run(both()).finish == "stop"


def test_without_ray_one_sentence_says_how_to_get_it(monkeypatch) -> None:
    monkeypatch.setattr(cluster.importlib.util, "find_spec", lambda name: None)
    with cluster.Cluster("local", 1) as unconnected, pytest.raises(BackendError) as caught:
        unconnected.ray()
    assert str(caught.value) == (
        "Ray is not installed; install it with: pip install 'loopbench-edge[ray]'"
    )


@pytest.mark.parametrize("form", ["127.0.0.1:{}", "ray://127.0.0.1:{}"])
def test_an_address_where_nobody_listens_is_one_sentence(form: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and never listens
        address = form.format(taken.getsockname()[1])
        with pytest.raises(BackendError) as caught:
            cluster.Cluster(address, 1).ray()
    assert str(caught.value) == f"No Ray cluster at {address}: {os.strerror(errno.ECONNREFUSED)}."


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"ray": "local", "ray_actors": 0}, "--ray-actors must be at least 1, got 0."),
        ({"ray": "local", "ray_cpus": 0}, "--ray-cpus must be at least 1, got 0."),
        (
            {"ray": "local", "ray_gpus": 1.5},
            "--ray-gpus must be a whole number or a part of one GPU, got 1.5.",
        ),
        ({"ray": "local", "ray_gpus": -1}, "--ray-gpus must be at least 0, got -1.0."),
        ({"ray_actors": 2}, "--ray-actors, --ray-cpus and --ray-gpus need --ray ADDRESS|local."),
    ],
)
def test_placements_that_cannot_be(changes: dict, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        settings_of("a", **changes).check()
    assert str(caught.value) == sentence


def test_the_command_says_so_too(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from loopbench.cli.app import cli

    result = CliRunner().invoke(cli, ["run", "--help"])
    assert "--ray ADDRESS" in result.output
