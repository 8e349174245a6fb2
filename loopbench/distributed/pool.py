"""A backend whose streams run in Ray actors, each with an engine of its own.

The run loop asks it like any other: what it judges, stores, audits and resumes is the same
with one machine and with many.
"""

from __future__ import annotations

import queue
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

import loopbench
from loopbench.backends.base import Watch, failed
from loopbench.backends.forms import Target, split_name
from loopbench.closeable import Closeable
from loopbench.distributed.cluster import PATIENCE_S
from loopbench.distributed.placing import Placement, described, free, machines, room
from loopbench.distributed.waiting import TELL_EVERY_S
from loopbench.distributed.worker import Worker
from loopbench.errors import BackendError
from loopbench.judging.progress import Progress, Silent, Watching
from loopbench.types import Generation, ModelInfo, Request

MOST_LOSSES = 3
"""Actors that a request, or a place in the pool, may lose before it is given up."""
COUNT_EVERY_S = 1.0
CLOSE_S = 5.0


@dataclass(eq=False)
class _Seat:
    """A place in the pool: its actor may be lost and another one started."""

    actor: Any
    placed: bool = False
    """Whether the cluster has found a machine for the actor."""
    ready: bool = False
    """Whether the actor has loaded the model."""
    losses: int = 0
    """Since the last generation that ended well."""
    flying: set[str] = field(default_factory=set)


class _Event(NamedTuple):
    """A call that has come back: a load, or a generation."""

    seat: _Seat
    actor: Any
    """Which of the seat's actors was called."""
    request: Request | None
    future: Future[Any]


