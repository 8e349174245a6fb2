"""Words, and varied sentences made of them."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator


def _split(words: str) -> list[str]:
    return words.split()


NAMES = _split(
    "Amara Bjorn Chidi Daria Emre Farah Goran Hana Ines Jonas Keiko Lamar Mirela Nadia Oskar "
    "Priya Quentin Rosa Samir Tomas Ulla Vikram Wanda Ximena Yusuf Zofia Anouk Bilal Carmen "
    "Dmitri Elif Fabio Greta Hugo Imani Jelena Kofi Leila Marek Noor"
)
SURNAMES = _split(
    "Abara Berg Castillo Duarte Eriksen Fontaine Gupta Haddad Ivanova Jansen Kowalski Lindqvist "
    "Moreau Nakamura Okafor Petrov Quispe Rossi Silva Tanaka Ueda Varga Weber Yilmaz Zhang Novak"
)
CITIES = _split(
    "Lagos Bergen Porto Quito Tunis Oslo Lima Hanoi Accra Turin Ghent Split Basel Perth Osaka "
    "Cusco Leeds Graz Izmir Malmo Davao Kigali Brno Salta Tartu"
)
NOUNS = _split(
    "lamp river ledger engine garden bridge mirror harbour basket signal tower carpet kettle "
    "anchor meadow window lantern pocket violin ladder magnet quarry saddle tunnel valley wagon "
    "blanket candle drawer feather glacier hammer island jacket kernel lever market needle orchard "
    "pebble quilt ribbon shovel thread umbrella vessel whistle yard compass barrel"
)
ADJECTIVES = _split(
    "quiet narrow amber broken distant early faded gentle heavy hollow idle keen late mild "
    "northern open pale rapid silent steep tidy uneven vivid warm young ancient brisk calm dusty "
    "eager frozen green humble iron"
)
VERBS = _split(
    "carries follows lifts mends counts hides measures paints repairs sells watches weighs "
    "borrows cleans draws empties finds guards hangs joins keeps leaves moves notices orders "
    "pulls reads sorts turns visits"
)
ADVERBS = _split("slowly twice carefully again tomorrow alone early often quickly seldom")
PRODUCTS = _split(
    "rice flour soap tea salt honey beans copper wire rope paint nails paper ink glue sand "
    "cement tiles cork wax linen wool lentils oats pepper"
)
COLOURS = _split("red green blue grey white black ochre violet teal brown pink gold")
MONTHS = _split(
    "January February March April May June July August September October November December"
)
WEEKDAYS = _split("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
TOPICS = [
    "tides",
    "railway gauges",
    "bees",
    "glass making",
    "river deltas",
    "clock towers",
    "salt mines",
    "paper mills",
    "lighthouses",
    "canal locks",
    "wind power",
    "sourdough",
    "map projections",
    "soil types",
    "sea ice",
    "typefaces",
]

PATTERNS = (
    "The {a} {n} {v} the {n2}.",
    "In {c}, {p} {v} a {a} {n} and {v2} the {n2}.",
    "{p} says that the {n} of {c} is {a}, but nobody {v} it.",
    "Why the {n} {v} {d} is not known in {c}.",
    "After {k} years the {a} {n} was sold to {p} {s}.",
    "A {n} without a {n2} is of little use, as {p} noted in {m}.",
    "Each {a} {n} needs a {n2}; the one in {c} has {k}.",
    "{p} {s} {v} {d} and then {v2} every {a} {n}.",
    "If the {n} is {a}, the {n2} must be {a2}.",
    "There were {k} {n}s near {c} before {m}.",
    "Nothing in the {a} {n} reminds {p} of {c}.",
    "So {p} {v} the {n}, while {p2} {v2} a {a} {n2} {d}.",
    "It took {k} days to bring the {n} from {c} to the {a} {n2}.",
    "People in {c} call it the {a} {n}, which {p} finds odd.",
    "Only the {n} and the {a} {n2} remained.",
    "By {m}, {p} had seen a {a} {n} in {c}, and {p2} had not.",
)


def sentence(rng: random.Random) -> str:
    """Write one sentence; the number of possible ones is in the millions."""
    n, n2 = rng.sample(NOUNS, 2)
    a, a2 = rng.sample(ADJECTIVES, 2)
    v, v2 = rng.sample(VERBS, 2)
    p, p2 = rng.sample(NAMES, 2)
    text = rng.choice(PATTERNS).format(
        n=n, n2=n2, a=a, a2=a2, v=v, v2=v2, p=p, p2=p2,
        c=rng.choice(CITIES), d=rng.choice(ADVERBS), s=rng.choice(SURNAMES),
        m=rng.choice(MONTHS), k=rng.randint(2, 97),
    )  # fmt: skip
    return re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", text)


def prose(rng: random.Random, sentences: int) -> str:
    """Write a paragraph of varied sentences."""
    return " ".join(sentence(rng) for _ in range(sentences))


def sentences(rng: random.Random) -> Iterator[str]:
    """Yield varied sentences without end, paragraph breaks among them."""
    while True:
        yield sentence(rng) + rng.choice([" ", " ", " ", " ", "\n\n"])


def full_name(rng: random.Random) -> str:
    """Draw a first and a last name."""
    return f"{rng.choice(NAMES)} {rng.choice(SURNAMES)}"


def identifier(rng: random.Random) -> str:
    """Draw a name in snake case."""
    return f"{rng.choice(VERBS).removesuffix('s')}_{rng.choice(NOUNS)}"


def date(rng: random.Random) -> str:
    """Draw a date as yyyy-mm-dd."""
    return f"{rng.randint(1990, 2029)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
