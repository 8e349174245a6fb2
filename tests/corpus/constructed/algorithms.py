"""Hard negatives: traces of algorithms, enumerations, games, and notations."""

from __future__ import annotations

import itertools
import random

from .base import Draft, Generator, budget, cut, shuffled
from .words import COLOURS, NAMES, NOUNS


def bubble_sort(rng: random.Random, index: int) -> Draft:
    """Comparisons and exchanges, with the state of the list."""
    lines: list[str] = []
    for _ in range(3):
        items = rng.sample(range(2, 99), 7 + index)
        lines.append(f"Sort {items}.")
        for end in range(len(items) - 1, 0, -1):
            for i in range(end):
                a, b = items[i], items[i + 1]
                if a > b:
                    items[i], items[i + 1] = b, a
                    lines.append(
                        (f"{a} > {b}, swap: {items}", f"swap {a} and {b} -> {items}")[index % 2]
                    )
                else:
                    lines.append((f"{a} < {b}, keep", f"{a} and {b} are in order")[index % 2])
    return Draft("Sort the list by exchanging neighbours.", "\n".join(lines), budget(rng))


def _hanoi(n: int, a: str, b: str, c: str) -> list[tuple[int, str, str]]:
    return [] if n == 0 else [*_hanoi(n - 1, a, c, b), (n, a, c), *_hanoi(n - 1, b, a, c)]


def tower_of_hanoi(rng: random.Random, index: int) -> Draft:
    """Moves of disks: no four of them in a row repeat."""
    pegs = [["A", "B", "C"], ["left", "middle", "right"], ["1", "2", "3"]][index % 3]
    form = ("Move disk {0} from {1} to {2}.", "{0}: {1} -> {2}", "{i}. disk {0}, {1} to {2}")[
        index % 3
    ]
    moves = _hanoi(7, *shuffled(rng, pegs))
    text = "\n".join(form.format(*m, i=i) for i, m in enumerate(moves, 1))
    return Draft("Solve the tower with seven disks.", text, budget(rng))


def countdown_search(rng: random.Random, index: int) -> Draft:
    """A search for a target in which every try is another one."""
    numbers, target = rng.sample(range(2, 60), 5), rng.randint(100, 900)
    tries = []
    for a, b, c in itertools.permutations(numbers, 3):
        for p, q in itertools.product("+-*", repeat=2):
            first = {"+": a + b, "-": a - b, "*": a * b}[p]
            last = {"+": first + c, "-": first - c, "*": first * c}[q]
            tries.append((a, p, b, first, q, c, last))
    form = (
        "Try {0}{1}{2}={3}, {3}{4}{5}={6}, no.",
        "({0} {1} {2}) {4} {5} = {6}, not {t}.",
        "- {0} {1} {2} = {3}; then {3} {4} {5} = {6} ≠ {t}",
    )[index % 3]
    order = shuffled(rng, tries) if index % 2 else tries
    text = "\n".join(form.format(*t, t=target) for t in order if t[-1] != target)
    return Draft(f"Reach {target} with {numbers}.", f"Let me search.\n{text}", budget(rng))


def permutations(rng: random.Random, index: int) -> Draft:
    """All orders of some things."""
    things = (list("ABCDEF"), rng.sample(COLOURS, 5), rng.sample(NAMES, 5), list("12345"))[
        index % 4
    ]
    joint = ("", ", ", " – ", " ")[index % 4]
    text = "\n".join(joint.join(p) for p in itertools.permutations(shuffled(rng, things)))
    return Draft(f"List all orders of {', '.join(things)}.", text, budget(rng))


def subsets(rng: random.Random, index: int) -> Draft:
    """All subsets or pairs of some things."""
    things = rng.sample(NOUNS, 8)
    chosen = [
        f"{{{', '.join(c)}}}"
        for size in range(2 + index % 2, 6) for c in itertools.combinations(things, size)
    ]  # fmt: skip
    return Draft("List the subsets.", "\n".join(chosen), budget(rng))


def truth_table(rng: random.Random, index: int) -> Draft:
    """Rows of truth values with a formula of them."""
    names = shuffled(rng, "pqrst")
    yes, no = (("T", "F"), ("1", "0"), ("true", "false"))[index % 3]
    lines = ["| " + " | ".join([*names, "value"]) + " |"]
    for values in itertools.product([True, False], repeat=5):
        p, q, r, s, t = values
        result = (p and not q) or (r != s) if t else (q and s) or not (p or r)
        lines.append("| " + " | ".join(yes if v else no for v in (*values, result)) + " |")
    return Draft("Write the truth table.", cut(rng, "\n".join(lines)))


