"""Hard negatives: verse, speeches, contracts, dialogue, proofs, and plain prose."""

from __future__ import annotations

import random

from .base import Draft, Generator, budget, shuffled
from .words import (
    ADJECTIVES,
    ADVERBS,
    CITIES,
    COLOURS,
    MONTHS,
    NAMES,
    NOUNS,
    PRODUCTS,
    SURNAMES,
    TOPICS,
    VERBS,
    prose,
    sentence,
)

REFRAINS = (
    "Row on, row on, the tide is low,\nthe lamps are lit, and home we go.\n\n",
    "Oh, hold the rope and ring the bell,\nthere's more to sing than words can tell.\n\n",
    "And the rain came down, and the rain came down,\nand nobody slept in the whole of the "
    "town.\n\n",
    "So pass the bread and pass the wine,\nwhat I have lost was never mine.\n\n",
)
RHYMES = (
    ("day", "away", "grey", "stay"),
    ("light", "night", "white", "sight"),
    ("sea", "tree", "free", "me"),
    ("ground", "sound", "round", "found"),
    ("air", "stair", "there", "fair"),
    ("stone", "alone", "grown", "known"),
)  # fmt: skip


def _verse(rng: random.Random) -> str:
    ends = rng.choice(RHYMES)
    lines = [
        f"The {rng.choice(ADJECTIVES)} {rng.choice(NOUNS)} {rng.choice(VERBS)} the {end}"
        if rng.random() < 0.4
        else f"{rng.choice(NAMES)} went {rng.choice(ADVERBS)} where the "
        f"{rng.choice(NOUNS)} was {end}"
        for end in rng.sample(ends, 4)
    ]
    return ",\n".join(lines) + ".\n\n"


def poem(rng: random.Random, index: int) -> Draft:
    """Four-line stanzas."""
    return Draft("Write a long poem.", "".join(_verse(rng) for _ in range(40)), budget(rng))


def song(rng: random.Random, index: int) -> Draft:
    """Verses with a refrain after each."""
    refrain = REFRAINS[index % 4]
    label = "Refrain:\n" if index % 2 else ""
    text = "".join(_verse(rng) + label + refrain for _ in range(25))
    return Draft("Write a song with a refrain.", text, budget(rng))


def cumulative_song(rng: random.Random, index: int) -> Draft:
    """Each verse repeats the ones before it and adds a line."""
    gifts = [f"a {rng.choice(ADJECTIVES)} {n}" for n in rng.sample(NOUNS, 16)]
    text = "".join(
        f"In the market of {rng.choice(CITIES)} I bought "
        + ",\nand ".join(reversed(gifts[: k + 1]))
        + ".\n\n"
        for k in range(16)
    )
    return Draft("Write a song that grows with every verse.", text, budget(rng))


def anaphora(rng: random.Random, index: int) -> Draft:
    """A speech whose sentences open alike."""
    opening = (
        "I ask for a street where",
        "May the one who reads this",
        "We shall remember that",
        "Blessed is the house in which",
        "Breathe in and think of how",
    )[index % 5]
    clauses = (
        "the {a} {n} {v} the {n2}", "a {n} is not yet a {n2}", "{p} {v} what was {a}",
        "no {n} is too {a} for {p}", "{c} keeps a {a} {n}", "every {n} {v} its own {n2}",
        "the {n}s of {c} stay {a}", "{p} and {p2} share one {a} {n}",
    )  # fmt: skip

    def line() -> str:
        n, n2 = rng.sample(NOUNS, 2)
        p, p2 = rng.sample(NAMES, 2)
        clause = rng.choice(clauses).format(
            a=rng.choice(ADJECTIVES),
            n=n,
            n2=n2,
            v=rng.choice(VERBS),
            p=p,
            p2=p2,
            c=rng.choice(CITIES),
        )
        return f"{opening} {clause}."

    joint = "\n" if index % 2 else " "
    return Draft(
        "Write a speech in the manner of a litany.",
        joint.join(line() for _ in range(90)),
        budget(rng),
    )


def contract(rng: random.Random, index: int) -> Draft:
    """Clauses of one boilerplate about different things."""
    party = rng.choice(["the Supplier", "the Tenant", "the Licensee", "the Carrier"])
    clauses = []
    for i in range(1, 60):
        thing, other = rng.sample(NOUNS, 2)
        clauses.append(
            rng.choice(
                [
                    f"{i}. Notwithstanding anything to the contrary herein, {party} shall "
                    f"keep the {thing} in a {rng.choice(ADJECTIVES)} condition and return the "
                    f"{other} within {rng.randint(3, 90)} days.",
                    f"{i}. Subject to clause {rng.randint(1, 40)}, {party} shall not without "
                    f"prior written consent assign, sell or lend the {thing} to any person in "
                    f"{rng.choice(CITIES)}.",
                    f"{i}. For the purposes of this agreement, “{rng.choice(ADJECTIVES)} "
                    f"{thing}” means a {thing} that {rng.choice(VERBS)} the {other}.",
                ]
            )
        )
    return Draft("Draft the contract.", "\n\n".join(clauses), budget(rng))


def dialogue(rng: random.Random, index: int) -> Draft:
    """Two or three people who speak in turn."""
    people = rng.sample(NAMES, 2 + index % 2)
    form = ("{}: {}\n", "**{}**: {}\n\n", '{} said, "{}"\n')[index % 3]
    text = "".join(form.format(people[i % len(people)], sentence(rng)) for i in range(90))
    return Draft("Write down the conversation.", text, budget(rng))


