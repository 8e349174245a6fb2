"""Circular ends after real progress: a few ideas come back in other order and other words."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import count

from . import circular_sums as sums
from .base import Draft, Generator
from .rounds import (
    Order,
    Scene,
    Speaker,
    drifting,
    leading,
    paragraphs,
    round_and_round,
    scenes,
    shuffling,
    stuck,
    taking_turns,
    without_echo,
)


def told(kind: str, *orders: Order) -> tuple[Generator, int]:
    """Return the generator of one kind whose scenes are read, and how many there are."""

    def generate(rng: random.Random, index: int) -> Draft:
        order = orders[index % len(orders)] if orders else None
        return round_and_round(rng, scenes(kind)[index], order)

    return generate, len(scenes(kind))


def in_paragraphs(kind: str, *, numbered: bool) -> tuple[Generator, int]:
    """Return the generator of a kind that goes round in paragraphs or in lists."""

    def generate(rng: random.Random, index: int) -> Draft:
        return paragraphs(rng, scenes(kind)[index], numbered)

    return generate, len(scenes(kind))


def computed(*makers: Callable[[random.Random], Scene]) -> tuple[Generator, int]:
    """Return the generator of a kind whose scenes have numbers of their own."""

    def generate(rng: random.Random, index: int) -> Draft:
        order = (drifting, leading)[rng.randrange(2)]
        return round_and_round(rng, makers[index](rng), order)

    return generate, len(makers)


def listed(rng: random.Random, index: int) -> Draft:
    """Items of a small stock; in one of the lists they have numbers."""
    scene = scenes("list")[index]
    if "\n1. " not in scene.before:
        return round_and_round(rng, scene, (shuffling, leading)[index % 2])
    speaker = Speaker(rng, scene, rng.uniform(0.25, 0.75))
    n = len(scene.ideas)
    numbers = count(scene.before.count("\n") - 1)

    def say(which: int) -> str:
        return f"{next(numbers)}. {speaker.words(which)}\n"

    before = scene.before + "".join(say(i) for i in range(n))
    parts: Iterator[str] = without_echo(leading(rng, n), say)
    return stuck(rng, scene.prompt, before, parts, f"{n} items, numbered")


GENERATORS: dict[str, tuple[Generator, int]] = {
    "circular_alternatives": told("alternatives"),
    "circular_restating": told("restating", drifting, leading),
    "circular_options": told("options", shuffling, leading),
    "circular_dialogue": told("dialogue", taking_turns),
    "circular_plan": in_paragraphs("plan", numbered=True),
    "circular_code_thoughts": told("code_thoughts"),
    "circular_essay": in_paragraphs("essay", numbered=False),
    "circular_list": (listed, 4),
    "circular_apology": told("apology"),
    "circular_translation": told("translation", drifting, leading),
    "circular_story": told("story"),
    "circular_agent": told("agent", drifting, leading),
    "circular_languages": told("languages"),
    "circular_equation": computed(sums.tickets, sums.rectangle, sums.mean_speed, sums.discount),
    "circular_double_check": computed(
        sums.product_and_sum, sums.letters_in_word, sums.day_of_week, sums.shared_bill
    ),
    "circular_search": computed(sums.jugs, sums.maze, sums.anagram, sums.four_numbers),
}
