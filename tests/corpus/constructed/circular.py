"""Circular ends: no template repeats, and nothing new is said."""

from __future__ import annotations

import random
from collections.abc import Iterable

from .base import Draft, Generator, budget, shuffled, until
from .words import ADJECTIVES, NAMES, NOUNS, prose, sentence


def drifting(rng: random.Random, prompt: str, before: str, parts: Iterable[str]) -> Draft:
    """Return what comes before, and parts beyond a budget, which cuts them."""
    tokens = budget(rng, 450, 900)
    text = before + until(9 * tokens, parts)
    return Draft(prompt, text, tokens, "circular", "length", len(before))


def paraphrase(rng: random.Random, index: int) -> Draft:
    """One statement in ever other words."""
    thing, adjective = rng.choice(NOUNS), rng.choice(ADJECTIVES)
    slots = (
        ("I think", "It seems to me", "In my opinion", "I would say", "I believe", "As I see it"),
        (f"the {thing}", "it", f"this {thing}", f"that {adjective} {thing}"),
        ("is", "has to be", "must be", "surely is", "can only be"),
        ("the answer", "what we want", "the right one", "our solution", "what was asked for"),
        (".", ", I think.", ", really.", "!", ", no doubt."),
    )

    def parts() -> Iterable[str]:
        while True:
            a, b, c, d, e = (rng.choice(slot) for slot in slots)
            yield f"{a} {b} {c} {d}{e} "

    return drifting(rng, "Which one is it?", f"{prose(rng, 3)} ", parts())


def growing_indentation(rng: random.Random, index: int) -> Draft:
    """The same line, each time further to the right."""
    line = ("else:", "return self", "- and so on", "try {")[index % 4]
    step = (1, 2, 1)[index % 3]
    before = f"# {sentence(rng)}\n"
    text = before + "".join(" " * (step * k) + line + "\n" for k in range(1, 160))
    return Draft(
        "Write the function.", text, budget(rng, 300, 420), "circular", "length", len(before)
    )


def drifting_order(rng: random.Random, index: int) -> Draft:
    """The same few sentences, each round in another order."""
    sentences = [sentence(rng) for _ in range(4 + index)]

    def parts() -> Iterable[str]:
        while True:
            yield " ".join(shuffled(rng, sentences)) + ("\n\n" if index % 2 else " ")

    return drifting(rng, "Tell me a story.", f"{prose(rng, 4)}\n\n", parts())


def random_tries(rng: random.Random, index: int) -> Draft:
    """Tries of a small pool in random order, now and then with another word."""
    a, b, c = rng.sample(range(2, 30), 3)
    pool = (
        f"Try {a}+{b}={a + b}, {a + b}*{c}={(a + b) * c}, no. ",
        f"Try {a}*{b}={a * b}, {a * b}-{c}={a * b - c}, no. ",
        f"Try {b}-{c}={b - c}, {b - c}+{a}={b - c + a}, no. ",
        f"Try {b}*{c}={b * c}, {b * c}+{a}={b * c + a}, no. ",
        f"Try {a}+{c}={a + c}, {a + c}-{b}={a + c - b}, no. ",
    )

    def parts() -> Iterable[str]:
        while True:
            word = rng.choice(["no", "no", "not it", "wrong", "still no"])
            yield rng.choice(pool).replace("no", word)

    return drifting(
        rng, f"Reach the target with {a}, {b}, {c}.", "<think>\nLet me search. ", parts()
    )


def changed_word(rng: random.Random, index: int) -> Draft:
    """One of five sentences at random, with one word of it exchanged."""
    name = rng.choice(NAMES)
    pool = (
        "{n} looks at the {x} and waits.", "The {x} is behind {n}.", "{n} asks where the {x} is.",
        "Again the {x} is gone.", "{n} turns round: there is the {x}.",
    )  # fmt: skip
    things = rng.sample(NOUNS, 4)

    def parts() -> Iterable[str]:
        while True:
            yield rng.choice(pool).format(n=name, x=rng.choice(things)) + (
                "\n" if index % 2 else " "
            )

    return drifting(rng, "Go on with the story.", f"{prose(rng, 3)} ", parts())


GENERATORS: dict[str, tuple[Generator, int]] = {
    "near_paraphrase": (paraphrase, 4),
    "near_indentation": (growing_indentation, 3),
    "near_drifting_order": (drifting_order, 3),
    "near_random_tries": (random_tries, 3),
    "near_changed_word": (changed_word, 3),
}
