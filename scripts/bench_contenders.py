"""The streams and the contenders of bench_detectors."""

from __future__ import annotations

import random
import string
import zlib
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from loopbench import detectors
from loopbench.detectors.parts.streaming import next_checkpoint

REPEATS, TOKENS = 4, 128
"""The rule that every contender is set to, as far as it can be."""

Push = Callable[[list[int], list[str]], bool]


class Stream(NamedTuple):
    """Tokens, their texts, and the token with which the loop begins (None: no loop)."""

    ids: list[int]
    pieces: list[str]
    onset: int | None = None


def vocabulary() -> list[str]:
    """Return 8,000 made-up words, short ones first, as in a language."""
    rng = random.Random(0)
    words = {"".join(rng.choices(string.ascii_lowercase, k=2 + i // 1_500)) for i in range(20_000)}
    return [" " + word for word in sorted(words, key=lambda word: (len(word), word))[:8_000]]


WORDS = vocabulary()
WEIGHTS = [1 / (rank + 1) for rank in range(len(WORDS))]


def of_words(ids: list[int], onset: int | None = None) -> Stream:
    """Return ids with the words that they stand for."""
    return Stream(ids, [WORDS[i] for i in ids], onset)


def uniform(n: int, rng: random.Random) -> Stream:
    """Draw ids from the whole vocabulary evenly."""
    return of_words(rng.choices(range(len(WORDS)), k=n))


def prose(n: int, rng: random.Random) -> Stream:
    """Draw words with Zipf frequencies: many equal tokens, no long repetition."""
    return of_words(rng.choices(range(len(WORDS)), WEIGHTS, k=n))


def loop(period: int) -> Callable[[int, random.Random], Stream | None]:
    """Prose that is in a verbatim loop from an eighth of its length on."""

    def make(n: int, rng: random.Random) -> Stream | None:
        onset = n // 8
        if n - onset < max((REPEATS + 0.5) * period, 2 * TOKENS):
            return None
        # Apart from the head, so that the loop begins where it is said to begin.
        block = rng.choices(range(1, len(WORDS)), WEIGHTS[1:], k=period)
        head = prose(onset - 1, rng).ids
        return of_words([*head, 0, *(block * (n // period + 1))][:n], onset)

    return make


def counter(n: int, rng: random.Random) -> Stream:
    """Prose, then lines that differ in their running number only."""
    head, onset = prose(n // 8, rng), n // 8
    lines = ((len(WORDS) + i, str(i), " lily", " lies", ".\n") for i in range(1, n))
    tail = [(i, piece) for i, number, *rest in lines for piece, i in zip(
        (number, *rest), (i, 7_001, 7_002, 7_003), strict=True)][: n - onset]  # fmt: skip
    ids, pieces = [i for i, _ in tail], [piece for _, piece in tail]
    return Stream(head.ids + ids, head.pieces + pieces, onset)


def going_round(n: int, rng: random.Random) -> Stream:
    """Prose, then nine sentences of it in drifting order, each with a word that changes."""
    onset = n // 8
    known = [prose(14, rng).ids for _ in range(9)]
    ids = prose(onset, rng).ids
    while len(ids) < n:
        sentence = list(rng.choice(known))
        sentence[rng.randrange(4)] = rng.randrange(30)
        ids += sentence
    return of_words(ids[:n], onset)


def fibonacci(n: int, rng: random.Random) -> Stream:
    """The Fibonacci word: as repetitive as a sequence without a fourth power can be."""
    a, b = [0], [0, 1]
    while len(b) < n:
        a, b = b, b + a
    return of_words(b[:n])


def thue_morse(n: int, rng: random.Random) -> Stream:
    """The Thue-Morse word: squares of many lengths, no cube."""
    return of_words([i.bit_count() & 1 for i in range(n)])


def nested(n: int, rng: random.Random) -> Stream:
    """Cubes of cubes of cubes, each level marked by its own word: no fourth power."""
    word, level = [0], 0
    while len(word) < n:
        level += 1
        word = [*word * 3, level]
    return of_words(word[:n])


STREAMS: dict[str, Callable[[int, random.Random], Stream | None]] = {
    "random": uniform,
    "prose": prose,
    "loop of 1": loop(1),
    "loop of 7": loop(7),
    "loop of 50": loop(50),
    "loop of 2,000": loop(2_000),
    "loop of 20,000": loop(20_000),
    "counter loop": counter,
    "going round": going_round,
    "Fibonacci word": fibonacci,
    "Thue-Morse word": thue_morse,
    "nested cubes": nested,
}


def watcher(name: str, **parameters: float) -> Callable[[], Push]:
    """Our own detectors, as a decoder would use them."""

    def start() -> Push:
        push = detectors.get(name, **parameters).watch().push
        return lambda ids, pieces: push(ids, pieces) is not None

    return start


def vllm(max_pattern_size: int) -> Callable[[], Push]:
    """vLLM's `check_sequence_repetition`, restated, after every token as vLLM calls it."""

    def copies(ids: list[int], size: int) -> bool:
        for offset in range(1, size + 1):
            last = ids[-offset]
            for copy in range(1, REPEATS):
                if ids[-(size * copy + offset)] != last:
                    return False
        return True

    def start() -> Push:
        seen: list[int] = []

        def push(ids: list[int], pieces: list[str]) -> bool:
            seen.extend(ids)
            for size in range(1, max_pattern_size + 1):
                if size * REPEATS > len(seen):
                    return False
                if copies(seen, size):
                    return True
            return False

        return push

    return start


def ngrams() -> Push:
    """Count the 30-grams in a dictionary; 20 occurrences of one are a loop (arXiv 2512.12895)."""
    counts: dict[tuple[int, ...], int] = {}
    window: tuple[int, ...] = ()

    def push(ids: list[int], pieces: list[str]) -> bool:
        nonlocal window
        window = (*window[-29:], *ids)
        if len(window) < 30:
            return False
        count = counts[window] = counts.get(window, 0) + 1
        return count >= 20

    return push


def novelty() -> Push:
    """The share of the last 256 8-grams that a set of all earlier ones holds; 0.9 is the alarm."""
    seen: set[tuple[int, ...]] = set()
    gram: tuple[int, ...] = ()
    known: deque[bool] = deque(maxlen=256)
    again = 0

    def push(ids: list[int], pieces: list[str]) -> bool:
        nonlocal gram, again
        gram = (*gram[-7:], *ids)
        if len(gram) < 8:
            return False
        again -= known[0] if len(known) == 256 else False
        known.append(gram in seen)
        again += known[-1]
        seen.add(gram)
        return again >= 0.9 * 256

    return push


def zlib_ratio() -> Push:
    """Whisper's compression ratio > 2.4 of the whole text, at our checkpoints."""
    text: list[str] = []
    wanted = next_checkpoint(0)

    def push(ids: list[int], pieces: list[str]) -> bool:
        nonlocal wanted
        text.extend(pieces)
        if len(text) < wanted:
            return False
        wanted = next_checkpoint(wanted)
        raw = "".join(text).encode()
        return len(raw) > 2.4 * len(zlib.compress(raw))

    return push


def automaton() -> Push:
    """The suffix automaton, built online (Blumer et al. 1985): it knows every repetition.

    The longest suffix that occurred before, and where it first ended, give the period.
    """
    edges: list[dict[int, int]] = [{}]
    links, lengths, first_ends = [-1], [0], [0]
    last = 0

    def state(to: dict[int, int], link: int, length: int, end: int) -> int:
        edges.append(to)
        links.append(link)
        lengths.append(length)
        first_ends.append(end)
        return len(edges) - 1

    def push(ids: list[int], pieces: list[str]) -> bool:
        nonlocal last
        for token in ids:
            end = lengths[last] + 1
            new = state({}, 0, end, end)
            at, last = last, new
            while at >= 0 and token not in edges[at]:
                edges[at][token] = new
                at = links[at]
            if at < 0:
                continue
            target = edges[at][token]
            if lengths[target] > lengths[at] + 1:
                split = state(
                    dict(edges[target]), links[target], lengths[at] + 1, first_ends[target]
                )
                links[target] = split
                while at >= 0 and edges[at].get(token) == target:
                    edges[at][token] = split
                    at = links[at]
                target = split
            links[new] = target
        link = links[last]
        period = lengths[last] - first_ends[link]
        return lengths[link] >= max(REPEATS * period, TOKENS) - period > 0

    return push


CONTENDERS: dict[str, Callable[[], Push]] = {
    "suffix": watcher("suffix", min_repeats=REPEATS, min_tokens=TOKENS),
    "counter": watcher("counter", min_repeats=REPEATS, min_tokens=TOKENS),
    "circular": watcher("circular"),
    "vLLM 20": vllm(20),
    "vLLM 1,024": vllm(1_024),
    "30-grams": ngrams,
    "8-gram set": novelty,
    "CUSUM": watcher("cusum"),
    "zlib": zlib_ratio,
    "automaton": automaton,
}
