"""The backend contract: requests in, watched generations out."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from loopbench.errors import BackendError
from loopbench.files.recordings import Recording
from loopbench.types import Generation, ModelInfo, Request


class StreamWatch(Protocol):
    """Sees the tokens of one stream as they come."""

    def push(self, ids: Sequence[int], pieces: Sequence[str]) -> bool:
        """Take new tokens with the text each of them added; True asks to stop the stream."""
        ...


Watch = Callable[[Request], StreamWatch]


class ThinkingEnd(NamedTuple):
    """How thinking of a model begins and is ended by force."""

    ids: tuple[int, ...]
    """Tokens that close a thinking block."""
    pieces: tuple[str, ...]
    """The text of each."""
    opened: bool
    """The chat template ends every prompt inside a block."""


def thinking_end(ids: Sequence[int], text: str, opened: bool) -> ThinkingEnd:
    """Return the text that ends thinking with its ids; all of it is booked on the last of them.

    Parameters
    ----------
    ids
        Ids of `text`.
    text
        What ends a thinking block.
    opened
        The chat template ends every prompt inside a block.
    """
    if not ids:
        raise BackendError(f"The model has no tokens for {text.strip()}: no --think-budget.")
    return ThinkingEnd(tuple(ids), (*[""] * (len(ids) - 1), text), opened)


def failed(message: str, raw: str) -> Generation:
    """Return the generation that stands for a failure; `raw` names its kind."""
    return Generation.of(
        [],
        [],
        finish="error",
        raw_finish=raw,
        prompt_tokens=0,
        output_tokens=0,
        seconds=0.0,
        error=message,
    )


class Backend(Protocol):
    """An engine with one model loaded."""

    def info(self) -> ModelInfo:
        """Describe the loaded model and the engine."""
        ...

    def generate(
        self, requests: Iterable[Request], watch: Watch
    ) -> Generator[tuple[Request, Generation], None, None]:
        """Run the requests and yield each with its generation as it ends, in any order.

        Requests are taken from the iterable only when a slot is free. A stream whose
        watch asks to stop ends at once with finish `loop`, and its slot is reused. A
        failure of the engine gives generations with finish `error`; it does not raise.
        """
        ...

    def close(self) -> None:
        """Release the engine; idempotent."""
        ...


class ThinkingBackend(Backend, Protocol):
    """An engine that can go on after a thinking block that was closed by force."""

    def thinking_end(self) -> ThinkingEnd:
        """Return what ends a thinking block of this model; raise `BackendError` if nothing can."""
        ...


class Capabilities(NamedTuple):
    """What a kind of engine can do beyond generating."""

    options: frozenset[str] = frozenset()
    """Those of `--device`, `--dtype`, `--api` and `--flash-attention` that it takes."""
    ends_thinking: bool = False
    """Its backends are `ThinkingBackend`s: `--think-budget` works."""
    constrains: bool = False
    """Requests may carry a JSON schema: `--constrained` works."""
    recorded: bool = False
    """It is a `RecordingFactory`, which says itself what is asked."""


class BackendFactory(Protocol):
    """What the `backend` module of an engine exposes as `BACKEND`."""

    name: str
    default_slots: int
    """Streams at the same time where nothing else is asked for."""
    capabilities: Capabilities

    def describe(self, place: Any, *, name: str | None = None, **options: Any) -> ModelInfo:
        """Return the provenance of a model without loading it.

        Parameters
        ----------
        place
            Path, URL or hub id.
        name
            Short name for tables; None leaves it to the backend.
        options
            Those of its `capabilities.options` that were given.
        """
        ...

    def open(self, place: Any, **settings: Any) -> Backend:
        """Load the model; the settings are the backend's own, with `options` as above."""
        ...


class RecordingFactory(BackendFactory, Protocol):
    """A factory whose outputs were made before."""

    def recording(self, place: Any) -> Recording:
        """Return what was recorded: samples, samplings, and which repeats of each there are."""
        ...
