"""Templates of the `competition` task: a question, and its answer by brute force.

The answers come from counting, simulation or dynamic programming over the definition, not
from the closed form that a contestant would use: a slip in a formula cannot make a wrong
reference. `size` is 0, 1 or 2 and scales the numbers, never the time beyond 20 ms.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """A question and its exact answer."""

    question: str
    answer: int


Template = Callable[[random.Random, int], Problem]


def mod_power(rng: random.Random, size: int) -> Problem:
    """Remainder of a large power."""
    a, b = rng.randint(3, 50), rng.randint((20, 100, 500)[size], (99, 499, 2500)[size])
    m = rng.randint((5, 20, 100)[size], (19, 99, 999)[size])
    return Problem(f"What is the remainder when {a}^{b} is divided by {m}?", pow(a, b, m))


def digit_sum_count(rng: random.Random, size: int) -> Problem:
    """Numbers up to a bound with a given digit sum."""
    n, s = rng.randint(*((50, 200), (200, 999), (1_000, 6_000))[size]), rng.randint(5, 12)
    count = sum(1 for k in range(1, n + 1) if sum(map(int, str(k))) == s)
    return Problem(f"How many positive integers up to {n} have digits that add up to {s}?", count)


def blocked_paths(rng: random.Random, size: int) -> Problem:
    """Lattice paths that avoid one point."""
    w, h = (rng.randint(*((3, 8), (5, 10), (8, 14))[size]) for _ in range(2))
    x, y = rng.randint(1, w - 1), rng.randint(1, h - 1)
    ways = {(0, 0): 1}
    for i, j in itertools.product(range(w + 1), range(h + 1)):
        if (i, j) == (x, y):
            ways[i, j] = 0
        elif i or j:
            ways[i, j] = ways.get((i - 1, j), 0) + ways.get((i, j - 1), 0)
    return Problem(
        f"A path goes from (0, 0) to ({w}, {h}) in unit steps to the right or up. "
        f"How many such paths do not pass through ({x}, {y})?",
        ways[w, h],
    )


def inclusion_exclusion(rng: random.Random, size: int) -> Problem:
    """Numbers divisible by one of two but not by a third."""
    n = rng.randint(*((50, 150), (200, 800), (1_000, 5_000))[size])
    a, b, c = rng.sample((2, 3, 4, 5, 6, 7, 9, 11), 3)
    count = sum(1 for k in range(1, n + 1) if (k % a == 0 or k % b == 0) and k % c)
    return Problem(
        f"How many positive integers not greater than {n} are divisible by {a} or by {b}, "
        f"but not by {c}?",
        count,
    )


def trailing_zeros(rng: random.Random, size: int) -> Problem:
    """Zeros at the end of a factorial in some base."""
    low, high = ((10, 60), (61, 200), (201, 600))[size]
    n, m = rng.randint(low, high), rng.randint(low, high)
    base = (10, rng.choice((6, 10, 15)), rng.choice((12, 18, 24, 14)))[size]
    value, zeros = math.factorial(n) * math.factorial(m), 0
    while value % base == 0:
        value //= base
        zeros += 1
    return Problem(f"In base {base}, how many zeros does the product {n}! · {m}! end in?", zeros)


def recursion_mod(rng: random.Random, size: int) -> Problem:
    """A term of a linear recurrence modulo m."""
    p, q = rng.randint(1, 4), rng.randint(1, 4)
    m = rng.randint(*((7, 15), (11, 40), (50, 300))[size])
    x, y = rng.randint(0, 6), rng.randint(1, 6)
    n = rng.randint(*((8, 12), (15, 40), (50, 300))[size])
    terms = [x % m, y % m]
    while len(terms) < n:
        terms.append((p * terms[-1] + q * terms[-2]) % m)
    return Problem(
        f"A sequence has a_1 = {x}, a_2 = {y} and a_n = {p}·a_(n-1) + {q}·a_(n-2) for n > 2. "
        f"What is the remainder when a_{n} is divided by {m}?",
        terms[n - 1],
    )


def gcd_sum(rng: random.Random, size: int) -> Problem:
    """Sum of greatest common divisors."""
    low, high = ((10, 60), (40, 150), (150, 999))[size]
    n, m = rng.randint(low, high), rng.randint(low, high)
    total = sum(math.gcd(k, n) for k in range(1, m + 1))
    return Problem(f"Find the sum of gcd(k, {n}) over all integers k from 1 to {m}.", total)


def divisor_sum(rng: random.Random, size: int) -> Problem:
    """Sum of the divisors with a property."""
    d = rng.randint(2, 9)
    n = d * rng.randint(*((10, 90), (60, 300), (200, 1_500))[size])
    total = sum(k for k in range(1, n + 1) if n % k == 0 and k % d == 0)
    return Problem(
        f"Find the sum of all positive divisors of {n} that are multiples of {d}.", total
    )


def circle_points(rng: random.Random, size: int) -> Problem:
    """Lattice points inside a circle."""
    r2 = rng.randint(*((8, 30), (31, 120), (121, 700))[size])
    r = math.isqrt(r2)
    a, b = rng.randint(-9, 9), rng.randint(-9, 9)
    span = range(-r, r + 1)
    count = sum(1 for x, y in itertools.product(span, span) if x * x + y * y < r2)
    return Problem(
        "How many points with integer coordinates lie strictly inside the circle of "
        f"squared radius {r2} around ({a}, {b})?",
        count,
    )


def triangles(rng: random.Random, size: int) -> Problem:
    """Triangles with integer sides and a given perimeter."""
    p = rng.randint(*((15, 45), (46, 90), (91, 180))[size])
    kind = rng.choice(("", "isosceles or equilateral ", "scalene "))
    least, count = rng.randint(1, p // 5), 0
    for a in range(least, p // 3 + 1):
        for b in range(a, (p - a) // 2 + 1):
            c = p - a - b
            sides = len({a, b, c})
            fits = not kind or (sides == 3) == kind.startswith("scalene")
            count += a + b > c and fits
    return Problem(
        f"How many non-congruent {kind}triangles with integer side lengths, none of them "
        f"shorter than {least}, have perimeter {p}?",
        count,
    )


def remainders(rng: random.Random, size: int) -> Problem:
    """Smallest number with given remainders."""
    moduli = rng.sample((3, 4, 5, 7, 11, 13), (2, 3, 4)[size])
    while math.lcm(*moduli) > 6_000:
        moduli = rng.sample((3, 4, 5, 7, 11, 13), (2, 3, 4)[size])
    rest = [rng.randint(1, m - 1) for m in moduli]
    low = rng.randint(1, 60)
    answer = next(
        n
        for n in itertools.count(low)
        if all(n % m == r for m, r in zip(moduli, rest, strict=True))
    )
    said = ", ".join(f"{r} when divided by {m}" for m, r in zip(moduli, rest, strict=True))
    return Problem(
        f"Find the smallest integer n >= {low} that leaves the remainder {said}.", answer
    )


def coin_ways(rng: random.Random, size: int) -> Problem:
    """Ways to pay an amount."""
    coins = sorted(rng.sample((1, 2, 3, 5, 7, 10, 12), (2, 3, 4)[size]))
    amount = rng.randint(*((15, 40), (30, 70), (50, 120))[size])
    ways = [1] + [0] * amount
    for coin in coins:
        for total in range(coin, amount + 1):
            ways[total] += ways[total - coin]
    listed = ", ".join(map(str, coins[:-1])) + f" and {coins[-1]}"
    return Problem(
        f"In how many ways can {amount} cents be paid with coins of {listed} cents, "
        "if the order of the coins does not matter?",
        ways[amount],
    )


def subset_sums(rng: random.Random, size: int) -> Problem:
    """Subsets whose sum is divisible by k."""
    n, k = rng.randint(*((5, 7), (8, 11), (12, 18))[size]), rng.randint(3, 7)
    first, rest = rng.randint(1, 40), rng.randrange(k)
    counts = [1] + [0] * (k - 1)
    for number in range(first, first + n):
        counts = [counts[r] + counts[(r - number) % k] for r in range(k)]
    return Problem(
        f"How many subsets of {{{first}, {first + 1}, ..., {first + n - 1}}}, the empty set "
        f"included, have a sum of elements that leaves the remainder {rest} when divided by {k}?",
        counts[rest],
    )


def run_free_strings(rng: random.Random, size: int) -> Problem:
    """Strings without a long run of one digit."""
    n, k = rng.randint(*((5, 9), (9, 13), (13, 16))[size]), rng.randint(2, 5)
    largest = rng.randint(1, 5)
    first = rng.randint(0, largest)
    # Strings by the number of ones that they end in.
    runs = [0] * k
    runs[first == 1] = 1
    for _ in range(n - 1):
        runs = [largest * sum(runs), *runs[:-1]]
    return Problem(
        f"How many strings of {n} digits, each from 0 to {largest}, begin with {first} and do "
        f"not contain {k} consecutive ones?",
        sum(runs),
    )


def committee(rng: random.Random, size: int) -> Problem:
    """Committees with a minimum of one kind."""
    a, b = (rng.randint(*((4, 14), (6, 18), (9, 24))[size]) for _ in range(2))
    k = rng.randint(3, (4, 5, 7)[size])
    bound, most = rng.randint(1, 2), rng.random() < 0.5
    allowed = range(bound + 1) if most else range(bound, k + 1)
    count = sum(math.comb(a, i) * math.comb(b, k - i) for i in allowed)
    rule = f"at {'most' if most else 'least'} {bound} of its members must be teachers"
    return Problem(
        f"A committee of {k} is chosen from {a} teachers and {b} students; {rule}. "
        "In how many ways can this be done?",
        count,
    )


def triangle_points(rng: random.Random, size: int) -> Problem:
    """Lattice points strictly inside a triangle."""
    reach = (8, 16, 30)[size]
    while True:
        ax, ay, bx, by = (rng.randint(1, reach) for _ in range(4))
        area = ax * by - ay * bx
        if abs(area) > 2 * reach:
            break
    if area < 0:
        ax, ay, bx, by = bx, by, ax, ay
    inside = sum(
        1
        for x, y in itertools.product(range(1, reach), range(1, reach))
        if ax * y - ay * x > 0
        and (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0
        and by * x - bx * y > 0
    )
    return Problem(
        "How many points with integer coordinates lie strictly inside the triangle with "
        f"vertices (0, 0), ({ax}, {ay}) and ({bx}, {by})?",
        inside,
    )


def power_sum(rng: random.Random, size: int) -> Problem:
    """Symmetric power sums from sum and product."""
    s, p, n = rng.randint(3, 25), rng.randint(-30, 30), (3, 4, 6)[size]
    sums = [2, s]
    while len(sums) <= n:
        sums.append(s * sums[-1] - p * sums[-2])
    return Problem(
        f"The numbers x and y (possibly complex) satisfy x + y = {s} and xy = {p}. "
        f"Find x^{n} + y^{n}.",
        sums[n],
    )


def dice(rng: random.Random, size: int) -> Problem:
    """Ways to roll a sum."""
    d, faces = (2, 3, 5)[size] + rng.randint(0, 1), rng.randint(4, 12)
    s, banned = rng.randint(2 * d, d * faces - d), rng.randint(1, faces)
    ways = {0: 1}
    for _ in range(d):
        rolled: dict[int, int] = {}
        for total, count in ways.items():
            for face in range(1, faces + 1):
                if face != banned:
                    rolled[total + face] = rolled.get(total + face, 0) + count
        ways = rolled
    return Problem(
        f"{d} distinguishable dice with {faces} faces numbered 1 to {faces} are rolled. "
        f"How many outcomes have the sum {s} without any die showing {banned}?",
        ways.get(s, 0),
    )


def fixed_points(rng: random.Random, size: int) -> Problem:
    """Permutations with a number of fixed points and two constraints."""
    n = (5, 5, 6)[size]
    k = rng.randint(0, 2)
    i, j = rng.sample(range(1, n + 1), 2)
    x, y = rng.choice([v for v in range(1, n + 1) if v != i]), rng.randint(1, n)
    count = sum(
        1
        for p in itertools.permutations(range(1, n + 1))
        if p[i - 1] != x and p[j - 1] != y and sum(a == b for a, b in enumerate(p, 1)) == k
    )
    return Problem(
        f"How many permutations (p_1, ..., p_{n}) of 1, ..., {n} have exactly {k} indices i "
        f"with p_i = i, if p_{i} must not be {x} and p_{j} must not be {y}?",
        count,
    )


def positive_solutions(rng: random.Random, size: int) -> Problem:
    """Positive solutions of a linear equation in three unknowns."""
    a, b, c = rng.randint(1, 4), rng.randint(2, 5), rng.randint(2, 7)
    n = rng.randint(*((15, 30), (30, 60), (60, 130))[size])
    count = sum(
        1
        for x in range(1, n // a + 1)
        for y in range(1, (n - a * x) // b + 1)
        if n - a * x - b * y > 0 and (n - a * x - b * y) % c == 0
    )
    left = " + ".join(f"{k}{v}" if k > 1 else v for k, v in ((a, "x"), (b, "y"), (c, "z")))
    return Problem(f"How many triples of positive integers (x, y, z) satisfy {left} = {n}?", count)


TEMPLATES: dict[str, Template] = {
    template.__name__: template
    for template in (
        mod_power, digit_sum_count, blocked_paths, inclusion_exclusion, trailing_zeros,
        recursion_mod, gcd_sum, divisor_sum, circle_points, triangles, remainders, coin_ways,
        subset_sums, run_free_strings, committee, triangle_points, power_sum, dice, fixed_points,
        positive_solutions,
    )
}  # fmt: skip
"""Every template by its name, which also stands in the sample's reference."""
