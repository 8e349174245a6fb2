"""Verbatim loops: from some character on, one block over and over, up to the budget."""

from __future__ import annotations

import random

from .base import Draft, Generator, budget
from .languages import ARABIC, CHINESE, JAPANESE
from .words import ADJECTIVES, CITIES, NAMES, NOUNS, VERBS, identifier, prose, sentence

CHARS_PER_TOKEN = 160
"""More than any token here has, runs of one sign included."""


def looped(
    rng: random.Random, prompt: str, before: str, block: str, low: int = 350, high: int = 900,
) -> Draft:  # fmt: skip
    """Return what comes before, and the block repeated beyond a budget, which cuts it."""
    tokens = budget(rng, low, high)
    repeats = CHARS_PER_TOKEN * tokens // len(block) + 4
    return Draft(prompt, before + block * repeats, tokens, "verbatim", "length", len(before))


def one_word(rng: random.Random, index: int) -> Draft:
    """A word or sign, period one or two."""
    block = (" ha", " very,", "-", " the", "!", " no.")[index % 6]
    return looped(rng, "Tell me a joke.", f"{prose(rng, 3)} So it is", block, 260, 700)


def one_sentence(rng: random.Random, index: int) -> Draft:
    """The same sentence, after prose of its own."""
    joint = (" ", "\n", "\n\n", " ")[index % 4]
    return looped(rng, "Solve the puzzle.", prose(rng, 4 + index) + joint, sentence(rng) + joint)


def long_paragraph(rng: random.Random, index: int) -> Draft:
    """A block of up to some 400 tokens."""
    sentences = (6, 9, 13, 30)[index % 4]
    block = prose(rng, sentences)[: 1_400 + 100 * index] + "\n\n"
    return looped(rng, "Explain in detail.", prose(rng, 2) + "\n\n", block, 1_850, 1_990)


def thinking(rng: random.Random, index: int) -> Draft:
    """A thought that comes back, before any answer."""
    thing, count = rng.choice(NOUNS), rng.randint(3, 90)
    block = (
        f"Wait, the {thing} has {count} sides. Let me recount. So the {thing} has {count} "
        f"sides.\n\n",
        f"But the problem says {count}. Hmm. So maybe I misread it. Let me read it again.\n",
        f"Okay, so {count} is not divisible by {count + 1}. Alternatively, try {thing} first. ",
    )[index % 3]
    return looped(rng, f"How many sides has the {thing}?", f"<think>\n{prose(rng, 5)}\n", block)


def same_key(rng: random.Random, index: int) -> Draft:
    """One JSON member again and again."""
    key, value = rng.choice(NOUNS), rng.choice(CITIES)
    block = (
        f'  "{key}": "{value}",\n',
        f'{{"name": "{value}", "{key}": {rng.randint(2, 99)}}}, ',
        f'"{key}": [{{"type": "{value}"}}], ',
    )[index % 3]
    before = f'```json\n{{\n  "title": "{sentence(rng)}",\n  "city": "{rng.choice(CITIES)}",\n'
    return looped(rng, "Extract the record as JSON.", before, block)


def brackets(rng: random.Random, index: int) -> Draft:
    """Opened or closed without end."""
    block = (")", "[", "}\n", "</div>", "\\frac{", "(( ")[index % 6]
    before = f"The answer is f({rng.choice('xyz')}) = {rng.randint(2, 9)} "
    return looped(rng, "Simplify the term.", f"{prose(rng, 2)}\n{before}", block, 220, 500)


def blanks(rng: random.Random, index: int) -> Draft:
    """Spaces, tabs, or line ends."""
    block = (" ", "\t", "\n", " \n")[index % 4]
    draft = looped(rng, "Draw the diagram.", f"{prose(rng, 8)}\n|", block, 330, 420)
    return draft._replace(model_tokens=True)


def emoji(rng: random.Random, index: int) -> Draft:
    """One emoji or a short row of them, some of several code points."""
    block = ("😂", "🎉🎊", "👩‍🚀", "❤️ ", "🌊🐚🦀 ")[index % 5]
    return looped(
        rng, "Congratulate me.", f"{sentence(rng)} {rng.choice(NAMES)}! ", block, 240, 600
    )


def zeros(rng: random.Random, index: int) -> Draft:
    """An array that never ends."""
    block = ("0, ", "0", "0.0, ", "[0, 0], ", "null,")[index % 5]
    before = f"Here is the buffer of {rng.randint(4, 64)} values.\n\n"
    before += f"{identifier(rng)} = [1, {rng.randint(2, 9)}, "
    return looped(rng, "Write the initial buffer.", before, block, 260, 800)


def cycling_list(rng: random.Random, index: int) -> Draft:
    """A few items without numbers, always in the same order."""
    items = rng.sample(NOUNS, 3 + 2 * index)
    mark = ("- ", "* the ", "")[index % 3]
    block = "".join(f"{mark}{item}{', ' if index % 3 == 2 else chr(10)}" for item in items)
    return looped(rng, "List fifty things.", f"{sentence(rng)}\n", block)


def code_lines(rng: random.Random, index: int) -> Draft:
    """Equal statements, imports, or cells."""
    a, b = rng.sample(NOUNS, 2)
    block = (
        f"    {a}.{identifier(rng)}({b})\n",
        f"import {a}\nfrom {b} import {a}\n",
        f"| {a} | | {b} |\n",
        f"<tr><td></td><td>{a}</td></tr>\n",
    )[index % 4]
    return looped(rng, "Write the program.", f"```\n# {sentence(rng)}\n", block)


def without_spaces(rng: random.Random, index: int) -> Draft:
    """A sentence of a script without spaces, or from right to left."""
    language = (CHINESE, JAPANESE, ARABIC)[index % 3]

    def one(end: str) -> str:
        words = [rng.choice(slot.split("|")) for slot in language.slots]
        return language.pattern.format(*words[:-1], end)

    end = language.slots[-1].split("|")[0]
    return looped(rng, language.prompt, "".join(one(end) for _ in range(4)), one(end), 300, 600)


def number_cycle(rng: random.Random, index: int) -> Draft:
    """Numbers that come round again, so that none of them advances."""
    cycle = [rng.randint(0, 99) for _ in range(4 + 3 * index)]
    block = "".join((f"{n}, ", f"{n} ")[index % 2] for n in cycle)
    return looped(
        rng,
        "Continue the sequence.",
        f"The {rng.choice(ADJECTIVES)} sequence {rng.choice(VERBS)} on: ",
        block,
    )


GENERATORS: dict[str, tuple[Generator, int]] = {
    "loop_one_word": (one_word, 4),
    "loop_one_sentence": (one_sentence, 4),
    "loop_long_paragraph": (long_paragraph, 4),
    "loop_thinking": (thinking, 3),
    "loop_json_key": (same_key, 3),
    "loop_brackets": (brackets, 4),
    "loop_blanks": (blanks, 3),
    "loop_emoji": (emoji, 4),
    "loop_zeros": (zeros, 4),
    "loop_cycling_list": (cycling_list, 3),
    "loop_code_lines": (code_lines, 3),
    "loop_without_spaces": (without_spaces, 3),
    "loop_number_cycle": (number_cycle, 2),
}
