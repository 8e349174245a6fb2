"""Where actors fit: what a run asks of a cluster, against what its machines have. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from loopbench.types import Struct

MOST_KINDS = 4
"""Kinds of machines that a sentence lists."""


class Placement(Struct, frozen=True):
    """How many actors there are, and what each of them needs."""

    actors: int
    cpus: int
    gpus: float
    slots: int
    """Streams at the same time in each actor."""

    def each(self) -> str:
        """Say what one actor needs."""
        gpus = f" and {_count(self.gpus, 'GPU')}" if self.gpus else ""
        return _count(self.cpus, "CPU") + gpus

    def wish(self) -> str:
        """Say what is asked for, as the subject of a sentence."""
        each = " each" if self.actors > 1 else ""
        return f"{_count(self.actors, 'Ray actor')} with {self.each()}{each}"


class Machine(NamedTuple):
    """What a machine of a cluster has, used or not."""

    cpus: float
    gpus: float

    def has(self) -> str:
        """Say it."""
        return f"{_count(self.cpus, 'CPU')} and {_count(self.gpus, 'GPU')}"


def machines(nodes: Iterable[Mapping[str, Any]]) -> list[Machine]:
    """Return the living machines among what `ray.nodes()` lists."""
    alive = [node["Resources"] for node in nodes if node["Alive"]]
    return [Machine(have.get("CPU", 0.0), have.get("GPU", 0.0)) for have in alive]


def room(found: Iterable[Machine], placement: Placement) -> int:
    """Return how many actors fit on the machines while nothing else runs there."""
    return sum(_room_on(machine, placement) for machine in found)


def _room_on(machine: Machine, placement: Placement) -> int:
    by_cpu = int(machine.cpus // placement.cpus)
    if not placement.gpus:
        return by_cpu
    if placement.gpus > 1:
        return min(by_cpu, int(machine.gpus // placement.gpus))
    # A part of a GPU is a part of one and the same GPU. Ray counts in ten-thousandths.
    return min(by_cpu, int(machine.gpus) * (10_000 // round(placement.gpus * 10_000)))


def described(found: Sequence[Machine]) -> str:
    """Say what the machines have: each kind once, the largest first."""
    if not found:
        return "no machine"
    kinds = sorted(Counter(found).items(), key=lambda kind: (kind[0].gpus, kind[0].cpus))[::-1]
    parts = [
        f"{_count(number, 'machine')} with {machine.has()}"
        for machine, number in kinds[:MOST_KINDS]
    ]
    if len(kinds) > MOST_KINDS:
        parts.append(f"{sum(number for _, number in kinds[MOST_KINDS:])} smaller ones")
    return ", ".join(parts)


def free(resources: Mapping[str, float]) -> str:
    """Say what of a cluster is not in use, from `ray.available_resources()`."""
    return " and ".join(_count(resources.get(name, 0.0), name) for name in ("CPU", "GPU"))


def _count(number: float, what: str) -> str:
    return f"{f'{number:g}' if number else 'no'} {what}{'' if number == 1 else 's'}"