def recipe(rng: random.Random, index: int) -> Draft:
    """Recipes one after the other."""
    text = ""
    for _ in range(14):
        food = rng.sample(PRODUCTS, 6)
        title = f"{rng.choice(COLOURS).capitalize()} {food[0]} of {rng.choice(CITIES)}"
        text += f"## {title}\n\nIngredients:\n"
        text += "".join(f"- {rng.randint(1, 900)} g {f}\n" for f in food)
        steps = [
            f"Stir the {food[1]} for {rng.randint(2, 50)} minutes.",
            f"Add the {food[2]} {rng.choice(ADVERBS)}.",
            f"Fold in {food[3]} until it is {rng.choice(ADJECTIVES)}.",
            f"Bake at {rng.randint(12, 24)}0 degrees.",
            f"Serve with {food[4]} in a {rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}.",
        ]  # fmt: skip
        text += "\n" + "".join(f"{i}. {s}\n" for i, s in enumerate(shuffled(rng, steps), 1)) + "\n"
    return Draft("Write down the recipes of the house.", text, budget(rng))


def encyclopedia(rng: random.Random, index: int) -> Draft:
    """An article with sections."""
    topic = rng.choice(TOPICS)
    text = f"# The history of {topic}\n\n"
    for title in (
        "Origins",
        "Spread",
        "Technique",
        "Trade",
        "Decline",
        "Revival",
        "Reception",
        "Today",
    ):
        text += f"## {title}\n\n"
        for _ in range(3):
            text += (
                f"In {rng.randint(1200, 1990)}, {rng.choice(NAMES)} {rng.choice(SURNAMES)} of "
                f"{rng.choice(CITIES)} "
                f"wrote about {topic}. {prose(rng, 4)}\n\n"
            )
    return Draft(f"Write an encyclopedia article on {topic}.", text, budget(rng))


def letters(rng: random.Random, index: int) -> Draft:
    """Letters or diary entries, each with a date."""
    text = ""
    for _ in range(30):
        day = f"{rng.randint(1, 28)} {rng.choice(MONTHS)} {rng.randint(1890, 1990)}"
        if index % 2:
            text += f"{day}. {prose(rng, 4)}\n\n"
        else:
            text += f"{rng.choice(CITIES)}, {day}\n\nDear {rng.choice(NAMES)},\n"
            text += f"{prose(rng, 3)}\nYours, {rng.choice(NAMES)}\n\n"
    return Draft("Write the letters or the diary.", text, budget(rng))


def rechecked_proof(rng: random.Random, index: int) -> Draft:
    """Thoughts that are checked again and again, with other content each time."""
    openings = (
        "Wait, let me check again.", "Hmm, is that right?", "Let me verify this step.",
        "Wait, but what about",
        "Alternatively,", "Let me re-read the question.", "So we need to be careful here.",
    )  # fmt: skip

    def step() -> str:
        a, b, m = rng.randint(2, 90), rng.randint(2, 90), rng.randint(3, 19)
        claim = rng.choice(
            [
                f"If n = {a}, then n² + {b} = {a * a + b}, which leaves {(a * a + b) % m} "
                f"modulo {m}.",
                f"The product {a}·{b} = {a * b} has {len(str(a * b))} digits, and {a} + {b} = "
                f"{a + b}.",
                f"Suppose that x > {a}; then 2x + {b} > {2 * a + b}, so the bound holds.",
                f"For k = {m} the sum is {m * (m + 1) // 2}, and that is "
                f"{'even' if m * (m + 1) // 2 % 2 == 0 else 'odd'}.",
                f"Since {a * m} = {a}·{m}, the number {a * m + b} is divisible by {m} only if "
                f"{b} is.",
            ]
        )
        opening = rng.choice(openings)
        if opening[-1] not in ".?":
            claim = claim[0].lower() + claim[1:]
        return f"{opening} {claim}{rng.choice([' ', ' ', chr(10) * 2])}"

    head = "<think>\n" if index % 2 else "Proof. "
    return Draft("Prove the claim.", head + "".join(step() for _ in range(80)), budget(rng))


def quiz(rng: random.Random, index: int) -> Draft:
    """Questions with options, or flash cards."""
    text = ""
    for i in range(1, 60):
        options = rng.sample(NOUNS, 4)
        if index % 2:
            text += f"Q{i}: {sentence(rng)}\n" + "".join(
                f"{m}) {o}\n" for m, o in zip("ABCD", options, strict=True)
            )
            text += f"Answer: {rng.choice('ABCD')}\n\n"
        else:
            text += f"Q: What {rng.choice(VERBS)} the {options[0]}?\nA: {sentence(rng)}\n\n"
    return Draft("Make a quiz.", text, budget(rng))


GENERATORS: dict[str, tuple[Generator, int]] = {
    "poem": (poem, 3),
    "song": (song, 4),
    "cumulative_song": (cumulative_song, 2),
    "anaphora": (anaphora, 5),
    "contract": (contract, 3),
    "dialogue": (dialogue, 3),
    "recipe": (recipe, 3),
    "encyclopedia": (encyclopedia, 3),
    "letters": (letters, 2),
    "rechecked_proof": (rechecked_proof, 5),
    "quiz": (quiz, 2),
}
