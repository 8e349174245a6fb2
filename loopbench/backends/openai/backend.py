"""Any server with the API of OpenAI: vLLM, SGLang, llama-server, Ollama, LM Studio.

`http://HOST:PORT/v1#MODEL` names a model of a server. Outputs are streamed, so that a loop
is seen and its stream closed. Token ids are used where the server gives them; elsewhere
the text is split in a declared way, which the row of the table names.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from typing import Any, Protocol

import aiohttp
import msgspec
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from loopbench.backends.base import Capabilities, StreamWatch, Watch, failed
from loopbench.backends.openai.client import OpenAIClient
from loopbench.backends.openai.server import Server, api_key, ask_server, new_session
from loopbench.backends.parts.llama_server.client import (
    Client,
    RequestError,
    StallError,
    StreamLimits,
)
from loopbench.backends.parts.llama_server.vocabulary import Vocabulary
from loopbench.backends.parts.slots import Slots
from loopbench.closeable import Closeable
from loopbench.errors import BackendError
from loopbench.types import Generation, ModelInfo, Request

DEFAULT_SLOTS = 8
MOST_WAIT_S = 20.0
"""Longest pause between two attempts."""
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
"""Replies that another attempt may not get: too many requests, and failures of the server."""
_LOST = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, ConnectionError, TimeoutError)


class _Client(Protocol):
    async def generate(self, request: Request, watch: StreamWatch) -> Generation: ...


class _Touched:
    """A watch that remembers whether it has seen anything."""

    def __init__(self, watch: StreamWatch) -> None:
        self._watch = watch
        self.touched = False

    def push(self, ids: Sequence[int], pieces: Sequence[str]) -> bool:
        self.touched = True
        return self._watch.push(ids, pieces)


class OpenAIBackend(Closeable):
    """A model of a server; see `open_backend`.

    Parameters
    ----------
    slots
        Streams at the same time.
    stall_s
        Longest silence of a stream before it counts as failed.
    retry_s
        For how long a request is sent again that got no output yet.
    wait_s
        Longest pause before the first retry; it doubles, up to `MOST_WAIT_S`.
    """

    def __init__(
        self, server: Server, info: ModelInfo, *, slots: int, stall_s: float, retry_s: float,
        wait_s: float,
    ) -> None:  # fmt: skip
        self.slots = slots
        self._server, self._info = server, info
        self._stall_s, self._retry_s, self._wait_s = stall_s, retry_s, wait_s
        self._down = False
        """The last request found no server, however often it tried."""
        self._sessions: list[aiohttp.ClientSession] = []
        self._streams = Slots(slots)
        try:
            self._client: _Client = self._streams.call(self._start())
        except BaseException:
            self.close()
            raise

    async def _start(self) -> _Client:
        server = self._server
        session = new_session()
        self._sessions.append(session)
        if server.api != "native":
            return OpenAIClient(session, server, self._stall_s, api_key())
        native = aiohttp.ClientSession(
            server.address.root,
            headers=session.headers,
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
        )
        self._sessions.append(native)
        return Client(
            native,
            templated=server.template is not None,
            bos_id=await _bos_id(native, server),
            limits=StreamLimits(server.context or 1 << 30, self._stall_s, self._stall_s),
            vocabulary=Vocabulary({}),
        )

    def info(self) -> ModelInfo:
        """Describe the model and the engine, as the server tells it."""
        return self._info

    def generate(
        self, requests: Iterable[Request], watch: Watch
    ) -> Generator[tuple[Request, Generation], None, None]:
        """Run the requests; see `loopbench.backends.parts.slots.Slots.generate`."""
        return self._streams.generate(requests, watch, self._run)

    async def _run(self, request: Request, watch: StreamWatch) -> Generation:
        seen = _Touched(watch)
        attempts = AsyncRetrying(
            # Once a part of the output has been watched, the same stream would be seen twice.
            retry=retry_if_exception(lambda error: not seen.touched and _passes(error)),
            wait=self._pause,
            # A server that is gone for good is not waited for by every request again.
            stop=stop_after_attempt(1) if self._down else stop_after_delay(self._retry_s),
            reraise=True,
        )
        try:
            generation: Generation = await attempts(self._client.generate, request, seen)
        except StallError as error:
            return failed(str(error), "stalled")
        except RequestError as error:
            return failed(str(error), "request_failed")
        except (aiohttp.ClientError, *_LOST) as error:
            self._down = not seen.touched
            what = str(error).rstrip(".") or type(error).__name__
            return failed(
                f"The connection to the server broke: {what}; resume with --resume.", "connection"
            )
        self._down = False
        return generation

    def _pause(self, state: RetryCallState) -> float:
        pause = wait_random_exponential(multiplier=self._wait_s, max=MOST_WAIT_S)(state)
        error = state.outcome.exception() if state.outcome else None
        asked = min(getattr(error, "retry_after", 0.0), MOST_WAIT_S)
        return float(max(pause, asked))

    def close(self) -> None:
        """Cancel what runs and close the connections; idempotent."""
        self._streams.close(self._disconnect)

    async def _disconnect(self) -> None:
        for session in self._sessions:
            await session.close()


def _passes(error: BaseException) -> bool:
    """Return whether a failure may be gone at the next attempt."""
    if isinstance(error, StallError):
        return False
    if isinstance(error, RequestError):
        return error.status in PASSING
    return isinstance(error, _LOST)


async def _bos_id(session: aiohttp.ClientSession, server: Server) -> int | None:
    """Return the id of the beginning of a text, which must not stand twice before a prompt."""
    if not server.bos_token:
        return None
    body = {"content": server.bos_token, "add_special": False, "parse_special": True}
    try:
        async with session.post("/tokenize", json=body) as response:
            ids = (await response.json(content_type=None)).get("tokens")
    except (aiohttp.ClientError, ValueError, AttributeError):
        return None
    return int(ids[0]) if isinstance(ids, list) and len(ids) == 1 else None


async def _look_at(place: str, api: str | None) -> Server:
    """Ask a server what it is and, with one token, whether it works and gives ids."""
    async with new_session() as session:
        server = await ask_server(session, place, api)
        if server.api == "native":
            return server
        try:
            client = OpenAIClient(session, server, 120.0, api_key())
            gives_ids = await client.gives_ids()
        except (RequestError, aiohttp.ClientError) as error:
            hint = " A model without a chat template needs --api completions." * (api is None)
            raise BackendError(f"{place} cannot be used: {error}{hint}") from error
        return msgspec.structs.replace(server, gives_ids=gives_ids)


def _look(place: str, api: str | None) -> Server:
    # In a thread of its own: the caller's, as in a notebook, may have a running event loop.
    streams = Slots(1)
    try:
        server: Server = streams.call(_look_at(place, api))
        return server
    finally:
        streams.close(_nothing)


async def _nothing() -> None:
    """Have nothing to wind down."""


def open_backend(
    place: str,
    *,
    name: str | None = None,
    slots: int | None = None,
    threads: int | None = None,
    max_new_tokens: int = 1024,
    prompt_allowance: int = 1024,
    deterministic: bool = False,
    seed: int = 0,
    api: str | None = None,
    stall_s: float = 120.0,
    retry_s: float = 120.0,
    wait_s: float = 0.5,
) -> OpenAIBackend:
    """Connect to a server. The key is taken from `LOOPBENCH_API_KEY` or `OPENAI_API_KEY`.

    Parameters
    ----------
    place
        `http://HOST:PORT/v1#MODEL`; the model may be left out where there is only one.
    slots
        Streams at the same time; `DEFAULT_SLOTS` by default.
    deterministic
        One stream at a time; what else a server runs is not in our hands.
    api
        `chat` or `completions`; by default llama-server's own route where it is one, with
        token ids, and `chat` elsewhere.
    threads, max_new_tokens, prompt_allowance, seed
        Not used: they are the server's own, or come with each request.
    stall_s, retry_s, wait_s
        See `OpenAIBackend`.

    Raises
    ------
    ValueError
        If the address or the model's name is not usable.
    BackendError
        If no server of the kind answers there.
    """
    server = _look(place, api)
    return OpenAIBackend(
        server,
        server.info(name),
        slots=1 if deterministic else slots or DEFAULT_SLOTS,
        stall_s=stall_s,
        retry_s=retry_s,
        wait_s=wait_s,
    )


class _OpenAI:
    """The backend as the registry sees it."""

    name = "openai"
    default_slots = DEFAULT_SLOTS
    capabilities = Capabilities(options=frozenset({"api"}))

    def describe(self, place: str, *, name: str | None = None, api: str | None = None) -> ModelInfo:
        """Return what the server says about the model.

        Raises
        ------
        ValueError
            If the address or the model's name is not usable.
        BackendError
            If no server of the kind answers there.
        """
        return _look(place, api).info(name)

    def open(self, place: str, **settings: Any) -> OpenAIBackend:
        """Connect to the server; see `open_backend`."""
        return open_backend(place, **settings)


BACKEND = _OpenAI()
