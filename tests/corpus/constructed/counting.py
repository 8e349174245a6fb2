"""Counter loops: one block over and over, in which numbers advance by a constant step."""

from __future__ import annotations

import datetime
import itertools
import random
from collections.abc import Iterable

from .base import Draft, Generator, budget, until
from .words import CITIES, COLOURS, NAMES, NOUNS, identifier, prose, sentence


def counted(
    rng: random.Random, prompt: str, before: str, lines: Iterable[str], note: str | None = None
) -> Draft:
    """Return what comes before, and counted lines beyond a budget, which cuts them."""
    tokens = budget(rng, 400, 950)
    text = before + until(9 * tokens, lines)
    return Draft(prompt, text, tokens, "counter", "length", len(before), note)


def plain(rng: random.Random, index: int) -> Draft:
    """Counting, and nothing else."""
    form = ("{}, ", "{}\n", "{} ", "{}... ")[index % 4]
    start = rng.choice([0, 1, 1, 17, 196, 2_970])
    lines = (form.format(n) for n in itertools.count(start))
    return counted(rng, "How many ways are there?", f"{prose(rng, 2)} The numbers are ", lines)


def same_body(rng: random.Random, index: int) -> Draft:
    """A numbered list whose items are all the same."""
    form = ("{}. {}\n", "Step {}: {}\n", "({}) {} ", "**{}.** {}\n\n", "{}) {}\n")[index % 5]
    body = sentence(rng)
    while any(c.isdigit() for c in body):
        body = sentence(rng)
    lines = (form.format(n, body) for n in itertools.count(1))
    return counted(rng, "List the reasons.", f"{prose(rng, 2)}\n\n", lines)


def cycling_body(rng: random.Random, index: int) -> Draft:
    """A numbered list of a few bodies that come round again."""
    bodies = rng.sample(NOUNS, 2 + index)
    form = ("{}. The {} is full.\n", "{}: {}, ", "- Item {}: check the {} of the house\n")[
        index % 3
    ]
    lines = (form.format(n, bodies[n % len(bodies)]) for n in itertools.count(1))
    return counted(rng, "Name a hundred things.", f"{sentence(rng)}\n", lines)


def inside_sentence(rng: random.Random, index: int) -> Draft:
    """The number stands within a sentence."""
    name, thing = rng.choice(NAMES), rng.choice(NOUNS)
    form = (
        "After {} minutes " + f"{name} still has the {thing}. ",
        f"{name} takes the {thing} back to room " + "{} and waits. ",
        "So we have {} " + f"{thing}s, and we add one more.\n",
    )[index % 3]
    lines = (form.format(n) for n in itertools.count(rng.randint(2, 60)))
    return counted(rng, f"Where is the {thing}?", f"<think>\n{prose(rng, 3)}\n", lines)


def downwards(rng: random.Random, index: int) -> Draft:
    """A count that goes down, below zero where it must."""
    step = (1, 2, 5)[index % 3]
    form = ("{} bottles on the wall.\n", "{}, ", "T minus {} seconds and holding\n")[index % 3]
    start = (1_000, 90, 2_000)[index % 3]
    lines = (form.format(n) for n in itertools.count(start, -step))
    return counted(rng, "Count down.", f"{sentence(rng)}\n", lines)


def strides(rng: random.Random, index: int) -> Draft:
    """Steps other than one, fractions among them."""
    step = (7, 0.5, 25, 1.25)[index % 4]
    start = rng.randint(1, 40)
    places = len(str(step).partition(".")[2])
    form = ("{}, ", "x = {}\n", "{} km; ", "Level {} reached.\n")[index % 4]
    lines = (form.format(f"{start + step * k:.{places}f}") for k in itertools.count())
    return counted(rng, "Continue the sequence.", f"{sentence(rng)}\n", lines)


def several_numbers(rng: random.Random, index: int) -> Draft:
    """Several numbers per line; some stay, some advance, each by its own step."""
    k, c = rng.randint(3, 19), rng.randint(100, 900)
    form = (
        f"{{n}} × {k} = {{m}}\n",
        f"Row {{n}}: start {{m}}, width {k}, height {c}\n",
        f"f({{n}}) = {k} * {{n}} + {c} = {{s}}.\n",
        f"[{{n}}, {{m}}, 0, 0, {c}],\n",
    )[index % 4]
    lines = (form.format(n=n, m=k * n, s=k * n + c) for n in itertools.count(rng.randint(1, 30)))
    return counted(rng, "Tabulate the function.", f"{sentence(rng)}\n\n", lines)


