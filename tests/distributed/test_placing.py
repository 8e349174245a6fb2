"""Which actors fit where, and how it is said."""

from __future__ import annotations

import pytest

from loopbench.distributed.placing import Machine, Placement, described, free, machines, room


def placement(actors: int = 1, cpus: int = 1, gpus: float = 0.0) -> Placement:
    return Placement(actors=actors, cpus=cpus, gpus=gpus, slots=1)


def test_only_living_machines_count() -> None:
    nodes = [
        {"Alive": True, "Resources": {"CPU": 4.0, "GPU": 1.0, "memory": 1e9}},
        {"Alive": False, "Resources": {"CPU": 64.0}},
        {"Alive": True, "Resources": {"memory": 1e9}},
    ]
    assert machines(nodes) == [Machine(4, 1), Machine(0, 0)]


@pytest.mark.parametrize(
    ("found", "asked", "fit"),
    [
        ([], placement(), 0),
        ([Machine(2, 0)], placement(cpus=1), 2),
        ([Machine(2, 0)], placement(cpus=3), 0),
        # Two machines with two CPUs are not one with four.
        ([Machine(2, 0), Machine(2, 0)], placement(cpus=3), 0),
        ([Machine(5, 0), Machine(4, 0), Machine(1, 0)], placement(cpus=2), 4),
        ([Machine(8, 0)], placement(gpus=1), 0),
        ([Machine(8, 4)], placement(gpus=1), 4),
        ([Machine(8, 4)], placement(gpus=2), 2),
        ([Machine(2, 4)], placement(gpus=1), 2),
        ([Machine(8, 2)], placement(gpus=0.5), 4),
        ([Machine(64, 1)], placement(gpus=0.1), 10),
        # An actor has its share of one GPU, not the rests of two.
        ([Machine(8, 2)], placement(gpus=0.6), 2),
    ],
)
def test_room(found: list[Machine], asked: Placement, fit: int) -> None:
    assert room(found, asked) == fit


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (placement(), "1 Ray actor with 1 CPU"),
        (placement(gpus=1), "1 Ray actor with 1 CPU and 1 GPU"),
        (placement(2, 4, 0.5), "2 Ray actors with 4 CPUs and 0.5 GPUs each"),
    ],
)
def test_the_wish(asked: Placement, sentence: str) -> None:
    assert asked.wish() == sentence


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        ([], "no machine"),
        ([Machine(1, 0)], "1 machine with 1 CPU and no GPUs"),
        (
            [Machine(4, 0), Machine(8, 1), Machine(4, 0)],
            "1 machine with 8 CPUs and 1 GPU, 2 machines with 4 CPUs and no GPUs",
        ),
        (
            [Machine(n, 0) for n in (1, 2, 3, 4, 5, 6, 6)],
            "2 machines with 6 CPUs and no GPUs, 1 machine with 5 CPUs and no GPUs, "
            "1 machine with 4 CPUs and no GPUs, 1 machine with 3 CPUs and no GPUs, "
            "2 smaller ones",
        ),
    ],
)
def test_what_machines_have(found: list[Machine], sentence: str) -> None:
    assert described(found) == sentence


def test_what_is_free() -> None:
    assert free({"CPU": 1.0, "GPU": 0.5, "memory": 3.0}) == "1 CPU and 0.5 GPUs"
    assert free({}) == "no CPUs and no GPUs"
