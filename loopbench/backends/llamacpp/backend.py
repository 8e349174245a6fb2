"""llama.cpp through the prebuilt `xllamacpp` wheel: parallel slots, streamed token ids.

The engine runs in a child process, because a model file is hostile input and a crash of
native code must not take the run with it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from loopbench.backends.base import (
    Capabilities,
    StreamWatch,
    ThinkingEnd,
    Watch,
    failed,
    thinking_end,
)
from loopbench.backends.llamacpp.process import EngineProcess, ServerProcess
from loopbench.backends.parts.cores import default_threads
from loopbench.backends.parts.gguf_engine import DEFAULT_SLOTS, RESTART_CREDIT, GGUFEngine
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
from loopbench.judging.thinking import CLOSE_TAG, opens_thinking, thinking_end_text
from loopbench.types import Generation, ModelInfo, Request

_ENGINE = GGUFEngine(
    title="llama.cpp (xllamacpp)",
    module="xllamacpp",
    distribution="xllamacpp",
    missing="The llama.cpp engine is not installed; install it with:"
    " pip install 'loopbench-edge[gguf]'",
)
EXIT_WAIT_S = 2.0
"""A lost connection is noticed a moment before the end of the process that held it."""


class LlamaCppBackend(Closeable):
    """A model in a llama.cpp server; see `open_backend`.

    Parameters
    ----------
    engine
        The server, not started yet.
    slots
        Streams at the same time.
    templated
        Whether prompts go through the model's chat template.
    bos_id
        The token that must not stand twice before a prompt.
    vocabulary
        Finds ids that the server withholds.
    end_text
        What ends a thinking block of this model.
    """

    def __init__(
        self,
        engine: ServerProcess,
        info: ModelInfo,
        *,
        slots: int,
        limits: StreamLimits,
        templated: bool,
        bos_id: int | None = None,
        vocabulary: Vocabulary | None = None,
        end_text: str = CLOSE_TAG,
    ) -> None:
        self.slots = slots
        self.limits = limits
        self._engine = engine
        self._info = info
        self._templated = templated
        self._bos_id = bos_id
        self._vocabulary = vocabulary or Vocabulary({})
        self._end_text = end_text
        self._epoch = 0
        """Number of starts of the engine: a stream belongs to one of them."""
        self._deaths: dict[int, str] = {}
        """Start of the engine -> how it ended."""
        self._credit = RESTART_CREDIT
        """Generations that ended well since the last restart."""
        self._in_flight = 0
        self._restarting = asyncio.Lock()
        self._closed = False
        self._session: aiohttp.ClientSession | None = None
        self._streams = Slots(slots)
        try:
            self._call(self._start(engine.start()))
        except BaseException:
            self.close()
            raise

    def _call(self, coroutine: Any) -> Any:
        return self._streams.call(coroutine)

    async def _start(self, address: str) -> None:
        """Connect to a freshly started engine and see that it renders a prompt."""
        await self._disconnect()
        self._session = aiohttp.ClientSession(
            address,
            headers={"Authorization": f"Bearer {self._engine.secret}"},
            # A connection is never used twice: the server closes idle ones, and a request
            # that is just then written into one would fail though nothing is wrong.
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
        )
        self._client = Client(
            self._session,
            templated=self._templated,
            bos_id=self._bos_id,
            limits=self.limits,
            vocabulary=self._vocabulary,
        )
        try:
            await self._client.prompt_ids("Hello.")
        except (RequestError, aiohttp.ClientError) as error:
            raise BackendError(f"{self._info.path} cannot be used: {error}") from error
        self._epoch += 1

    async def _disconnect(self) -> None:
        if self._session is not None:
            await self._session.close()

    def info(self) -> ModelInfo:
        """Describe the loaded model and the engine."""
        return self._info

    def render(self, messages: Sequence[Mapping[str, str]]) -> str:
        """Return a conversation as the model's chat template writes it.

        Raises
        ------
        BackendError
            If the template cannot render it.
        """
        try:
            return str(self._call(self._client.render(messages)))
        except (RequestError, aiohttp.ClientError) as error:
            raise BackendError(f"{self._info.path} cannot be used: {error}") from error

    def thinking_end(self) -> ThinkingEnd:
        """Return what ends a thinking block of this model.

        Raises
        ------
        BackendError
            If the engine cannot say.
        """
        try:
            ids = self._call(self._client.text_ids(self._end_text))
            prompt = self._call(self._client.rendered("Hello."))
        except (RequestError, aiohttp.ClientError) as error:
            raise BackendError(f"{self._info.path} cannot be used: {error}") from error
        return thinking_end(ids, self._end_text, self._templated and opens_thinking(prompt))

    def generate(
        self, requests: Iterable[Request], watch: Watch
    ) -> Generator[tuple[Request, Generation], None, None]:
        """Run the requests; see `loopbench.backends.parts.slots.Slots.generate`."""
        return self._streams.generate(requests, watch, self._run)

    async def _run(self, request: Request, watch: StreamWatch) -> Generation:
        """Run one request; whatever fails on the engine's side becomes a generation."""
        async with self._restarting:
            if self._epoch in self._deaths:
                await self._restart()
            if self._epoch in self._deaths:
                return failed(f"Not run: {self._deaths[self._epoch]}.", "engine_stopped")
        epoch = self._epoch
        self._in_flight += 1
        try:
            generation = await self._client.generate(request, watch)
        except StallError as error:
            self._end_if_stuck(epoch)
            return failed(str(error), "stalled")
        except RequestError as error:
            return failed(str(error), "request_failed")
        except (aiohttp.ClientError, ConnectionError) as error:
            return await self._lost(epoch, error)
        finally:
            self._in_flight -= 1
        self._credit += 1
        return generation

    async def _lost(self, epoch: int, error: Exception) -> Generation:
        """Say what became of a stream whose connection broke."""
        async with self._restarting:
            if epoch not in self._deaths:
                reason = await asyncio.to_thread(self._engine.exit_reason, EXIT_WAIT_S)
                if reason is None:
                    return failed(f"The connection to the engine broke: {error}.", "connection")
                self._note_death(epoch, f"the engine stopped ({reason})")
        sentence = self._deaths[epoch]
        return failed(f"{sentence[0].upper()}{sentence[1:]}.", "engine_stopped")

    def _note_death(self, epoch: int, what: str) -> None:
        count = self._in_flight
        lost = "1 stream was lost" if count == 1 else f"{count} streams were lost"
        self._deaths[epoch] = f"{what}; {lost}; resume with --resume"

    def _end_if_stuck(self, epoch: int) -> None:
        """After a stall, end an engine that sends nothing to any stream.

        Otherwise every later request would wait its full time too.
        """
        silent = time.monotonic() - self._client.last_byte
        if epoch == self._epoch and epoch not in self._deaths and silent >= self.limits.stall_s:
            self._note_death(epoch, "the engine was stuck and was ended")
            self._engine.kill()

    async def _restart(self) -> None:
        """Start the engine again, unless it died again soon after the last restart."""
        if self._credit < RESTART_CREDIT or self._closed:
            return
        self._credit = 0
        try:
            await self._start(await asyncio.to_thread(self._engine.start))
        except BackendError as error:
            self._deaths[self._epoch] += f" (restarting failed: {error})"

    def close(self) -> None:
        """Cancel what runs and end the engine; idempotent."""
        if self._closed:
            return
        self._closed = True
        # First of all: a restart that is under way then fails instead of being waited for.
        self._engine.kill()
        self._streams.close(self._disconnect)
        self._engine.stop()


