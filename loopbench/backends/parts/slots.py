"""Streams of an event loop behind the backend contract: a thread, slots, and their results."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable, Generator, Iterable
from concurrent.futures import Future
from typing import Any

from loopbench.backends.base import StreamWatch, Watch
from loopbench.errors import BackendError
from loopbench.types import Generation, Request

RunOne = Callable[[Request, StreamWatch], Awaitable[Generation]]


class Slots:
    """An event loop in its own thread, which runs so many streams at the same time."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._closed = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def call(self, coroutine: Any) -> Any:
        """Run a coroutine in the loop and return its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def generate(
        self, requests: Iterable[Request], watch: Watch, run: RunOne
    ) -> Generator[tuple[Request, Generation], None, None]:
        """Run the requests; see `loopbench.backends.base.Backend`.

        `watch` is called in the caller's thread, `push` of what it returns in another. The
        next request is taken after the finished one was yielded and dealt with. An
        exception out of `push` is raised here.

        Parameters
        ----------
        run
            Runs one request; what fails on the engine's side must become a generation.
        """
        if self._closed:
            raise BackendError("The backend is closed.")
        pending = iter(requests)
        done: queue.SimpleQueue[tuple[Request, Future[Generation]]] = queue.SimpleQueue()
        running: dict[Future[Generation], Request] = {}
        more = True
        try:
            while True:
                while more and len(running) < self.count:
                    request = next(pending, None)
                    if request is None:
                        more = False
                        break
                    stream: Any = run(request, watch(request))
                    task = asyncio.run_coroutine_threadsafe(stream, self._loop)
                    running[task] = request
                    task.add_done_callback(lambda f, r=request: done.put((r, f)))  # type: ignore[misc]
                if not running:
                    return
                request, task = done.get()
                del running[task]
                yield request, task.result()
        finally:
            for task in running:
                task.cancel()

    def close(self, last: Callable[[], Awaitable[None]]) -> None:
        """Cancel what runs, await `last`, and end the thread; idempotent."""
        if self._closed:
            return
        self._closed = True
        self.call(self._wind_down(last))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _wind_down(self, last: Callable[[], Awaitable[None]]) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await last()
        await asyncio.get_running_loop().shutdown_default_executor()
