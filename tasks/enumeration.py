"""List everything with a property: the kind of prompt that provokes counter loops.

A model that loses the property and keeps the counting never ends ("203, 204, 205, …").
The right answer is short, so that a long list is never the right one.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable

from loopbench.tasks.answers import (
    MAX_PAYLOAD,
    candidates,
    final_text,
    last_line,
    no_answer,
    plain,
    verdict,
)
from loopbench.tasks.base import Draft, Procedural
from loopbench.types import Category, Grade, Sample

MAX_ANSWER = 160
"""Characters of a right answer. No tokeniser makes more tokens than characters of ASCII
text, so the answer stays well under a quarter of a budget of 1,024 tokens."""

_WIDTH = {"easy": (25, 45), "medium": (80, 140), "hard": (200, 420)}
_START = {"easy": (10, 150), "medium": (50, 500), "hard": (100, 3_000)}
_WORDS_SHOWN = {"easy": 12, "medium": 22, "hard": 36}
_WORD_SHARE = 0.25

WORDS = (
    "anchor", "apple", "arrow", "autumn", "badge", "balloon", "basket", "beacon", "bottle",
    "breeze", "bridge", "bronze", "bucket", "butter", "button", "cactus", "camera", "candle",
    "canvas", "carbon", "carpet", "castle", "cedar", "chapel", "cherry", "circle", "clover",
    "cobalt", "coffee", "copper", "coral", "cotton", "cradle", "crayon", "cricket", "curtain",
    "dagger", "desert", "diamond", "dinner", "dragon", "eagle", "ember", "engine", "fabric",
    "falcon", "feather", "fiddle", "finger", "flower", "forest", "fossil", "garden", "garlic",
    "ginger", "glacier", "goblet", "granite", "guitar", "hammer", "harbor", "hazel", "helmet",
    "honey", "insect", "island", "ivory", "jacket", "jasmine", "jungle", "kettle", "kitten",
    "ladder", "lantern", "lemon", "lizard", "magnet", "mantle", "maple", "marble", "meadow",
    "mirror", "monkey", "mountain", "muffin", "needle", "nickel", "nutmeg", "ocean", "olive",
    "orange", "orchid", "oyster", "paddle", "palace", "panther", "pebble", "pencil", "pepper",
    "pigeon", "pillow", "planet", "plum", "pocket", "pumpkin", "puzzle", "quartz", "rabbit",
    "raven", "ribbon", "river", "rocket", "saddle", "salmon", "sandal", "scarf", "shadow",
    "shovel", "silver", "spider", "spruce", "squirrel", "stable", "summer", "sunset", "tablet",
    "temple", "thimble", "thunder", "ticket", "timber", "tomato", "tulip", "tunnel", "turtle",
    "valley", "velvet", "violet", "walnut", "wagon", "weasel", "whistle", "willow", "window",
    "winter", "yellow", "zebra", "zipper",
)  # fmt: skip

Property = tuple[str, Callable[[int], bool]]


def _digit_sum(n: int) -> int:
    return sum(map(int, str(n)))


def _is_prime(n: int) -> bool:
    return n > 1 and all(n % d for d in range(2, int(n**0.5) + 1))


def _divisible(rng: random.Random) -> Property:
    a = rng.choice((7, 8, 9, 11, 12, 13, 14, 15, 17, 18, 19))
    b = rng.choice([d for d in (2, 3, 4, 5) if a % d])
    return f"that are divisible by {a} but not by {b}", lambda n: n % a == 0 and n % b != 0


def _remainder(rng: random.Random) -> Property:
    m = rng.randint(9, 31)
    r = rng.randint(1, m - 1)
    return f"that leave the remainder {r} when divided by {m}", lambda n: n % m == r


def _sum_of_digits(rng: random.Random) -> Property:
    s = rng.randint(4, 18)
    return f"whose digits add up to {s}", lambda n: _digit_sum(n) == s


def _prime_ending(rng: random.Random) -> Property:
    d = rng.choice((1, 3, 7, 9))
    return f"that are prime and end in the digit {d}", lambda n: n % 10 == d and _is_prime(n)


def _digits_and_divisor(rng: random.Random) -> Property:
    d, k = rng.randint(1, 9), rng.choice((3, 4, 6, 7))
    text = f"that contain the digit {d} and are divisible by {k}"
    return text, lambda n: str(d) in str(n) and n % k == 0


def _increasing(rng: random.Random) -> Property:
    k = rng.choice((2, 3, 4, 5))
    text = f"whose digits strictly increase from left to right and which are not divisible by {k}"

    def holds(n: int) -> bool:
        digits = str(n)
        return n % k != 0 and all(a < b for a, b in itertools.pairwise(digits))

    return text, holds


def _two_remainders(rng: random.Random) -> Property:
    a, b = rng.sample((3, 4, 5, 7, 8, 9, 11), 2)
    r, s = rng.randint(1, a - 1), rng.randint(1, b - 1)
    text = f"that leave the remainder {r} when divided by {a} and {s} when divided by {b}"
    return text, lambda n: n % a == r and n % b == s


_PROPERTIES: dict[str, tuple[Callable[[random.Random], Property], ...]] = {
    "easy": (_remainder, _divisible, _prime_ending),
    "medium": (_remainder, _divisible, _prime_ending, _sum_of_digits, _digits_and_divisor),
    "hard": (_sum_of_digits, _increasing, _prime_ending, _digits_and_divisor, _two_remainders),
}


def _numbers(rng: random.Random, level: str) -> tuple[str, list[str]]:
    low = rng.randint(*_START[level])
    high = low + rng.randint(*_WIDTH[level])
    text, holds = rng.choice(_PROPERTIES[level])(rng)
    items = [str(n) for n in range(low, high + 1) if holds(n)]
    return f"List, in increasing order, all whole numbers from {low} to {high} {text}.", items


def _words(rng: random.Random, level: str) -> tuple[str, list[str]]:
    shown = rng.sample(WORDS, _WORDS_SHOWN[level])
    letter, k = rng.choice("aeinorlt"), rng.randint(5, 6)
    if rng.random() < 0.5:
        text, items = f"contain the letter {letter!r}", [w for w in shown if letter in w]
    else:
        text = f"have more than {k} letters and contain the letter {letter!r}"
        items = [w for w in shown if len(w) > k and letter in w]
    prompt = f"Here are some words:\n\n{', '.join(shown)}\n\nList, in alphabetical order, "
    return prompt + f"all of them that {text}.", sorted(items)


def parse_items(text: str) -> list[list[str]]:
    """Return the possible readings of a list as items.

    "104,105" is two numbers without a space or one with a thousands separator; both
    readings are returned, and the right list decides.
    """
    text = plain(text[:MAX_PAYLOAD]).lower()
    text = re.sub(r"\\(?:text|,|;|!|[()\[\]{}])", " ", text)
    separate = re.findall(r"[0-9]+|[a-z]+", text)
    joined = re.findall(r"[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+|[a-z]+", text)
    readings = [separate, [item.replace(",", "") for item in joined]]
    return [[item for item in reading if item != "and"] for reading in readings]


class Enumeration(Procedural):
    """List all numbers or words with a property."""

    name = "enumeration"
    category: Category = "reasoning"
    description = "all numbers of a range, or words of a list, with a property"

    def draft(self, rng: random.Random, level: str) -> Draft:
        """Draw until the answer has at least three items and stays short."""
        while True:
            words = rng.random() < _WORD_SHARE
            question, items = (_words if words else _numbers)(rng, level)
            if len(items) >= 3 and len(", ".join(items)) <= MAX_ANSWER:
                break
        prompt = f"{question}\n\nEnd with a line 'Answer: <items separated by commas>'."
        return Draft(prompt, items)

    def grade(self, sample: Sample, text: str) -> Grade:
        """Compare the list, order included; `parts` has the F1 of the items as a set."""
        final = final_text(text)
        if final is None:
            return no_answer()
        expected: list[str] = sample.reference
        stated = candidates(final)
        line = last_line(final)
        if stated:
            chosen = next((c for c in stated if c.explicit), stated[0])
            # A marker may have the list on its own line or on the lines below it.
            answers = [chosen.line, chosen.block]
        elif line:
            answers = [line]
        else:
            return no_answer()
        readings = [reading for answer in answers for reading in parse_items(answer)]
        right = expected in readings
        best = 1.0 if right else max(_f1(reading, expected) for reading in readings)
        return verdict(answers[-1], right, {"items_f1": best})

    def oracle(self, sample: Sample) -> str:
        """State the list."""
        return "Answer: " + ", ".join(sample.reference)


def _f1(found: list[str], expected: list[str]) -> float:
    common = len(set(found) & set(expected))
    return 2 * common / (len(found) + len(expected)) if common else 0.0


TASK = Enumeration()