def _roman(n: int) -> str:
    signs = ((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"),
             (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))  # fmt: skip
    text = ""
    for value, sign in signs:
        text += sign * (n // value)
        n %= value
    return text


def _letters(n: int) -> str:
    text = ""
    while n:
        n, digit = divmod(n - 1, 26)
        text = chr(97 + digit) + text
    return text


def marks(rng: random.Random, index: int) -> Draft:
    """Roman numerals, or letters, as the numbers of a list."""
    spell = (_roman, _letters)[index % 2]
    form = ("{}. The {t} is at rest.\n", "({}) the {t} is at rest; ", "Part {}: the {t}\n")[
        index % 3
    ]
    thing = rng.choice(NOUNS)
    lines = (form.format(spell(n), t=thing) for n in itertools.count(1))
    return counted(
        rng, "Enumerate the cases.", f"{sentence(rng)}\n", lines, "numbers that are not digits"
    )


def dates(rng: random.Random, index: int) -> Draft:
    """Days that go on over months and years."""
    first = datetime.date(2023, rng.randint(1, 12), rng.randint(1, 28))
    form = (
        "{d:%B} {d.day}, {d.year}: no entry.\n",
        "{d:%A}, {d.day} {d:%B} – the shop is closed\n",
        "- {d:%Y-%m-%d}: 0 visitors\n",
        "{i}. {d:%A}, {d:%B} {d.day}\n",
    )[index % 4]
    lines = (form.format(i=i, d=first + datetime.timedelta(days=i)) for i in itertools.count(1))
    return counted(
        rng, "When was the meeting?", f"{sentence(rng)}\n", lines, "dates that roll over"
    )


def _split(words: str) -> list[str]:
    return words.split()


_ONES = _split(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_TENS = _split("- - twenty thirty forty fifty sixty seventy eighty ninety")


def _spelled(n: int) -> str:
    if n < 20:
        return _ONES[n]
    if n < 100:
        return _TENS[n // 10] + (f"-{_ONES[n % 10]}" if n % 10 else "")
    hundreds = f"{_ONES[n // 100 % 10]} hundred"
    return hundreds + (f" and {_spelled(n % 100)}" if n % 100 else "")


def in_words(rng: random.Random, index: int) -> Draft:
    """A count that is spelled out."""
    thing = rng.choice(NOUNS)
    form = ("{} sheep, ", "And then there were {} " + f"{thing}s.\n", "Number {}: the same. ")[
        index % 3
    ]
    lines = (form.format(_spelled(n)) for n in itertools.count(1 + 20 * (index % 3)))
    return counted(rng, "Help me fall asleep.", f"{sentence(rng)}\n", lines, "a count in words")


def with_slips(rng: random.Random, index: int) -> Draft:
    """A count that skips a number now and then, never twice within fifteen lines."""
    body = f"{rng.choice(NAMES)} says the same again."
    form = ("{}. {}\n", "{}, ", "Attempt {}: failed, retry\n")[index % 3]

    def numbers() -> Iterable[int]:
        n, wait = 1, rng.randint(15, 40)
        while True:
            yield n
            wait -= 1
            n += 1 if wait else rng.choice([2, 2, 3, 0])
            wait = wait or rng.randint(15, 40)

    lines = (form.format(n, body) for n in numbers())
    return counted(rng, "What do they say?", f"{sentence(rng)}\n", lines, "slips in the count")


def timestamps(rng: random.Random, index: int) -> Draft:
    """A clock that advances beside one and the same message."""
    step = (1, 5, 60, 30)[index % 4]
    message = (
        f"INFO waiting for {rng.choice(NOUNS)}",
        f"[{identifier(rng)}] retry in {step} seconds",
        f"the {rng.choice(NOUNS)} of {rng.choice(CITIES)} did not answer",
    )[index % 3]
    start = rng.randint(20_000, 60_000)

    def line(k: int) -> str:
        t = (start + step * k) % 86_400
        return f"{t // 3600:02d}:{t // 60 % 60:02d}:{t % 60:02d} {message}\n"

    lines = map(line, itertools.count())
    return counted(
        rng, "What is in the log?", f"```\n{sentence(rng)}\n", lines, "minutes that roll over"
    )


def structured(rng: random.Random, index: int) -> Draft:
    """Code and data with a running number."""
    a, colour = rng.choice(NOUNS), rng.choice(COLOURS)
    form = (
        f'{{{{"id": {{n}}, "name": "{a}{{n}}", "colour": "{colour}"}}}},\n',
        f"{a}{{m}} = {a}{{n}} + 1\n",
        f"def test_{a}_{{n}}():\n    assert {a}({{n}}) is not None\n\n",
        f"| {{n}} | {a} | {colour} |\n",
    )[index % 4]
    lines = (form.format(n=n, m=n + 1) for n in itertools.count(1))
    return counted(rng, "Write the test data.", f"```\n# {sentence(rng)}\n", lines)


GENERATORS: dict[str, tuple[Generator, int]] = {
    "count_plain": (plain, 4),
    "count_same_body": (same_body, 5),
    "count_cycling_body": (cycling_body, 3),
    "count_inside_sentence": (inside_sentence, 3),
    "count_downwards": (downwards, 3),
    "count_strides": (strides, 4),
    "count_several_numbers": (several_numbers, 4),
    "count_marks": (marks, 3),
    "count_dates": (dates, 4),
    "count_in_words": (in_words, 3),
    "count_with_slips": (with_slips, 3),
    "count_timestamps": (timestamps, 3),
    "count_structured": (structured, 4),
}
