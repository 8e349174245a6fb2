"""Treacherous words, and searches of them one element at a time, for the period tests."""

from __future__ import annotations

from hypothesis import strategies as st


def morphism(rules: dict[int, list[int]], length: int) -> list[int]:
    """Return the fixed point of a substitution: Fibonacci, Thue-Morse, period doubling."""
    word = [0]
    while len(word) < length:
        word = [letter for symbol in word for letter in rules[symbol]]
    return word[:length]


FIBONACCI = morphism({0: [0, 1], 1: [0]}, 700)
THUE_MORSE = morphism({0: [0, 1], 1: [1, 0]}, 512)
DOUBLING = morphism({0: [0, 1], 1: [0, 0]}, 512)


def nested(depth: int, powers: int) -> list[int]:
    """Return a power of a power of a power, each level marked by its own letter."""
    word = [0]
    for letter in range(1, depth + 1):
        word = word * powers + [letter]
    return word


@st.composite
def words(draw: st.DrawFn) -> list[int]:
    """Concatenated powers over a small alphabet, some with one letter changed."""
    letter = st.integers(0, draw(st.integers(0, 3)))
    word = draw(st.lists(letter, max_size=60))
    for _ in range(draw(st.integers(0, 3))):
        block = draw(st.lists(letter, min_size=1, max_size=25))
        word += block * draw(st.integers(1, 40)) + block[: draw(st.integers(0, len(block)))]
        word = word[-500:]
        if draw(st.booleans()):
            word[draw(st.integers(0, len(word) - 1))] = draw(letter)
    return word


@st.composite
def powers_of_powers(draw: st.DrawFn) -> list[int]:
    """A block with a repetitive inside, itself repeated: short runs end everywhere."""
    inner = draw(st.lists(st.integers(0, 1), min_size=1, max_size=4))
    block = inner * draw(st.integers(1, 30)) + draw(st.lists(st.integers(0, 2), max_size=5))
    word = (block * draw(st.integers(1, 8)))[-600:]
    return word[: len(word) - draw(st.integers(0, len(block) - 1))]


def brute_force_runs(
    word: list[int], min_repeats: int, min_length: int, max_period: int | None = None
) -> list[tuple[int, int, int]]:
    """Return period, start and end of the maximal runs, by start, then period."""
    found: dict[tuple[int, int], int] = {}
    top = len(word) // min_repeats
    for period in range(1, (top if max_period is None else min(top, max_period)) + 1):
        start = 0
        for at in range(period, len(word) + 1):
            if at < len(word) and word[at] == word[at - period]:
                continue
            if at - start >= max(min_repeats * period, min_length):
                # A period that is no multiple of a shorter one comes first.
                found.setdefault((start, at), period)
            start = at - period + 1
    runs = [(period, start, end) for (start, end), period in found.items()]
    return sorted(runs, key=lambda run: (run[1], run[0]))
