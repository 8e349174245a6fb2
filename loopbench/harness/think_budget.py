"""A budget for the thinking alone: an open block is closed by force, and the answer follows.

The stream is cut where the budget is used up, the text that ends the model's thinking is put
behind it, and the generation goes on from there as an audit does, by its token ids.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from typing import cast

import msgspec

from loopbench.backends.base import Backend, StreamWatch, ThinkingBackend, ThinkingEnd, Watch
from loopbench.judging.thinking import ThinkingState
from loopbench.types import Generation, ModelInfo, Output, Request, Thinking

_ANSWER = "/answer"
"""Ends the key of the second part, which then draws random numbers of its own."""


class _Part:
    """One output while it is generated; the watch of its first part.

    A loop inside the thinking does not stop the stream: the budget is about to end it, and
    what follows is not known. The watch for loops begins anew behind the block.
    """

    def __init__(self, request: Request, watch: Watch, end: ThinkingEnd, limit: int) -> None:
        self.request, self.first = request, None
        self.cut: int | None = None
        """Tokens up to the cut."""
        self._watch, self._loops = watch, watch(request)
        self._state = ThinkingState(end.opened)
        self._limit = limit
        # The closing text and one token of an answer must fit.
        self._room = request.sampling.max_new_tokens - len(end.ids) - 1
        self._tokens = 0

    first: Generation | None

    def push(self, ids: Sequence[int], pieces: Sequence[str]) -> bool:
        """See `loopbench.backends.base.StreamWatch.push`."""
        for one, piece in zip(ids, pieces, strict=True):
            was_open = self._state.open
            self._state.push(piece)
            self._tokens += 1
            looped = self._loops.push([one], [piece])
            if self._state.open:
                if self._used_up():
                    self.cut = self._tokens
                    return True
            elif was_open:
                self._loops = self._watch(self.request)
            elif looped:
                return True
        return False

    def _used_up(self) -> bool:
        return (
            self._state.tokens >= self._limit
            and not self._state.closing_begun
            and self._tokens <= self._room
        )

    def go_on(self, generation: Generation, end: ThinkingEnd) -> Request:
        """Keep the first part up to the cut, close its thinking, and return what is next."""
        assert self.cut is not None
        surplus = len(generation.token_ids) - self.cut
        closed = Output.of(
            [*generation.token_ids[: self.cut], *end.ids],
            [*generation.pieces[: self.cut], *end.pieces],
        )
        self.first = msgspec.structs.replace(
            generation,
            text=closed.text,
            token_ids=closed.token_ids,
            token_chars=closed.token_chars,
            output_tokens=generation.output_tokens - surplus + len(end.ids),
        )
        return msgspec.structs.replace(
            self.request,
            key=self.request.key + _ANSWER,
            prefix_ids=tuple(self.first.token_ids),
            prefix_text=self.first.text,
            prefix_tokens=self.first.output_tokens,
        )

    def whole(self, last: Generation, end: ThinkingEnd) -> Generation:
        """Return the output with what became of its thinking; `last` is its last part."""
        if last.finish == "error":
            return last
        if self.first is None or self.cut is None:
            return msgspec.structs.replace(
                last,
                thinking=thinking_of(last, end.opened),
                opened_thinking=last.opened_thinking or end.opened,
            )
        first, joined = self.first, Output.joined([self.first, last])
        return msgspec.structs.replace(
            last,
            text=joined.text,
            token_ids=joined.token_ids,
            token_chars=joined.token_chars,
            prompt_tokens=first.prompt_tokens,
            output_tokens=first.output_tokens + last.output_tokens,
            seconds=first.seconds + last.seconds,
            opened_thinking=first.opened_thinking or end.opened,
            thinking=Thinking(
                tokens=self._state.tokens,
                finish="budget",
                closed_at=self.cut,
                closing_tokens=len(end.ids),
            ),
        )


def thinking_of(generation: Generation, opened: bool) -> Thinking:
    """Return how much an output thought and how that ended, where nothing was closed by force."""
    state = ThinkingState(opened or generation.opened_thinking)
    for piece in generation.pieces:
        state.push(piece)
    if not state.seen:
        return Thinking(tokens=0, finish="none")
    return Thinking(tokens=state.tokens, finish="open" if state.open else "closed")


class ThinkBudget:
    """A backend whose outputs think for `limit` tokens at most; see the module.

    Once per output: a model that opens another block after that is let run, since closing it
    again and again would be a loop of our own making. Continuations of an output (audits)
    are passed on as they are.

    Parameters
    ----------
    backend
        Generates.
    end
        What ends this model's thinking.
    limit
        Most tokens of thinking.
    """

    def __init__(self, backend: Backend, end: ThinkingEnd, limit: int) -> None:
        self._backend, self._end, self._limit = backend, end, limit

    def info(self) -> ModelInfo:
        """Describe the loaded model and the engine."""
        return self._backend.info()

    def close(self) -> None:
        """Release the engine; idempotent."""
        self._backend.close()

    def generate(
        self, requests: Iterable[Request], watch: Watch
    ) -> Generator[tuple[Request, Generation], None, None]:
        """Run the requests; see `loopbench.backends.base.Backend`.

        The answer of a cut output goes before the next request. Where no request is left,
        the answers that are due are asked in another round.
        """
        new, ready = iter(requests), deque[Request]()
        parts: dict[str, _Part] = {}

        def feed() -> Iterator[Request]:
            while True:
                request = ready.popleft() if ready else next(new, None)
                if request is None:
                    return
                yield request

        def watched(request: Request) -> StreamWatch:
            if request.prefix_ids:
                return watch(request)
            parts[request.key] = _Part(request, watch, self._end, self._limit)
            return parts[request.key]

        while True:
            results = self._backend.generate(feed(), watched)
            with closing(results):
                for request, generation in results:
                    part = parts.get(request.key.removesuffix(_ANSWER))
                    if part and part.first is None and part.cut and generation.finish == "loop":
                        ready.append(part.go_on(generation, self._end))
                    elif part:
                        del parts[part.request.key]
                        yield part.request, part.whole(generation, self._end)
                    else:
                        yield request, generation
            if not ready:
                return


def with_budget(backend: Backend, limit: int | None) -> Backend:
    """Return the backend under a thinking budget, or itself without one."""
    if limit is None:
        return backend
    try:
        return ThinkBudget(backend, cast(ThinkingBackend, backend).thinking_end(), limit)
    except BaseException:
        backend.close()
        raise
