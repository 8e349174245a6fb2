"""One generation from an OpenAI-compatible server: ask, stream, watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec

from loopbench.backends.base import StreamWatch
from loopbench.backends.intake import LIMIT, LOOPED, End, Intake
from loopbench.backends.openai.server import Server
from loopbench.backends.openai.stream import (
    DONE,
    Choice,
    ChoiceReader,
    Chunk,
    Usage,
    cannot_set,
    chat_fields,
    completion_fields,
    decode_chunk,
    end_of,
    request_body,
)
from loopbench.backends.parts.llama_server.client import RequestError, StallError
from loopbench.backends.parts.sse import EventDecoder, StreamError
from loopbench.types import Generation, Request, Sampling

CHARACTERS_PER_TOKEN = 256
"""No tokenizer has so long tokens on average: a longer output is over its budget."""
ERROR_BYTES = 4096
_REFUSED = (400, 404, 422)


class OpenAIClient:
    """Talks to one server; lives in one event loop.

    Parameters
    ----------
    stall_s
        Longest wait for the next event of a stream.
    secret
        The key, which no message may repeat.
    """

    def __init__(
        self, session: aiohttp.ClientSession, server: Server, stall_s: float, secret: str | None
    ) -> None:
        self._session, self._server = session, server
        self._stall_s, self._secret = stall_s, secret

    async def generate(self, request: Request, watch: StreamWatch) -> Generation:
        """Run one request to its end.

        Raises
        ------
        RequestError
            If the server refuses the request, or its stream stalls or cannot be read.
        aiohttp.ClientError
            If the connection is lost.
        """
        intake = Intake(watch)
        reader = ChoiceReader(self._server.gives_ids, request.prefix_text)
        end, usage = LIMIT, Usage()
        path, body = await self._asked(request)
        if body["max_tokens"] > 0:
            end, usage = await self._stream(path, body, reader, intake)
        counted = None if self._server.gives_ids else usage.completion_tokens or reader.chunks
        failed = f"The server ended the stream with {end.raw!r}."
        return intake.generation(
            end,
            prompt_tokens=usage.prompt_tokens,
            output_tokens=counted,
            error=failed if end.finish == "error" else None,
        )

    async def gives_ids(self) -> bool:
        """Find out, with one token, whether the server sends token ids.

        Raises
        ------
        RequestError, aiohttp.ClientError
            If it does not answer at all.
        """
        request = Request(key="probe", prompt="Hello.", sampling=Sampling(max_new_tokens=1))
        seen: list[bool] = []
        for asks in (True, False):
            path, body = await self._asked(request, asks_ids=asks)
            try:
                async with self._events(path, body) as chunks:
                    async for chunk in chunks:
                        seen += [bool(choice.token_ids) for choice in chunk.choices]
                return any(seen)
            except RequestError as error:
                # A strict server does not know the field.
                if not asks or error.status not in _REFUSED:
                    raise
        return False

    async def _asked(
        self, request: Request, asks_ids: bool | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Return the route and the body of a request."""
        server = self._server
        if ignored := cannot_set(request.sampling, server.engine):
            raise RequestError(ignored)
        asks_ids = server.gives_ids if asks_ids is None else asks_ids
        body = request_body(
            server.model,
            request,
            engine=server.engine,
            context=server.context,
            asks_ids=asks_ids,
        )
        if server.gives_ids and request.prefix_ids:
            ids = [*await self._prompt_ids(request), *request.prefix_ids]
            return "/completions", body | completion_fields(request, ids)
        if server.api == "completions":
            return "/completions", body | completion_fields(request, None)
        fields = chat_fields(request, server.engine)
        if fields is None:
            raise RequestError(
                "This server cannot go on after a part of an output; with"
                " --audit-min 0 --audit-share 0, or --no-early-stop, none is needed."
            )
        return "/chat/completions", body | fields

    async def _prompt_ids(self, request: Request) -> list[int]:
        """Return the ids of a prompt by vLLM's own route, its chat template applied."""
        asked: dict[str, Any] = {"model": self._server.model, "prompt": request.prompt}
        if self._server.api == "chat":
            del asked["prompt"]
            asked["messages"] = request.chat()
        url = f"{self._server.address.root}/tokenize"
        timeout = aiohttp.ClientTimeout(total=self._stall_s)
        async with self._session.post(url, json=asked, timeout=timeout) as response:
            if response.status != 200:
                raise RequestError(await self._message(response), response.status)
            try:
                return msgspec.convert((await response.json())["tokens"], list[int])
            except (KeyError, TypeError, ValueError):
                raise RequestError(f"{url} does not give the ids of a prompt.") from None

    async def _stream(
        self, path: str, body: dict[str, Any], reader: ChoiceReader, intake: Intake
    ) -> tuple[End, Usage]:
        ended: End | None = None
        usage = Usage()
        most = CHARACTERS_PER_TOKEN * (body["max_tokens"] + 4)
        characters = 0
        try:
            async with self._events(path, body) as chunks:
                async for chunk in chunks:
                    usage = chunk.usage or usage
                    for choice in chunk.choices[:1]:
                        characters += len(choice.added)
                        ended = ended or self._take(choice, reader, intake)
                    if ended == LOOPED:
                        break
                    if characters > most or (
                        self._server.gives_ids and len(intake.ids) > body["max_tokens"] + 1
                    ):
                        raise RequestError("The server goes on beyond max_tokens.")
        except (aiohttp.ClientError, ConnectionError, RequestError):
            # The answer is whole once its reason is there, whatever happens to the rest.
            if ended is None:
                raise
        if ended is None:
            raise aiohttp.ServerDisconnectedError("the stream ended without a reason")
        return ended, usage

    def _take(self, choice: Choice, reader: ChoiceReader, intake: Intake) -> End | None:
        ids, pieces = reader.read(choice)
        if self._server.gives_ids and not ids:
            intake.add_text(choice.added)
        if choice.finish_reason is not None:
            held, words = reader.end()
            return intake.take([*ids, *held], [*pieces, *words], end_of(choice))
        if self._server.gives_ids and choice.added and not (ids or intake.ids):
            raise RequestError("The server sends no token ids any more.")
        return intake.take(ids, pieces)

    @asynccontextmanager
    async def _events(self, path: str, body: dict[str, Any]) -> AsyncIterator[AsyncIterator[Chunk]]:
        """Send a request and give its events; the stream is closed at the end, come what may."""
        url = self._server.address.base + path
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._stall_s)
        response: aiohttp.ClientResponse | None = None
        try:
            # Events, not bytes: comments that keep a connection open are no sign of progress.
            async with asyncio.timeout(self._stall_s) as limit:
                response = await self._session.post(
                    url, json=body, timeout=timeout, allow_redirects=False
                )
                if response.status != 200:
                    raise RequestError(
                        await self._message(response), response.status, _retry_after(response)
                    )
                yield self._chunks(response, limit)
        except TimeoutError:
            raise StallError(
                f"The stream stalled: the server sent nothing for {self._stall_s:g} s."
            ) from None
        except StreamError as error:
            raise RequestError(f"The server's stream cannot be read: {error}.") from None
        finally:
            # Not `release`: only a closed connection makes the server stop generating.
            if response is not None:
                response.close()

    async def _chunks(
        self, response: aiohttp.ClientResponse, limit: asyncio.Timeout
    ) -> AsyncIterator[Chunk]:
        decoder = EventDecoder()
        async for data in response.content.iter_any():
            for event in decoder.feed(data):
                if event == DONE:
                    return
                limit.reschedule(asyncio.get_running_loop().time() + self._stall_s)
                chunk = decode_chunk(event)
                if problem := chunk.problem:
                    raise RequestError(self._cleaned(problem))
                yield chunk

    async def _message(self, response: aiohttp.ClientResponse) -> str:
        """Return the sentence in an error reply."""
        text = (await response.content.read(ERROR_BYTES)).decode("utf-8", "replace")
        try:
            problem = decode_chunk(text.encode()).problem
        except StreamError:
            problem = None
        return self._cleaned(f"HTTP {response.status}: {problem or text[:200] or 'no reason'}")

    def _cleaned(self, message: str) -> str:
        """Keep the key out of a message, and give it one full stop."""
        if self._secret:
            message = message.replace(self._secret, "***")
        return message.rstrip(".") + "."


def _retry_after(response: aiohttp.ClientResponse) -> float:
    """Return how many seconds the server asks to wait; 0 if it does not say."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else 0.0
