"""One generation over HTTP: render, tokenise, stream, watch."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import aiohttp
import msgspec

from loopbench.backends.base import StreamWatch
from loopbench.backends.intake import LIMIT, End, Intake
from loopbench.backends.parts.llama_server.stream import (
    MAX_MISSING,
    Event,
    EventReader,
    completion_body,
    decode_event,
    end_of,
)
from loopbench.backends.parts.llama_server.vocabulary import Vocabulary
from loopbench.backends.parts.sse import EventDecoder, StreamError
from loopbench.judging.thinking import opens_thinking
from loopbench.types import Generation, Request


class RequestError(Exception):
    """The engine is well, but this one request cannot be served.

    Parameters
    ----------
    status
        Of the HTTP reply that said so, if one did.
    retry_after
        Seconds that the reply asks to wait before another attempt.
    """

    def __init__(self, message: str, status: int | None = None, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.status, self.retry_after = status, retry_after


class StallError(RequestError):
    """The stream sent nothing for too long."""


class StreamLimits(NamedTuple):
    """Sizes and times that a stream must keep."""

    context: int
    """Tokens of one slot."""
    stall_s: float
    """Longest wait for the next byte of a stream."""
    template_s: float
    """Longest time that rendering the chat template may take."""


class Client:
    """Talks to one llama-server; lives in one event loop.

    Parameters
    ----------
    session
        Connected to the server, with its key.
    templated
        Whether prompts go through the model's chat template.
    bos_id
        The token that must not stand twice before a prompt.
    limits
        What a stream must keep.
    vocabulary
        Finds ids that the server withholds.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        templated: bool,
        bos_id: int | None,
        limits: StreamLimits,
        vocabulary: Vocabulary,
    ) -> None:
        self._session = session
        self._templated = templated
        self._bos_id = bos_id
        self._limits = limits
        self._vocabulary = vocabulary
        self.last_byte = time.monotonic()
        """When the engine last sent anything, on any stream."""

    async def _post(self, path: str, body: dict[str, Any]) -> Any:
        timeout = aiohttp.ClientTimeout(total=self._limits.template_s)
        try:
            async with self._session.post(path, json=body, timeout=timeout) as response:
                if response.status != 200:
                    raise RequestError(await _message(response), response.status)
                return await response.json(content_type=None)
        except TimeoutError:
            raise RequestError(
                f"{path.removeprefix('/')} took longer than {self._limits.template_s:g} s"
            ) from None

    async def render(self, messages: Sequence[Mapping[str, str]]) -> str:
        """Return a conversation as the model's chat template writes it."""
        try:
            rendered = await self._post("/apply-template", {"messages": list(messages)})
        except RequestError as error:
            raise RequestError(
                f"The chat template cannot be rendered: {error}.", error.status
            ) from None
        return str(rendered["prompt"])

    async def prompt_ids(
        self, prompt: str, chat: Sequence[Mapping[str, str]] | None = None
    ) -> list[int]:
        """Return the ids of a prompt, after the chat template where the model has one.

        Parameters
        ----------
        chat
            The conversation to render instead of `prompt`, if there is a template.
        """
        return await self._ids(await self.rendered(prompt, chat))

    async def rendered(self, prompt: str, chat: Sequence[Mapping[str, str]] | None = None) -> str:
        """Return a prompt after the chat template, where the model has one."""
        if self._templated:
            prompt = await self.render(chat or [{"role": "user", "content": prompt}])
        return prompt

    async def _ids(self, prompt: str) -> list[int]:
        body = {"content": prompt, "add_special": True, "parse_special": True}
        ids = [int(item) for item in (await self._post("/tokenize", body))["tokens"]]
        # A template that writes the BOS itself must not get the tokeniser's one on top.
        if self._bos_id is not None and ids[:2] == [self._bos_id] * 2:
            del ids[0]
        return ids

    async def text_ids(self, text: str) -> list[int]:
        """Return the ids of a text inside an output, tags as the tokens that they are."""
        body = {"content": text, "add_special": False, "parse_special": True}
        return [int(item) for item in (await self._post("/tokenize", body))["tokens"]]

    async def generate(self, request: Request, watch: StreamWatch) -> Generation:
        """Run one request to its end.

        Raises
        ------
        RequestError
            If the server refuses the request or its stream stalls.
        aiohttp.ClientError
            If the connection is lost.
        """
        intake = Intake(watch)
        rendered = await self.rendered(request.prompt, request.chat())
        prompt = await self._ids(rendered)
        left = request.sampling.max_new_tokens - len(request.prefix_ids)
        # The server ends a stream one token before its slot is full.
        needed = len(prompt) + request.sampling.max_new_tokens + 2
        if needed > self._limits.context:
            raise RequestError(
                f"The prompt has {len(prompt):,} tokens; with a budget of"
                f" {request.sampling.max_new_tokens:,} it needs {needed:,} of the"
                f" {self._limits.context:,} tokens of a slot."
            )
        reader, end = EventReader(self._vocabulary), LIMIT
        if left > 0:
            ids = [*prompt, *request.prefix_ids]
            context = self._limits.context
            body = completion_body(ids, request.sampling, left, request.key, context)
            if request.json_schema is not None:
                body["json_schema"] = request.json_schema
            end = await self._stream(body, reader, intake)
            # A few may be missing: those of a character that the budget cut.
            if reader.predicted - intake.dropped - len(intake.ids) > MAX_MISSING:
                end = await self._repeat_whole(body, reader, intake)
        return intake.generation(
            end,
            prompt_tokens=len(prompt),
            output_tokens=reader.predicted - intake.dropped,
            opened_thinking=self._templated and opens_thinking(rendered),
        )

    async def _stream(self, body: Any, reader: EventReader, intake: Intake) -> End:
        timeout = aiohttp.ClientTimeout(total=None, sock_read=self._limits.stall_s)
        response = await self._session.post("/completion", json=body, timeout=timeout)
        try:
            if response.status != 200:
                raise RequestError(await _message(response), response.status)
            events = EventDecoder()
            async for data in response.content.iter_any():
                self.last_byte = time.monotonic()
                for event in map(decode_event, events.feed(data)):
                    if ended := _take(event, reader, intake):
                        return ended
        except TimeoutError:
            raise StallError(
                f"The stream stalled: the engine sent nothing for {self._limits.stall_s:g} s."
            ) from None
        except (msgspec.MsgspecError, StreamError) as error:
            raise RequestError(f"The engine's stream cannot be read: {error}.") from None
        finally:
            # Not `release`: only a closed connection makes the server free the slot.
            response.close()
        raise aiohttp.ServerDisconnectedError("the stream ended without a last event")

    async def _repeat_whole(self, body: dict[str, Any], reader: EventReader, intake: Intake) -> End:
        """Generate once more without streaming, where a stream lost too many ids.

        That happens to outputs of invalid UTF-8, which a broken checkpoint may write: the
        server withholds them and sends replacement characters, from which no id can be
        told. The same seed is used, and the second output is the one that counts.
        """
        timeout = aiohttp.ClientTimeout(total=None)
        whole = body | {"stream": False}
        async with self._session.post("/completion", json=whole, timeout=timeout) as response:
            if response.status != 200:
                raise RequestError(await _message(response), response.status)
            try:
                event = decode_event(await response.read())
            except msgspec.MsgspecError as error:
                raise RequestError(f"The engine's reply cannot be read: {error}.") from None
        self.last_byte = time.monotonic()
        # Its text comes in one piece, which is booked on the last id.
        pieces = [""] * (len(event.tokens) - 1) + [event.content] if event.tokens else []
        intake.replace(event.tokens, pieces)
        reader.predicted = event.tokens_predicted
        return end_of(event)


def _take(event: Event, reader: EventReader, intake: Intake) -> End | None:
    """Take one event; return how the stream ended, if it did."""
    if event.problem is not None:
        raise RequestError(event.problem)
    ids, pieces = reader.read(event)
    if not ids:
        intake.add_text(event.content)
    return intake.take(ids, pieces, end_of(event) if event.stop else None)


async def _message(response: aiohttp.ClientResponse) -> str:
    """Return the sentence in an error reply."""
    try:
        message = str((await response.json(content_type=None))["error"]["message"])
    except (ValueError, KeyError, TypeError):
        message = f"HTTP {response.status}"
    return message.rstrip(".") + "."
