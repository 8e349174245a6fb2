"""A llama-server on loopback that does what a test tells it."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from backends.loopback import serve

from loopbench.errors import BackendError

Stream = Callable[["FakeEngine", web.StreamResponse, dict[str, Any]], Awaitable[None]]


def sse(**fields: Any) -> bytes:
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


async def say_three(engine: FakeEngine, response: web.StreamResponse, body: dict[str, Any]) -> None:
    for n, word in enumerate(("one", " two", " three"), 1):
        await response.write(sse(content=word, tokens=[n], tokens_predicted=n))
    await response.write(sse(stop=True, stop_type="eos", tokens_predicted=3))


class FakeEngine:
    """Implements `llamacpp.process.ServerProcess`; one token per word of the prompt."""

    def __init__(self, stream: Stream = say_three) -> None:
        self.secret = "secret"
        self.stream = stream
        self.bodies: list[dict[str, Any]] = []
        self.messages: list[dict[str, str]] = []
        self.connections: list[Any] = []
        """Client address of every request."""
        self.active = 0
        self.most_active = 0
        self.broken_off = 0
        """Streams that the client closed before their end."""
        self.starts = 0
        self.starts_allowed = 10
        self.death: str | None = None
        self.template_delay = 0.0
        self.template_end = ""
        self._thread: threading.Thread | None = None

    def start(self) -> str:
        self.stop()
        if self.starts >= self.starts_allowed:
            raise BackendError("no more")
        self.starts += 1
        self.death = None
        ports: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()

        app = web.Application(middlewares=[self._note_connection])
        app.router.add_post("/apply-template", self._template)
        app.router.add_post("/tokenize", self._tokenize)
        app.router.add_post("/completion", self._completion)
        served = serve(app, 0, ports.put, self._ended)
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(served,))
        self._thread.start()
        return f"http://127.0.0.1:{ports.get(timeout=60)}"

    def exit_reason(self, wait_s: float) -> str | None:
        return self.death

    def kill(self) -> None:
        self.death = self.death or "signal 9 (SIGKILL)"

    def stop(self) -> None:
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join()
            self._loop.close()
            self._thread = None

    @web.middleware
    async def _note_connection(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        assert request.transport is not None
        self.connections.append(request.transport.get_extra_info("peername"))
        return await handler(request)

    async def _template(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer secret"
        await asyncio.sleep(self.template_delay)
        self.messages = (await request.json())["messages"]
        said = " ".join(message["content"] for message in self.messages)
        return web.json_response({"prompt": f"<bos> {said}{self.template_end}"})

    async def _tokenize(self, request: web.Request) -> web.Response:
        words = (await request.json())["content"].split()
        ids = [1 if word == "<bos>" else 100 for word in words]
        return web.json_response({"tokens": [1, *ids]})

    async def _completion(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        response = web.StreamResponse()
        try:
            await response.prepare(request)
            await self.stream(self, response, body)
        except (asyncio.CancelledError, ConnectionError):
            self.broken_off += 1
            # A dead engine's sockets are closed at once, with what they had not sent.
            if request.transport is not None:
                request.transport.abort()
            raise
        finally:
            self.active -= 1
        return response
