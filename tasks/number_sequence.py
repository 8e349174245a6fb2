"""Next term of a sequence whose shown terms admit one continuation only."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

from loopbench.tasks.answers import grade_number
from loopbench.tasks.base import Draft, Procedural
from loopbench.types import Category, Grade, Sample

_SHOWN = 8
_LARGEST = 10**8

Family = Callable[[random.Random], list[int]]


def _recur(start: Sequence[int], step: Callable[[list[int]], int]) -> list[int]:
    terms = list(start)
    while len(terms) <= _SHOWN:
        terms.append(step(terms))
    return terms


def _arithmetic(rng: random.Random) -> list[int]:
    step = rng.choice((-1, 1)) * rng.randint(3, 99)
    return _recur([rng.randint(-300, 900)], lambda t: t[-1] + step)


def _geometric(rng: random.Random) -> list[int]:
    ratio = rng.choice((2, 3, -2, -3))
    return _recur([rng.randint(2, 9_000)], lambda t: t[-1] * ratio)


def _quadratic(rng: random.Random) -> list[int]:
    a, b, c = rng.randint(1, 9), rng.randint(-20, 20), rng.randint(-60, 90)
    return [a * n * n + b * n + c for n in range(_SHOWN + 1)]


def _cubic(rng: random.Random) -> list[int]:
    a, b = rng.choice((1, 2, -1)), rng.randint(-6, 6)
    c, d = rng.randint(-12, 12), rng.randint(-30, 60)
    return [a * n**3 + b * n * n + c * n + d for n in range(_SHOWN + 1)]


def _affine(rng: random.Random) -> list[int]:
    k, c = rng.choice((2, 3, -2)), rng.choice((-1, 1)) * rng.randint(1, 60)
    return _recur([rng.randint(1, 99)], lambda t: k * t[-1] + c)


def _fibonacci(rng: random.Random) -> list[int]:
    return _recur([rng.randint(1, 150), rng.randint(1, 250)], lambda t: t[-1] + t[-2])


def _second_order(rng: random.Random) -> list[int]:
    p, q, c = rng.choice((1, 2, 3)), rng.choice((-2, -1, 1, 2)), rng.randint(-5, 5)
    start = [rng.randint(1, 30), rng.randint(1, 40)]
    return _recur(start, lambda t: p * t[-1] + q * t[-2] + c)


def _interleaved(rng: random.Random) -> list[int]:
    a, b = rng.randint(1, 60), rng.randint(60, 200)
    da, db = rng.randint(2, 15), -rng.randint(2, 15)
    return [a + da * (n // 2) if n % 2 == 0 else b + db * (n // 2) for n in range(_SHOWN + 1)]


def _interleaved_growth(rng: random.Random) -> list[int]:
    a, ratio = rng.randint(1, 12), rng.choice((2, 3))
    b, step = rng.randint(5, 90), rng.choice((-1, 1)) * rng.randint(3, 19)
    return [a * ratio ** (n // 2) if n % 2 == 0 else b + step * (n // 2) for n in range(_SHOWN + 1)]


FAMILIES: dict[str, tuple[Family, ...]] = {
    "easy": (_arithmetic, _geometric, _fibonacci),
    "medium": (_quadratic, _affine, _fibonacci, _interleaved),
    "hard": (_cubic, _second_order, _interleaved_growth, _quadratic),
}


def _polynomial(terms: Sequence[int]) -> Iterator[Fraction]:
    rows = [list(terms)]
    for _ in range(3):
        rows.append([b - a for a, b in zip(rows[-1], rows[-1][1:], strict=False)])
        if len(set(rows[-1])) == 1:
            yield Fraction(sum(row[-1] for row in rows))
            return


def _first_order(terms: Sequence[int]) -> Iterator[Fraction]:
    # t[n+1] = k t[n] + c, from the first three terms, then checked on the rest.
    if terms[1] == terms[0]:
        return
    k = Fraction(terms[2] - terms[1], terms[1] - terms[0])
    c = terms[1] - k * terms[0]
    if all(k * a + c == b for a, b in itertools.pairwise(terms)):
        yield k * terms[-1] + c


def _linear(terms: Sequence[int]) -> Iterator[Fraction]:
    # t[n+2] = p t[n+1] + q t[n] + c: differences remove c, Cramer's rule gives p and q.
    d = [b - a for a, b in itertools.pairwise(terms)]
    determinant = d[1] * d[1] - d[0] * d[2]
    if determinant == 0:
        return
    p = Fraction(d[2] * d[1] - d[0] * d[3], determinant)
    q = Fraction(d[1] * d[3] - d[2] * d[2], determinant)
    c = terms[2] - p * terms[1] - q * terms[0]
    triples = zip(terms, terms[1:], terms[2:], strict=False)
    if all(p * b + q * a + c == z for a, b, z in triples):
        yield p * terms[-1] + q * terms[-2] + c


def continuations(terms: Sequence[int]) -> set[Fraction]:
    """Return what every rule of this module's families predicts after `terms`.

    A sequence is only asked when they agree, so that "next term" has one right answer for
    anyone who knows these families: polynomials up to degree 3, linear recurrences of
    order 1 and 2 with a constant, and two interleaved sequences of the simple kinds.
    """
    found = {*_polynomial(terms), *_first_order(terms), *_linear(terms)}
    half = terms[len(terms) % 2 :: 2]
    if len(half) >= 4:
        other = terms[1 - len(terms) % 2 :: 2]
        if any(_simple(other)):
            found.update(_simple(half))
    return found


def _simple(terms: Sequence[int]) -> list[Fraction]:
    steps = {b - a for a, b in itertools.pairwise(terms)}
    if len(steps) == 1:
        return [Fraction(terms[-1] + steps.pop())]
    if 0 in terms:
        return []
    ratios = {Fraction(b, a) for a, b in itertools.pairwise(terms)}
    return [terms[-1] * ratios.pop()] if len(ratios) == 1 else []


class NumberSequence(Procedural):
    """Continue a sequence of integers."""

    name = "number_sequence"
    category: Category = "reasoning"
    description = "next term of a sequence with exactly one reasonable continuation"

    def draft(self, rng: random.Random, level: str) -> Draft:
        """Draw rules until one gives a sequence that is neither ambiguous nor huge."""
        while True:
            rule = rng.choice(FAMILIES[level])
            *terms, answer = rule(rng)
            # A shown term as the answer would reward a model for repeating the prompt.
            fair = abs(answer) <= _LARGEST and answer not in terms
            if fair and continuations(terms) == {Fraction(answer)}:
                break
        prompt = (
            f"What is the next term of this sequence?\n\n{', '.join(map(str, terms))}, ...\n\n"
            "Find the rule first. End with a line 'Answer: <number>'."
        )
        return Draft(prompt, {"answer": answer, "rule": rule.__name__.strip("_")})

    def grade(self, sample: Sample, text: str) -> Grade:
        """Compare the stated number exactly."""
        return grade_number(text, sample.reference["answer"])

    def oracle(self, sample: Sample) -> str:
        """State the next term."""
        return f"Answer: {sample.reference['answer']}"


TASK = NumberSequence()