def gray_code(rng: random.Random, index: int) -> Draft:
    """Codes of which each differs from the last in one bit."""
    bits = 6 + index % 2
    codes = [f"{n ^ n >> 1:0{bits}b}" for n in range(2**bits)]
    start = rng.randint(0, 20)
    form = ("{}\n", "{}, ", "-> {}\n")[index % 3]
    return Draft(
        "List the Gray code.", cut(rng, "".join(form.format(c) for c in codes[start:])), 1_000
    )


def chess_moves(rng: random.Random, index: int) -> Draft:
    """Games in chess notation, made of random legal-looking moves."""

    def move() -> str:
        square = rng.choice("abcdefgh") + rng.choice("12345678")
        piece = rng.choice(["", "", "N", "B", "R", "Q", "K"])
        return piece + rng.choice(["", "", "x"]) + square + rng.choice(["", "", "", "+"])

    joint = "\n" if index % 2 else " "
    text = joint.join(f"{i}. {move()} {move()}" for i in range(1, 220))
    return Draft(
        "Play a game of chess against yourself.",
        f'[White "{rng.choice(NAMES)}"]\n{text}',
        budget(rng, 300, 900),
    )


def music_notation(rng: random.Random, index: int) -> Draft:
    """Tunes in ABC notation, or chords."""

    def bar() -> str:
        if index % 2:
            return " ".join(
                rng.choice(["Am", "C", "Dm7", "F", "G", "Em", "Bb", "E7"]) for _ in range(4)
            )
        return "".join(rng.choice("ABcdefGgDE") + rng.choice(["", "2", "/2", ""]) for _ in range(6))

    tune = "".join(f"{bar()} |" + ("\n" if i % 4 == 3 else " ") for i in range(120))
    key = rng.choice(["D", "G", "Am", "Edor"])
    return Draft(
        "Write a tune.",
        f"X:{rng.randint(1, 99)}\nT:The {rng.choice(NOUNS)}\nM:6/8\nK:{key}\n{tune}",
        budget(rng, 300, 900),
    )


def emoji_sequence(rng: random.Random, index: int) -> Draft:
    """Emoji of all kinds without order."""
    pool = list("🍎🍊🍋🍉🍇🍓🥝🌽🥕🍞🧀🍪🐶🐱🦊🐻🐼🐸🐙🦋🌵🌲🌻🌙🔥🌈🚗🚲🚀⛵🎈🎲🎻🏀🔑🧭📚💡🧵🪁")
    joint = ("", " ", "\n", "")[index % 4]
    text = joint.join(rng.choice(pool) for _ in range(700))
    return Draft("Answer in emoji only.", text, budget(rng, 200, 600))


def random_walk(rng: random.Random, index: int) -> Draft:
    """A random walk with its positions."""
    x, y, lines = 0, 0, []
    for _ in range(200):
        name, dx, dy = rng.choice(
            [("north", 0, 1), ("south", 0, -1), ("east", 1, 0), ("west", -1, 0)]
        )
        steps = rng.randint(1, 7)
        x, y = x + dx * steps, y + dy * steps
        lines.append(
            (f"Go {steps} {name}: ({x}, {y})", f"{name} {steps} → x={x}, y={y}")[index % 2]
        )
    return Draft("Walk through the maze and say where you are.", "\n".join(lines), budget(rng))


def search_and_gcd(rng: random.Random, index: int) -> Draft:
    """Halving an interval for several secrets; or the Euclidean algorithm."""
    lines = []
    for _ in range(30):
        if index % 2:
            a, b = rng.randint(500, 9_999), rng.randint(100, 4_999)
            lines.append(f"gcd({a}, {b}):")
            while b:
                lines.append(f"{a} = {a // b} · {b} + {a % b}")
                a, b = b, a % b
            continue
        low, high, secret = 1, 1_000, rng.randint(1, 1_000)
        lines.append(f"The secret is {secret}.")
        while low < high:
            middle = (low + high) // 2
            lines.append(
                f"Guess {middle} in [{low}, {high}]: "
                f"{'higher' if middle < secret else 'not higher'}."
            )
            low, high = (middle + 1, high) if middle < secret else (low, middle)
    return Draft("Trace the algorithm.", "\n".join(lines), budget(rng))


GENERATORS: dict[str, tuple[Generator, int]] = {
    "bubble_sort": (bubble_sort, 3),
    "tower_of_hanoi": (tower_of_hanoi, 3),
    "countdown_search": (countdown_search, 4),
    "permutations": (permutations, 4),
    "subsets": (subsets, 2),
    "truth_table": (truth_table, 3),
    "gray_code": (gray_code, 3),
    "chess_moves": (chess_moves, 2),
    "music_notation": (music_notation, 2),
    "emoji_sequence": (emoji_sequence, 4),
    "random_walk": (random_walk, 2),
    "search_and_gcd": (search_and_gcd, 3),
}
