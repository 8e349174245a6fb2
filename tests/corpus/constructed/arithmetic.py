"""Hard negatives: calculations and sequences that go on without repeating."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator

from .base import Draft, Generator, budget, cut, enough, shuffled, until


def long_multiplication(rng: random.Random, index: int) -> Draft:
    """Digit by digit, with carries and partial products."""
    text = []
    for _ in range(4 + index):
        a, b = rng.randint(10_000, 999_999), rng.randint(1_000, 99_999)
        text.append(f"We compute {a} × {b}.\n")
        total = 0
        for place, digit in enumerate(reversed(str(b))):
            carry = 0
            for figure in reversed(str(a)):
                product = int(figure) * int(digit) + carry
                text.append(f"{figure}*{digit} + {carry} = {product}, write {product % 10}")
                carry = product // 10
                text.append(f", carry {carry}.\n")
            total += a * int(digit) * 10**place
            text.append(f"Partial product {a * int(digit)}, sum so far {total}.\n")
    return Draft("Multiply by hand and show every step.", "".join(text), budget(rng))


def long_division(rng: random.Random, index: int) -> Draft:
    """Decimals of fractions, remainder by remainder; long periods, no four repeats."""
    primes = [p for p in range(400, 2_000) if all(p % q for q in range(2, 45))]
    divisor, remainder = rng.choice(primes), rng.randint(3, 300)
    lines = [f"{remainder} / {divisor}: 0."]
    for _ in range(90):
        digit, rest = divmod(10 * remainder, divisor)
        lines.append(
            (f"{10 * remainder} = {digit} × {divisor} + {rest}, so the next digit is {digit}",
             f"bring down 0: {10 * remainder}; {divisor} goes {digit} times, remainder {rest}",
            )[index % 2]
        )  # fmt: skip
        remainder = rest
    # A short period of the fraction would end in a real repetition: few primes have one,
    # and 90 remainders all differ where the order of 10 is larger.
    seen = [line.split("=")[0] for line in lines[1:]]
    if len(set(seen)) < len(seen):
        return long_division(rng, index)
    return Draft("Divide by hand, digit by digit.", "\n".join(lines), budget(rng))


def running_sum(rng: random.Random, index: int) -> Draft:
    """Numbers added one after the other."""
    total, lines = 0, []
    for _ in range(200):
        step = rng.randint(1, 990)
        lines.append(
            (f"{total} + {step} = {total + step}", f"Add {step}: {total + step}")[index % 2]
        )
        total += step
    return Draft("Add all the numbers and show each sum.", "\n".join(lines), budget(rng))


def _primes() -> Iterator[str]:
    return (f"{n}, " for n in itertools.count(2) if all(n % q for q in range(2, math.isqrt(n) + 1)))


def _collatz(start: int) -> Iterator[str]:
    n = start
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        yield f"{n} → " if start % 2 else f"{n}, "


def _fibonacci() -> Iterator[str]:
    a, b = 1, 1
    while True:
        yield f"{a}, "
        a, b = b, a + b


def primes(rng: random.Random, index: int) -> Draft:
    """Prime numbers from somewhere on."""
    skip = rng.randint(0, 400) * (index % 2)
    text = "The primes are " + until(enough(900), itertools.islice(_primes(), skip, None))
    return Draft("List the prime numbers.", text, budget(rng))


def powers(rng: random.Random, index: int) -> Draft:
    """Powers: their steps grow."""
    power = 2 + index % 3
    form = ("{0}^{1} = {2}\n", "{2}, ", "The power {1} of {0} is {2}. ")[rng.randint(0, 2)]
    start = rng.randint(1, 30)
    text = until(enough(900), (form.format(n, power, n**power) for n in itertools.count(start)))
    return Draft(f"List the powers with exponent {power}.", text, budget(rng))


def fibonacci(rng: random.Random, index: int) -> Draft:
    """A sum of the last two, on and on."""
    a, b = rng.randint(1, 9), rng.randint(1, 9)
    lines = []
    for _ in range(60 + index):
        lines.append((f"{a} + {b} = {a + b}\n", f"{a}, ")[index % 2])
        a, b = b, a + b
    return Draft(f"Continue the sequence {a}, {b} by adding.", cut(rng, "".join(lines)))


def collatz(rng: random.Random, index: int) -> Draft:
    """Hailstone sequences of several starting numbers."""
    starts = rng.sample([27, 31, 41, 47, 54, 55, 62, 63, 71, 73, 82, 83, 91, 94, 95, 97], 10)
    text = "".join(f"Start {s}: " + "".join(_collatz(s)) + "done.\n" for s in starts)
    return Draft("Follow the 3n+1 rule for some numbers.", text, budget(rng))


def times_tables(rng: random.Random, index: int) -> Draft:
    """One table of ten lines after the other: each is far too short for a loop."""
    sign = ("×", "*", "x", "times")[index % 4]
    start = rng.randint(2, 9)
    text = "".join(
        f"Table of {n}\n"
        + "".join(f"{n} {sign} {k} = {n * k}\n" for k in shuffled(rng, range(1, 10)))
        for n in range(start, start + 14)
    )
    return Draft("Write the multiplication tables in random order.", cut(rng, text))


def factorisation(rng: random.Random, index: int) -> Draft:
    """Factorisations one by one."""

    def factors(n: int) -> str:
        found, q = [], 2
        while n > 1:
            while n % q == 0:
                found.append(str(q))
                n //= q
            q += 1
        return " · ".join(found)

    start = rng.randint(90, 5_000)
    text = "\n".join(f"{n} = {factors(n)}" for n in range(start, start + 120))
    return Draft("Factorise these numbers.", text, budget(rng))


def irrational_digits(rng: random.Random, index: int) -> Draft:
    """Digits of an irrational number."""
    radicand = rng.choice([2, 3, 5, 6, 7, 10, 11, 13, 14, 15, 17, 19])
    digits = str(math.isqrt(radicand * 10**2_400))
    group = (0, 5, 10)[index % 3]
    if group:
        digits = " ".join(digits[i : i + group] for i in range(0, len(digits), group))
    return Draft(f"Write the square root of {radicand} with all digits.",
                 f"√{radicand} = {digits[:1]}.{digits[1:]}", budget(rng))  # fmt: skip


def pascal(rng: random.Random, index: int) -> Draft:
    """Rows of Pascal's triangle, or of a table of remainders of it."""
    rows = range(2 + index, 30)
    text = "\n".join(" ".join(str(math.comb(n, k)) for k in range(n + 1)) for n in rows)
    return Draft("Write Pascal's triangle.", cut(rng, text, 0.5, 0.9), 1_200)


GENERATORS: dict[str, tuple[Generator, int]] = {
    "long_multiplication": (long_multiplication, 4),
    "long_division": (long_division, 4),
    "running_sum": (running_sum, 4),
    "primes": (primes, 3),
    "powers": (powers, 4),
    "fibonacci": (fibonacci, 3),
    "collatz": (collatz, 3),
    "times_tables": (times_tables, 4),
    "factorisation": (factorisation, 3),
    "irrational_digits": (irrational_digits, 3),
    "pascal": (pascal, 2),
}
