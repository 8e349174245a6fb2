"""What an actor holds: a backend, and a thread that hands it requests as they come.

Nothing here knows Ray: an actor is this class under `ray.remote`.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import loopbench
from loopbench import backends
from loopbench.backends.base import StreamWatch
from loopbench.backends.forms import Target
from loopbench.detectors import Detector
from loopbench.errors import BackendError
from loopbench.judging.progress import Silent, Watching
from loopbench.types import Generation, ModelInfo, Request

GRACE_S = 0.1
"""How long a free slot waits for a request before the streams that run are seen to their end."""

_Open = tuple[Sequence[Detector], "asyncio.Future[Generation]"]


class _Tally(Silent):
    """Progress that only counts tokens."""

    def __init__(self) -> None:
        self.tokens = 0

    def token(self, count: int) -> None:
        self.tokens += count


class Worker:
    """A backend that is asked for one generation at a time, by many callers at once."""

    def __init__(self) -> None:
        self._backend: Any = None
        self._thread: threading.Thread | None = None
        self._inbox: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._open: dict[str, _Open] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tally = _Tally()

    async def load(self, target: Target, settings: dict[str, Any]) -> tuple[ModelInfo, str]:
        """Open the backend and return its model and the version of LoopBench here.

        Raises
        ------
        BackendError, ValueError
            If it cannot be opened.
        """
        factory = backends.get(target.backend)
        self._loop = asyncio.get_running_loop()
        self._backend = await asyncio.to_thread(factory.open, target.place, **settings)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self._backend.info(), loopbench.__version__

    async def run(self, request: Request, rules: Sequence[Detector]) -> Generation:
        """Return the generation of a request, stopped where one of the rules fires.

        A request that runs already is not started again: both callers get its result.
        """
        if request.key not in self._open:
            self._open[request.key] = rules, asyncio.get_running_loop().create_future()
            self._inbox.put(request)
        return await asyncio.shield(self._open[request.key][1])

    async def tokens(self) -> int:
        """Return how many tokens were generated since this was last asked."""
        count, self._tally.tokens = self._tally.tokens, 0
        return count

    async def close(self) -> None:
        """End the streams and release the engine."""
        if self._backend is not None:
            self._inbox.put(None)
            await asyncio.to_thread(self._backend.close)

    def _watch(self, request: Request) -> StreamWatch:
        return Watching(self._open[request.key][0], self._tally)(request)

    def _serve(self) -> None:
        while (first := self._inbox.get()) is not None:
            try:
                for request, generation in self._backend.generate(self._feed(first), self._watch):
                    self._answer(request.key, generation)
            except BaseException as error:
                for key in list(self._open):
                    self._answer(key, error)
                if not isinstance(error, Exception):
                    raise

    def _feed(self, first: Request) -> Iterator[Request]:
        """Yield what is there. Ends where nothing more comes: then all results can go out."""
        request: Request | None = first
        while request is not None:
            yield request
            try:
                request = self._inbox.get(timeout=GRACE_S)
            except queue.Empty:
                return
        self._inbox.put(None)

    def _answer(self, key: str, result: Generation | BaseException) -> None:
        assert self._loop
        self._loop.call_soon_threadsafe(self._settle, key, result)

    def _settle(self, key: str, result: Generation | BaseException) -> None:
        _, future = self._open.pop(key)
        if future.done():
            return
        if isinstance(result, Generation):
            future.set_result(result)
        else:
            future.set_exception(
                result if isinstance(result, Exception) else BackendError(repr(result))
            )