def open_backend(
    path: Path,
    *,
    name: str | None = None,
    slots: int | None = None,
    threads: int | None = None,
    max_new_tokens: int = 1024,
    prompt_allowance: int = 1024,
    context_per_slot: int | None = None,
    deterministic: bool = False,
    templated: bool = True,
    seed: int = 0,
    stall_s: float = 120.0,
    template_s: float = 10.0,
    load_timeout_s: float = 300.0,
    gpu_layers: int = 0,
    flash_attention: str | None = None,
) -> LlamaCppBackend:
    """Load a GGUF model.

    Parameters
    ----------
    name
        Short name for tables; the file's name by default.
    slots
        Streams at the same time; `DEFAULT_SLOTS` by default.
    threads
        CPU threads; the cores that are free by default.
    max_new_tokens
        The largest budget of any request.
    prompt_allowance
        Room for the prompt, in tokens, the template's included.
    context_per_slot
        Context in tokens, instead of what the two above give.
    deterministic
        One slot, prompts processed token by token, and no flash attention: the same request
        then gives the same ids on the same machine and thread count, whatever ran before, and
        a continuation goes on as the uninterrupted stream did.
    templated
        Put prompts through the chat template of a model that has one; otherwise they are
        taken as they are.
    seed
        Seed of the engine itself. Requests do not use it: theirs is in `Sampling`.
    stall_s
        Longest silence of a stream before it counts as failed.
    gpu_layers
        Layers to put on a GPU, for wheels that can.
    flash_attention
        `on` or `off`; by default on a GPU only.

    Raises
    ------
    GGUFError
        If the file is not a whole GGUF file.
    BackendError
        If the engine is missing or cannot load the model.
    """
    plan = _ENGINE.plan(
        path,
        name=name,
        slots=slots,
        max_new_tokens=max_new_tokens,
        prompt_allowance=prompt_allowance,
        deterministic=deterministic,
        gpu_layers=gpu_layers,
        flash_attention=flash_attention,
        context_per_slot=context_per_slot,
    )
    settings = plan.settings | {
        "threads": threads or default_threads(),
        "poll": 0,
        "seed": seed % (1 << 31),
    }
    bos_id = plan.header.metadata.get("tokenizer.ggml.bos_token_id")
    return LlamaCppBackend(
        EngineProcess(settings, load_timeout_s),
        plan.info,
        slots=plan.slots,
        limits=StreamLimits(settings["context_per_slot"], stall_s, template_s),
        templated=templated and plan.header.chat_template is not None,
        bos_id=bos_id if isinstance(bos_id, int) else None,
        vocabulary=Vocabulary(path=Path(plan.settings["path"])),
        end_text=thinking_end_text(plan.header.chat_template),
    )


class _LlamaCpp:
    """The backend as the registry sees it."""

    name = "llamacpp"
    default_slots = DEFAULT_SLOTS
    capabilities = Capabilities(
        options=frozenset({"flash_attention"}), ends_thinking=True, constrains=True
    )

    def describe(
        self, path: Path, *, name: str | None = None, flash_attention: str | None = None
    ) -> ModelInfo:
        """Return the provenance of a model file without loading it; see `GGUFEngine.describe`."""
        return _ENGINE.describe(path, name=name, flash_attention=flash_attention)

    def open(self, path: Path, **settings: Any) -> LlamaCppBackend:
        """Load a model; see `open_backend`."""
        return open_backend(path, **settings)


BACKEND = _LlamaCpp()
