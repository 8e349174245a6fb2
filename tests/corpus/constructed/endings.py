"""No loops although much is repeated: outputs that leave a loop, or end by themselves."""

from __future__ import annotations

import random

from .base import Draft, Generator
from .prose import REFRAINS
from .words import CITIES, COLOURS, NAMES, NOUNS, WEEKDAYS, prose, sentence


def recovered(rng: random.Random, index: int) -> Draft:
    """A loop in the middle, and then other things up to the budget."""
    thing, name = rng.choice(NOUNS), rng.choice(NAMES)
    repeats = rng.randint(30, 50)
    line = sentence(rng)
    loop = (
        f"{line} " * repeats,
        "".join(f"{i}. {name} has the {thing}.\n" for i in range(1, 2 * repeats)),
        "0, " * (3 * repeats),
        f"Wait, let me think about the {thing} again.\n" * repeats,
        ", ".join(map(str, range(1, 4 * repeats))) + ", ",
        f"| {thing} | {name} |\n" * repeats,
    )[index % 6]
    turn = (
        "Wait, I am going in circles. Let me start over. ",
        "\n</think>\n\n",
        "That is enough of it. ",
        "\n\nAnyway, here is what matters. ",
    )[index % 4]
    text = prose(rng, 3) + "\n" + loop + turn + prose(rng, 14)
    return Draft(
        f"What became of the {thing}?", text[:-20], note="left a loop, then was cut at its budget"
    )


def _stopped(prompt: str, text: str) -> Draft:
    return Draft(prompt, text, finish="stop")


def ends_in_zeros(rng: random.Random, index: int) -> Draft:
    """An array of zeros that was asked for, and closed."""
    n = rng.randint(110, 240)
    zero, joint = (("0", ", "), ("0.0", ", "), ("false", ", "), ("0", " "))[index % 4]
    text = f"```python\nbuffer = [{joint.join([zero] * n)}]\n```"
    return _stopped(f"Write a list of {n} equal values.", text)


def ends_in_count(rng: random.Random, index: int) -> Draft:
    """A count that was asked for."""
    n = rng.randint(100, 220)
    form = ("{}, ", "{}\n", "{}. present\n", "Line {}: empty\n")[index % 4]
    return _stopped(
        f"Count to {n}.", "".join(form.format(i) for i in range(1, n + 1)).rstrip(", \n")
    )


def ends_in_table(rng: random.Random, index: int) -> Draft:
    """A table of equal rows, or of a function."""
    rows = rng.randint(30, 60)
    a, b = rng.sample(NOUNS, 2)
    form = (
        "| {0} | {a} | {b} |",
        "| {0} | 0 | 0 | 0 |",
        "<tr><td>{a}</td><td>{0}</td></tr>",
        "{0},{1},{a}",
    )
    lines = [form[index % 4].format(i, 3 * i, a=a, b=b) for i in range(1, rows)]
    return _stopped("Make a table to fill in.", "\n".join(lines))


def ends_in_refrain(rng: random.Random, index: int) -> Draft:
    """A song whose refrain is sung many times at the end."""
    refrain = REFRAINS[index % 4] if index % 2 else "Na na na, na na na na, hey, goodbye!\n"
    return _stopped("Write a song.", prose(rng, 7) + "\n\n" + refrain * rng.randint(9, 14))


def ends_in_grid(rng: random.Random, index: int) -> Draft:
    """An empty board, a pattern of stitches, or the tables up to twelve in a grid."""
    size = rng.randint(11, 14)
    text = (
        "\n".join(" ".join(["."] * size) for _ in range(size + 8)),
        "\n".join(f"Row {r}: " + "knit 2, purl 2, " * 6 + "turn" for r in range(1, 2 * size)),
        "\n".join(" ".join(f"{r * c:4d}" for c in range(1, size)) for r in range(1, size)),
        ("+" + "---+" * size + "\n" + "|" + "   |" * size + "\n") * size,
    )[index % 4]
    return _stopped("Draw the grid.", text)


def ends_in_calendar(rng: random.Random, index: int) -> Draft:
    """A week plan in which every day is the same."""
    place, task = rng.choice(CITIES), rng.choice(NOUNS)
    form = ("{d}: open 9:00–17:00\n", "Week {w}, {d}: check the {t} in {p}\n", "- {d} – {t}\n")[
        index % 3
    ]
    text = "".join(
        form.format(w=w, d=d, t=task, p=place)
        for w in range(1, rng.randint(8, 14))
        for d in WEEKDAYS
    )
    return _stopped("Write the plan of the next weeks.", text.rstrip())


def ends_in_json(rng: random.Random, index: int) -> Draft:
    """Equal records that were asked for."""
    record = (
        f'{{"name": "{rng.choice(NAMES)}", "colour": "{rng.choice(COLOURS)}", "count": 0}}',
        '{"status": "ok", "errors": []}',
        f'["{rng.choice(NOUNS)}", null, null]',
    )[index % 3]
    return _stopped(
        "Write placeholder records.", "[" + ",\n ".join([record] * rng.randint(16, 40)) + "]"
    )


def ends_in_echo(rng: random.Random, index: int) -> Draft:
    """Lines written many times, as at school; or a cheer."""
    line = (
        f"I will not talk about the {rng.choice(NOUNS)} in class.\n",
        "hip hip hooray! ",
        "Om. ",
    )[index % 3]
    n = rng.randint(50, 110)
    return _stopped(f"Write it {n} times.", (line * n).rstrip())


GENERATORS: dict[str, tuple[Generator, int]] = {
    "recovered": (recovered, 12),
    "ends_in_zeros": (ends_in_zeros, 4),
    "ends_in_count": (ends_in_count, 4),
    "ends_in_table": (ends_in_table, 4),
    "ends_in_refrain": (ends_in_refrain, 4),
    "ends_in_grid": (ends_in_grid, 4),
    "ends_in_calendar": (ends_in_calendar, 3),
    "ends_in_json": (ends_in_json, 4),
    "ends_in_echo": (ends_in_echo, 3),
}
