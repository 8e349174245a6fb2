"""An OpenAI-compatible server on loopback that does what a test tells it."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Self

from aiohttp import web
from backends.loopback import serve

Reply = Callable[["FakeServer", web.Request, dict[str, Any]], Awaitable[web.StreamResponse]]
KEY = "sk-secret-of-the-test"


def event(text: str | None = None, finish: str | None = None, **more: Any) -> bytes:
    """Return one event of a plain completion's stream."""
    choice = {"index": 0, "text": text, "finish_reason": finish, **more}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


def chat_event(finish: str | None = None, **delta: Any) -> bytes:
    """Return one event of a chat's stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


def usage(prompt: int, completion: int) -> bytes:
    counts = {"prompt_tokens": prompt, "completion_tokens": completion}
    return b"data: " + json.dumps({"choices": [], "usage": counts}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def stream(*parts: bytes, end: bool = True) -> Reply:
    """Return a reply that sends these bytes, then ends or breaks the connection off."""

    async def reply(
        server: FakeServer, request: web.Request, body: dict[str, Any]
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for part in parts:
            await response.write(part)
        if not end:
            assert request.transport
            request.transport.abort()
        return response

    return reply


def refuse(status: int, message: str = "no", **headers: str) -> Reply:
    async def reply(
        server: FakeServer, request: web.Request, body: dict[str, Any]
    ) -> web.StreamResponse:
        return web.json_response({"error": {"message": message}}, status=status, headers=headers)

    return reply


HELLO = stream(event("Hello"), event(" there"), event("", "stop"), usage(3, 2), DONE)


class FakeServer:
    """Replies to each request with the next of `replies`, and to the rest with the last."""

    def __init__(self, *replies: Reply, owned_by: str = "someone", ids: bool = False) -> None:
        self.replies = list(replies or [HELLO])
        self.owned_by, self.ids = owned_by, ids
        self.models = ["tiny"]
        self.bodies: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.keys: set[str | None] = set()
        self.active = self.most_active = self.broken_off = 0
        self.port = 0

    def __enter__(self) -> Self:
        ports: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        app = web.Application()
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/version", self._version)
        app.router.add_post("/v1/completions", self._reply)
        app.router.add_post("/v1/chat/completions", self._reply)
        app.router.add_post("/tokenize", self._tokenize)
        served = serve(app, self.port, ports.put, self._ended)
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(served,))
        self._thread.start()
        self.port = ports.get(timeout=60)
        return self

    def __exit__(self, *_error: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def _models(self, request: web.Request) -> web.Response:
        self.keys.add(request.headers.get("Authorization"))
        cards = [
            {"id": name, "owned_by": self.owned_by, "max_model_len": 99} for name in self.models
        ]
        return web.json_response({"object": "list", "data": cards})

    async def _version(self, request: web.Request) -> web.Response:
        return web.json_response({"version": "0.99"})

    async def _tokenize(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.json())
        return web.json_response({"tokens": [11, 12]})

    async def _reply(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.keys.add(request.headers.get("Authorization"))
        if body["max_tokens"] == 1:
            # The question whether there are ids.
            more = {"token_ids": [1]} if self.ids else {}
            return await stream(event("x", **more), event("", "length"), DONE)(self, request, body)
        self.bodies.append(body)
        self.paths.append(request.path)
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        try:
            return await reply(self, request, body)
        except (asyncio.CancelledError, ConnectionError):
            self.broken_off += 1
            raise
        finally:
            self.active -= 1
