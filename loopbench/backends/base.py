"""The backend contract: requests in, watched generations out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from loopbench.errors import BackendError
from loopbench.types import Generation, ModelInfo, Request


class StreamWatch(Protocol):
    """Sees the tokens of one stream as they come."""

    def push(self, ids: Sequence[int], pieces: Sequence[str]) -> bool:
        """Take new tokens with the text each of them added; True asks to stop the stream."""
        ...


Watch = Callable[[Request], StreamWatch]


class ThinkingEnd(NamedTuple):
    """How thinking of a model begins and is ended by force.

    A backend whose factory has `ends_thinking = True` returns it from `thinking_end()`.
    """

    ids: tuple[int, ...]
    """Tokens that close a thinking block."""
    pieces: tuple[str, ...]
    """The text of each."""
    opened: bool
    """The chat template ends every prompt inside a block."""


def thinking_end(ids: Sequence[int], closing: str, opened: bool) -> ThinkingEnd:
    """Return a closing text with its ids; all of the text is booked on the last of them."""
    if not ids:
        raise BackendError(f"The model has no tokens for {closing.strip()}: no --think-budget.")
    return ThinkingEnd(tuple(ids), (*[""] * (len(ids) - 1), closing), opened)


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
    """An engine with one model loaded. Used as a context manager."""

    def info(self) -> ModelInfo:
        """Describe the loaded model and the engine."""
        ...

    def generate(
        self, requests: Iterable[Request], watch: Watch
    ) -> Iterator[tuple[Request, Generation]]:
        """Run the requests and yield each with its generation as it ends, in any order.

        Requests are taken from the iterable only when a slot is free. A stream whose
        watch asks to stop ends at once with finish `loop`, and its slot is reused. A
        failure of the engine gives generations with finish `error`; it does not raise.
        """
        ...

    def close(self) -> None:
        """Release the engine; idempotent."""
        ...