class RayBackend(Closeable):
    """Actors that each hold a backend, as one backend.

    Parameters
    ----------
    ray
        The module, connected to a cluster.
    target, settings
        What every actor loads, and how.
    model
        What this machine says of it; an actor that says something else is refused.
    placement
        How many actors there are, and what each of them needs.
    tell
        Told in one sentence what is waited for, and that an actor was lost.

    Raises
    ------
    BackendError
        If no actor can load the model.
    """

    def __init__(
        self,
        ray: Any,
        target: Target,
        model: ModelInfo,
        settings: dict[str, Any],
        placement: Placement,
        tell: Callable[[str], None],
    ) -> None:
        self._ray, self._target, self._model = ray, _anywhere(target), model
        self._settings, self._placement, self._tell = settings, placement, tell
        self._events: queue.SimpleQueue[_Event] = queue.SimpleQueue()
        self._lost: tuple[type[Exception], ...] = (
            ray.exceptions.RayActorError,
            ray.exceptions.ObjectLostError,
        )
        self._problem = "No actor was started"
        self._counted = self._told = self._had_room = time.monotonic()
        # More than the slots: the next request is there before its slot is free.
        self._load = 2 * placement.slots
        self.slots = placement.slots * placement.actors
        remote = ray.remote(Worker)
        self._new = remote.options(
            num_cpus=placement.cpus,
            num_gpus=placement.gpus,
            max_concurrency=self._load + 8,
        ).remote
        self._seats: list[_Seat] = []
        try:
            for _ in range(placement.actors):
                seat = _Seat(self._new())
                self._seats.append(seat)
                self._begin(seat)
            while not any(seat.ready for seat in self._seats):
                if not self._seats:
                    raise BackendError(f"{self._problem}.")
                self._take(self._next(Silent()))
        except BaseException:
            self.close()
            raise

    def info(self) -> ModelInfo:
        """Describe the model, which is the same in every actor."""
        return self._model

    def generate(
        self, requests: Iterable[Request], watch: Watch
    ) -> Generator[tuple[Request, Generation], None, None]:
        """Run the requests; see `loopbench.backends.base.Backend`.

        Up to twice as many requests are taken as there are slots. What was running in an
        actor that is lost is generated again in another one.

        Parameters
        ----------
        watch
            A `loopbench.judging.progress.Watching`: its rules are sent to the actors.
        """
        if not isinstance(watch, Watching):
            raise TypeError("streams in actors are watched by rules, which can be sent there")
        again: deque[Request] = deque()
        pending, losses, flying = _Rest(requests), Counter[str](), set[str]()
        while True:
            while (seat := self._freest()) and (request := _popped(again) or pending.next()):
                flying.add(request.key)
                seat.flying.add(request.key)
                self._call(seat, request, seat.actor.run.remote(request, watch.rules))
            if not flying and not again and pending.ended:
                self._count(watch.progress)
                return
            if not flying and not self._seats:
                sentence = f"Not run: {self._problem}; resume with --resume."
                while request := _popped(again) or pending.next():
                    yield request, failed(sentence, "no_actor")
                return
            event = self._next(watch.progress)
            result = self._take(event)
            if event.request is None or event.request.key not in flying:
                continue
            flying.remove(event.request.key)
            if isinstance(result, Generation):
                yield event.request, result
                continue
            losses[event.request.key] += 1
            if losses[event.request.key] < MOST_LOSSES:
                again.append(event.request)
                continue
            lost = failed(f"Its Ray actor was lost {MOST_LOSSES} times.", "actor_lost")
            yield event.request, lost

    def _next(self, progress: Progress) -> _Event:
        """Wait for an event, and tell every second how many tokens there are."""
        while True:
            if time.monotonic() - self._counted >= COUNT_EVERY_S:
                self._count(progress)
                self._look_for_room()
            with suppress(queue.Empty):
                return self._events.get(timeout=COUNT_EVERY_S)

    def _freest(self) -> _Seat | None:
        """Return the loaded actor with the fewest requests, if it may take one more."""
        seats = [seat for seat in self._seats if seat.ready]
        best = min(seats, key=lambda seat: len(seat.flying), default=None)
        return best if best and len(best.flying) < self._load else None

    def _begin(self, seat: _Seat) -> None:
        """Load the model in a fresh actor."""
        actor, seat.placed = seat.actor, False

        def placed(done: Future[Any]) -> None:
            seat.placed = seat.placed or (seat.actor is actor and done.exception() is None)

        actor.__ray_ready__.remote().future().add_done_callback(placed)
        self._call(seat, None, actor.load.remote(self._target, self._settings))

    def _look_for_room(self) -> None:
        """Say every now and then what actors wait for; give up if no machine can hold one."""
        now, waiting = time.monotonic(), [seat for seat in self._seats if not seat.placed]
        if not waiting:
            self._told = self._had_room = now
        if now - self._told < TELL_EVERY_S:
            return
        self._told = now
        found = machines(self._ray.nodes())
        lack = f"{len(waiting)} of {self._placement.wish()}: the cluster has {described(found)}"
        if room(found, self._placement) or len(waiting) < len(self._seats):
            self._had_room = now
        elif now - self._had_room >= PATIENCE_S:
            for seat in waiting:
                self._give_up(seat, f"No machine for {lack}")
            return
        self._tell(f"Waiting for {lack}; free are {free(self._ray.available_resources())}.")

    def _count(self, progress: Progress) -> None:
        """Ask the actors how many tokens they have generated."""
        for reference in [seat.actor.tokens.remote() for seat in self._seats if seat.ready]:
            # Of a lost actor the calls for generations tell.
            with suppress(self._ray.exceptions.RayError):
                progress.token(self._ray.get(reference, timeout=COUNT_EVERY_S))
        self._counted = time.monotonic()

    def _call(self, seat: _Seat, request: Request | None, reference: Any) -> None:
        future: Future[Any] = reference.future()
        actor = seat.actor
        future.add_done_callback(lambda done: self._events.put(_Event(seat, actor, request, done)))

    def _take(self, event: _Event) -> Generation | None:
        """Note what an event says of its actor, and return its generation if it has one."""
        seat = event.seat
        if event.request:
            seat.flying.discard(event.request.key)
        try:
            result = event.future.result()
        except self._lost as error:
            if event.actor is seat.actor and seat in self._seats:
                self._replace(seat, f"A Ray actor was lost ({_first_line(error)})")
            return None
        except Exception as error:
            cause = getattr(error, "cause", error)
            if event.request:
                raise cause from None
            # It cannot be loaded there: it would not be by another start either.
            self._give_up(seat, str(cause).rstrip("."))
            return None
        if isinstance(result, Generation):
            seat.losses = 0
            return result
        self._welcome(seat, *result)
        return None

    def _welcome(self, seat: _Seat, model: ModelInfo, version: str) -> None:
        """Take a loaded actor in, if it measures what the header says."""
        mine, theirs = (
            (m.fingerprint, m.engine, m.engine_version, v)
            for m, v in ((self._model, loopbench.__version__), (model, version))
        )
        if mine == theirs:
            seat.ready = True
            return
        first = next(pair for pair in zip(mine, theirs, strict=True) if pair[0] != pair[1])
        self._give_up(
            seat, f"An actor has {first[1]} where this machine has {first[0]}: install the same"
        )

    def _replace(self, seat: _Seat, problem: str) -> None:
        """Start another actor for one that is lost, unless too many were."""
        seat.ready = False
        seat.losses += 1
        if seat.losses >= MOST_LOSSES:
            self._give_up(seat, problem)
            return
        self._kill(seat)
        self._tell(f"{problem}: another one is started.")
        seat.actor = self._new()
        self._begin(seat)

    def _give_up(self, seat: _Seat, problem: str) -> None:
        self._problem = problem
        seat.ready = False
        if seat in self._seats:
            self._seats.remove(seat)
            if self._seats:
                self._tell(f"{problem}. {len(self._seats)} of the actors are left.")
        self._kill(seat)

    def _kill(self, seat: _Seat) -> None:
        with suppress(Exception):
            self._ray.kill(seat.actor)

    def close(self) -> None:
        """End the actors and their engines; idempotent."""
        seats, self._seats = self._seats, []
        if not self._ray.is_initialized():
            return
        with suppress(Exception):
            closing = [seat.actor.close.remote() for seat in seats if seat.ready]
            self._ray.wait(closing, num_returns=len(closing), timeout=CLOSE_S)
        for seat in seats:
            self._kill(seat)


def _anywhere(target: Target) -> Target:
    """Return a target that means the same in another working directory."""
    if not Path(split_name(target.place)[0]).exists():
        return target
    return msgspec.structs.replace(target, place=str(Path(target.place).absolute()))


class _Rest:
    """Requests that were not taken yet. Once there is none, it is not asked again."""

    def __init__(self, requests: Iterable[Request]) -> None:
        self._requests = iter(requests)
        self.ended = False

    def next(self) -> Request | None:
        """Return the next request; None at the end."""
        request = None if self.ended else next(self._requests, None)
        self.ended = request is None
        return request


def _popped(requests: deque[Request]) -> Request | None:
    return requests.popleft() if requests else None


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")
