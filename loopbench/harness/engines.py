"""The engines of a run: opened in this process's machine, or in the actors of a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from loopbench import backends
from loopbench.backends.base import Backend
from loopbench.backends.forms import Target
from loopbench.closeable import Closeable
from loopbench.distributed.cluster import Cluster
from loopbench.distributed.placing import Placement
from loopbench.harness.plan import Settings
from loopbench.harness.targets import options_for
from loopbench.harness.think_budget import with_budget
from loopbench.types import ModelInfo


class Engines(Closeable):
    """Opens backends as the settings say; a context manager that lets a cluster go again.

    Parameters
    ----------
    tell
        Told in one sentence why nothing happens, where that takes long.
    """

    def __init__(self, settings: Settings, tell: Callable[[str], None]) -> None:
        self._settings, self._tell = settings, tell
        cpus = settings.ray_actors * settings.ray_cpus
        self._cluster = Cluster(settings.ray, cpus) if settings.ray else None

    def prepare(self) -> None:
        """Connect to the cluster if there is one, and see that it can hold the engines.

        Raises
        ------
        ValueError
            If it cannot.
        BackendError
            If there is no cluster, or no Ray.
        """
        if self._cluster:
            self._cluster.prepare(self._placement(self._settings.slots or 1), self._tell)

    def _placement(self, slots: int) -> Placement:
        settings = self._settings
        return Placement(
            actors=settings.ray_actors,
            cpus=settings.ray_cpus,
            gpus=settings.ray_gpus,
            slots=slots,
        )

    def open(self, target: Target, model: ModelInfo, allowance: int, most: int) -> Backend:
        """Load a model.

        Parameters
        ----------
        model
            What `describe` said of it: engines elsewhere must have the same.
        allowance
            Context kept for a prompt, in tokens.
        most
            Streams that there can be at the same time: no more slots are opened, since every
            one costs memory and the time to clear it.

        Raises
        ------
        BackendError
            If the engine or the cluster cannot be used.
        """
        settings = self._settings
        slots = min(_slots(target.backend, settings), most)
        asked: dict[str, Any] = {
            "name": model.name,
            "slots": slots,
            "threads": settings.threads,
            "max_new_tokens": settings.max_new_tokens,
            "prompt_allowance": allowance,
            "deterministic": settings.deterministic,
            "seed": settings.seed,
            **options_for(target, settings),
        }
        if self._cluster is None:
            backend = backends.get(target.backend).open(target.place, **asked)
            return with_budget(backend, settings.think_budget)
        from loopbench.distributed.pool import RayBackend

        # An actor may use the CPUs that it was given, not all that are idle beside it.
        asked["threads"] = settings.threads or settings.ray_cpus
        placement = self._placement(slots)
        return RayBackend(self._cluster.ray(), target, model, asked, placement, self._tell)

    def close(self) -> None:
        """Disconnect from a cluster that was connected to here."""
        if self._cluster:
            self._cluster.close()


def _slots(backend: str, settings: Settings) -> int:
    if settings.deterministic:
        return 1
    return settings.slots or backends.get(backend).default_slots


def engine_of(targets: Sequence[Target], settings: Settings) -> dict[str, int | str | None]:
    """Return what a header says of the engines: how fast they are, not what is measured."""
    used = sorted({target.backend for target in targets})
    slots = {_slots(name, settings) for name in used}
    return {
        "backend": "+".join(used),
        # Unknown where the engines of one run differ in it.
        "slots": slots.pop() * settings.ray_actors if len(slots) == 1 else None,
        "threads": settings.threads,
        **settings.engine_options(),
        **({"ray_actors": settings.ray_actors} if settings.ray else {}),
    }
