"""llama.cpp through llama-cpp-python's batch API: several sequences, one decode per step.

The engine runs in a child process, because a model file is hostile input. It is asked
step by step, so that a stream that loops is dropped before its next token is computed.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import msgspec

from loopbench.backends.base import Capabilities, Watch, failed
from loopbench.backends.intake import LIMIT, End, Intake
from loopbench.backends.llama_cpp_python.process import NoAnswerError, SteppedProcess
from loopbench.backends.parts.cores import default_threads
from loopbench.backends.parts.gguf_engine import DEFAULT_SLOTS, RESTART_CREDIT, GGUFEngine
from loopbench.backends.parts.seeds import request_seed
from loopbench.backends.parts.template import TEMPLATE_S, Renderer, TemplateError
from loopbench.closeable import Closeable
from loopbench.errors import BackendError
from loopbench.judging.thinking import opens_thinking
from loopbench.types import Generation, ModelInfo, Request

_ENGINE = GGUFEngine(
    title="llama.cpp (llama-cpp-python)",
    module="llama_cpp",
    distribution="llama-cpp-python",
    missing="llama-cpp-python is not installed; build it with:"
    " pip install 'loopbench-edge[llama-cpp]'",
)
_ENDS = {"eog": End("stop", "eog"), "limit": LIMIT}


class _Running:
    """One stream as the parent sees it."""

    def __init__(self, request: Request, intake: Intake, prompt: str) -> None:
        self.request, self.intake, self.prompt = request, intake, prompt
        self.prompt_tokens = 0

    def generation(self, end: End, *, templated: bool) -> Generation:
        return self.intake.generation(
            end,
            prompt_tokens=self.prompt_tokens,
            opened_thinking=templated and opens_thinking(self.prompt),
        )

    def ask(self, seq: int) -> dict[str, Any]:
        """Return what the child is asked to start."""
        request = self.request
        sampling = msgspec.to_builtins(request.sampling)
        return {
            "seq": seq,
            "prompt": self.prompt,
            "prefix": list(request.prefix_ids),
            "budget": request.sampling.max_new_tokens,
            "sampling": sampling | {"seed": request_seed(request.sampling.seed, request.key)},
        }


class LlamaCppPythonBackend(Closeable):
    """A model in a child process with llama-cpp-python; see `open_backend`.

    Parameters
    ----------
    engine
        The child, not started yet.
    slots
        Streams at the same time.
    template
        The chat template that prompts go through; None takes them as they are.
    template_s
        Longest time that rendering it may take.
    """

    def __init__(
        self,
        engine: SteppedProcess,
        info: ModelInfo,
        *,
        slots: int,
        template: str | None = None,
        template_s: float = TEMPLATE_S,
    ) -> None:
        self.slots = slots
        self._engine = engine
        self._info = info
        self._death: str | None = None
        self._credit = RESTART_CREDIT
        self._closed = False
        self._drop: list[int] = []
        """Sequences whose streams were given up since the last step."""
        special = engine.start()
        self._renderer = None if template is None else Renderer(template, special, template_s)

    def info(self) -> ModelInfo:
        """Describe the loaded model and the engine."""
        return self._info

    def generate(
        self, requests: Iterable[Request], watch: Watch
    ) -> Generator[tuple[Request, Generation], None, None]:
        """Run the requests; see `loopbench.backends.base.Backend`."""
        if self._closed:
            raise BackendError("The backend is closed.")
        pending = iter(requests)
        running: dict[int, _Running] = {}
        more = True
        try:
            while True:
                fresh: list[int] = []
                while more and len(running) < self.slots:
                    request = next(pending, None)
                    if request is None:
                        more = False
                        break
                    stream = self._prepared(request, watch)
                    if isinstance(stream, Generation):
                        yield request, stream
                        continue
                    seq = next(i for i in range(self.slots) if i not in running)
                    running[seq] = stream
                    fresh.append(seq)
                if not running:
                    return
                yield from self._step(running, fresh)
        finally:
            self._drop += running

    def _prepared(self, request: Request, watch: Watch) -> _Running | Generation:
        """Render a prompt, or return the generation of a request that is not run."""
        intake, prompt = Intake(watch(request)), request.prompt
        if self._renderer is not None:
            try:
                prompt = self._renderer.render(request.chat())
            except TemplateError as error:
                return failed(str(error), "request_failed")
        stream = _Running(request, intake, prompt)
        # A prefix may have used the budget up already.
        if len(request.prefix_ids) >= request.sampling.max_new_tokens:
            return self._ended(stream, LIMIT)
        return stream

    def _ended(self, stream: _Running, end: End) -> Generation:
        return stream.generation(end, templated=self._renderer is not None)

    def _step(
        self, running: dict[int, _Running], fresh: list[int]
    ) -> Generator[tuple[Request, Generation], None, None]:
        """Let the child decode once; yield what ended, after taking it out of `running`."""
        done: list[tuple[Request, Generation]] = []
        try:
            self._revive()
            reply = self._engine.step([running[seq].ask(seq) for seq in fresh], self._drop)
        except NoAnswerError as error:
            done = [(s.request, failed(self._lost(str(error), len(running)), error.raw))
                    for s in running.values()]  # fmt: skip
            running.clear()
            self._drop = []
            yield from done
            return
        self._drop = []
        for seq, count in reply.prompts.items():
            running[seq].prompt_tokens = count
        for seq, problem in reply.refused.items():
            done.append((running.pop(seq).request, failed(problem, "request_failed")))
        for seq, token, piece, end in reply.said:
            stream = running[seq]
            if ended := stream.intake.take([token], [piece], _ENDS.get(end)):
                del running[seq]
                if not end:
                    self._drop.append(seq)
                done.append((stream.request, self._ended(stream, ended)))
                self._credit += 1
        yield from done

    def _lost(self, reason: str, count: int) -> str:
        if self._death is None:
            lost = "1 stream was lost" if count == 1 else f"{count} streams were lost"
            self._death = f"The engine stopped ({reason}); {lost}; resume with --resume."
            return self._death
        return f"Not run: {self._death}"

    def _revive(self) -> None:
        """Start the engine again, unless it died again soon after the last restart."""
        if self._death is None:
            return
        if self._credit < RESTART_CREDIT:
            raise NoAnswerError(self._death, "engine_stopped")
        self._credit = 0
        try:
            self._engine.start()
        except BackendError as error:
            raise NoAnswerError(str(error), "engine_stopped") from error
        self._death = None

    def close(self) -> None:
        """End the engine; idempotent."""
        self._closed = True
        self._engine.stop()
        if self._renderer is not None:
            self._renderer.close()


def open_backend(
    path: Path,
    *,
    name: str | None = None,
    slots: int | None = None,
    threads: int | None = None,
    max_new_tokens: int = 1024,
    prompt_allowance: int = 1024,
    deterministic: bool = False,
    templated: bool = True,
    seed: int = 0,
    stall_s: float = 120.0,
    template_s: float = TEMPLATE_S,
    load_timeout_s: float = 300.0,
    gpu_layers: int = 0,
    flash_attention: str | None = None,
) -> LlamaCppPythonBackend:
    """Load a GGUF model; the parameters are those of `loopbench.backends.llamacpp.backend`.

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
    )
    settings = plan.settings | {"threads": threads or default_threads(), "batch": 512}
    return LlamaCppPythonBackend(
        SteppedProcess(settings, load_timeout_s, stall_s),
        plan.info,
        slots=plan.slots,
        template=plan.header.chat_template if templated else None,
        template_s=template_s,
    )


class _LlamaCppPython:
    """The backend as the registry sees it."""

    name = "llama-cpp-python"
    default_slots = DEFAULT_SLOTS
    capabilities = Capabilities(options=frozenset({"flash_attention"}))

    def describe(
        self, path: Path, *, name: str | None = None, flash_attention: str | None = None
    ) -> ModelInfo:
        """Return the provenance of a model file without loading it; see `GGUFEngine.describe`."""
        return _ENGINE.describe(path, name=name, flash_attention=flash_attention)

    def open(self, path: Path, **settings: Any) -> LlamaCppPythonBackend:
        """Load a model; see `open_backend`."""
        return open_backend(path, **settings)


BACKEND = _LlamaCppPython()
