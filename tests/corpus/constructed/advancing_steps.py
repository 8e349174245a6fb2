"""Hard negatives: calculations whose lines repeat nearly whole, while one term moves on."""

from __future__ import annotations

import random
from fractions import Fraction

from .base import Draft, Generator, budget, cut
from .words import CITIES, NAMES, PRODUCTS

Matrix = list[list[Fraction]]


def _matrix(rows: Matrix, index: int) -> str:
    cells = [[str(x) for x in row] for row in rows]
    if index % 3 == 0:
        return "\n".join("[ " + "  ".join([*r[:-1], "|", r[-1]]) + " ]" for r in cells) + "\n"
    if index % 3 == 1:
        body = r" \\ ".join(" & ".join(r) for r in cells)
        return rf"$$\begin{{bmatrix}} {body} \end{{bmatrix}}$$" + "\n"
    return (
        "\n".join(
            " + ".join(f"{c}·{v}" for c, v in zip(r, "xyzw", strict=False)) + f" = {r[-1]}"
            for r in cells
        )
        + "\n"
    )


def _eliminate(rows: Matrix, index: int) -> str:
    n, text = len(rows), _matrix(rows, index)
    for c in range(n):
        pivot = next((r for r in range(c, n) if rows[r][c]), None)
        if pivot is None:
            return text + f"Column {c + 1} has no pivot, so there is no unique solution.\n\n"
        if pivot != c:
            rows[c], rows[pivot] = rows[pivot], rows[c]
            text += f"\nSwap R{c + 1} and R{pivot + 1}:\n{_matrix(rows, index)}"
        if rows[c][c] != 1:
            text += f"\nR{c + 1} ← R{c + 1} / ({rows[c][c]}):\n"
            rows[c] = [x / rows[c][c] for x in rows[c]]
            text += _matrix(rows, index)
        for r in range(n):
            if r != c and rows[r][c]:
                text += f"\nR{r + 1} ← R{r + 1} - ({rows[r][c]}) · R{c + 1}:\n"
                rows[r] = [x - rows[r][c] * y for x, y in zip(rows[r], rows[c], strict=True)]
                text += _matrix(rows, index)
    return text + "\nSo the solution is (" + ", ".join(str(row[-1]) for row in rows) + ").\n\n"


def row_reduction(rng: random.Random, index: int) -> Draft:
    """Systems of equations by elimination, with the whole matrix after each step."""
    text = ""
    for k in range(1, 6):
        rows = [[Fraction(rng.randint(-6, 9)) for _ in range(4)] for _ in range(3)]
        text += f"System {k}:\n{_eliminate(rows, index)}"
    return Draft("Solve the systems by row reduction.", text, budget(rng, 600, 1_400))


def _expression(rng: random.Random, size: int) -> str:
    if size == 1:
        return str(rng.randint(2, 40))
    left = rng.randint(1, size - 1)
    parts = [_expression(rng, left), _expression(rng, size - left)]
    return f"({parts[0]} {rng.choice('+-+-*')} {parts[1]})"


def _reduced(text: str) -> str:
    """Carry out the first operation whose two numbers are known."""
    end = text.index(")")
    start = text.rindex("(", 0, end)
    a, sign, b = text[start + 1 : end].split()
    value = {"+": int(a) + int(b), "-": int(a) - int(b), "*": int(a) * int(b)}[sign]
    return text[:start] + str(value) + text[end + 1 :]


def expression_steps(rng: random.Random, index: int) -> Draft:
    """Long expressions written anew after each operation."""
    sign = ("= ", "-> ", "\\\\ &= ", "which is ")[index % 4]
    text = ""
    for _ in range(9):
        expression = _expression(rng, rng.randint(9, 14))
        text += f"Evaluate {expression}.\n"
        while "(" in expression:
            expression = _reduced(expression)
            text += f"{sign}{expression}\n"
        text += "\n"
    return Draft("Evaluate step by step.", text, budget(rng, 500, 1_300))


def _polynomial(coefficients: list[int]) -> str:
    """Write a polynomial, the constant term first in the list."""
    text = ""
    for power in range(len(coefficients) - 1, -1, -1):
        c = coefficients[power]
        if c:
            x = "" if power == 0 else "x" if power == 1 else f"x^{power}"
            size = "" if abs(c) == 1 and x else str(abs(c))
            text += f" {'-' if c < 0 else '+'} {size}{x}"
    return text[3:] if text.startswith(" +") else text.replace(" - ", "-", 1) or "0"


def _derivatives(rng: random.Random) -> str:
    p, a = [rng.randint(-9, 9) for _ in range(6)], rng.choice([2, 3, -2, 5])
    text = f"Let f(x) = ({_polynomial(p)}) e^({a}x).\n"
    for k in range(1, 13):
        slope = [*(i * c for i, c in enumerate(p) if i), 0]
        text += f"f^({k})(x) = [{_polynomial(slope)} + {a}({_polynomial(p)})] e^({a}x)\n"
        p = [s + a * c for s, c in zip(slope, p, strict=True)]
        text += f"        = ({_polynomial(p)}) e^({a}x)\n"
    return text


def _product(rng: random.Random) -> str:
    text = ""
    for _ in range(4):
        factors = [[rng.choice([-7, -5, -3, -2, 1, 2, 4, 6]), rng.choice([1, 1, 2, 3])]
                   for _ in range(7)]  # fmt: skip
        p, rest = factors[0], factors[1:]
        text += f"P(x) = {''.join(f'({_polynomial(f)})' for f in factors)}\n"
        while rest:
            q, rest = rest[0], rest[1:]
            r = [0] * (len(p) + 1)
            for i, c in enumerate(p):
                r[i] += c * q[0]
                r[i + 1] += c * q[1]
            p = r
            text += f"     = ({_polynomial(p)}){''.join(f'({_polynomial(f)})' for f in rest)}\n"
        text += "\n"
    return text


def _by_parts(rng: random.Random) -> str:
    text = ""
    for n in rng.sample(range(5, 10), 3):
        a = rng.choice([2, 3, 4])
        done, factor = "", Fraction(1)
        text += f"I = ∫ x^{n} e^({a}x) dx\n"
        for k in range(n, 0, -1):
            sign = "-" if (n - k) % 2 else "+"
            done += f" {sign} {factor / a} x^{k} e^({a}x)"
            factor = factor * k / a
            turn = "+" if sign == "-" else "-"
            text += f"  ={done.replace(' +', '', 1)} {turn} {factor} ∫ x^{k - 1} e^({a}x) dx\n"
        text += f"and the last integral is e^({a}x)/{a}.\n\n"
    return text


def _newton(rng: random.Random) -> str:
    text = ""
    for _ in range(9):
        c, n, x = rng.randint(2, 60), rng.choice([2, 3, 5]), rng.uniform(4, 9)
        text += f"Solve x^{n} = {c} with x_0 = {x:.4f}.\n"
        for k in range(6):
            new = x - (x**n - c) / (n * x ** (n - 1))
            text += (
                f"x_{k + 1} = {x:.7f} - ({x:.7f}^{n} - {c}) / ({n} · {x:.7f}^{n - 1}) = {new:.7f}\n"
            )
            x = new
    return text


def derivation(rng: random.Random, index: int) -> Draft:
    """Derivatives, products, partial integrations or iterations, one long line after another."""
    text = (_derivatives, _product, _by_parts, _newton)[index % 4](rng)
    return Draft("Show every line of the derivation.", text, budget(rng, 500, 1_200))


def cases_proof(rng: random.Random, index: int) -> Draft:
    """Proofs by cases that are worded alike, for one remainder after the other."""
    form = (
        "Case {r}: n = {m}k + {r}. Then n^{p} + {c}n leaves the same remainder as {r}^{p} + "
        "{c}·{r} = {v}, and {v} = {q}·{m} + {w}. So in this case the remainder is {w}{end}.\n\n",
        "- If n ≡ {r} (mod {m}), then n^{p} + {c}n ≡ {r}^{p} + {c}·{r} = {v} ≡ {w} (mod {m})"
        "{end}.\n",
    )[index % 2]
    text = ""
    for m, p, c in zip(rng.sample([7, 8, 9, 11, 12, 13], 4), rng.choices([2, 3, 4, 5], k=4),
                       rng.sample(range(1, 9), 4), strict=True):  # fmt: skip
        found: dict[int, int] = {}
        text += f"Claim: which remainders modulo {m} can n^{p} + {c}n have?\n\n"
        for r in range(m):
            v = r**p + c * r
            end = f", as for {found[v % m]}" if v % m in found else ""
            found.setdefault(v % m, r)
            text += form.format(r=r, m=m, p=p, c=c, v=v, q=v // m, w=v % m, end=end)
        text += f"So the possible remainders are {', '.join(map(str, sorted(found)))}.\n\n"
    return Draft("Prove it by cases.", text, budget(rng, 450, 1_200))


def word_sums(rng: random.Random, index: int) -> Draft:
    """Word problems, each solved in steps of the same form."""
    step = ("Step {k}: ", "{k}) ", "First, |Next, |Then, |Finally, ")[index % 3]
    text = ""
    for i in range(1, 20):
        name, thing, town = rng.choice(NAMES), rng.choice(PRODUCTS), rng.choice(CITIES)
        boxes, each, price, given = (rng.randint(*span) for span in
                                     ((3, 19), (4, 36), (2, 9), (1, 11)))  # fmt: skip
        total = boxes * each
        lines = (
            f"{boxes} boxes with {each} bags of {thing} are {boxes} × {each} = {total} bags.",
            f"{given} of them are given away: {total} - {given} = {total - given}.",
            f"At {price} each they bring {total - given} × {price} = {(total - given) * price}.",
            f"The stall in {town} costs {boxes + price}, which leaves "
            f"{(total - given) * price - boxes - price}.",
        )
        text += (
            f"Problem {i}. {name} takes {boxes} boxes with {each} bags of {thing} to {town}, "
            f"gives {given} bags away, and sells the rest for {price} each.\n"
        )
        for k, line in enumerate(lines, 1):
            opening = step.split("|")[k - 1] if "|" in step else step.format(k=k)
            text += f"{opening}{line}\n"
        text += "\n"
    return Draft("Solve the problems step by step.", text, budget(rng, 500, 1_200))


def truth_by_rows(rng: random.Random, index: int) -> Draft:
    """Rows of a truth table in sentences, with the parts of the formula."""
    lines = []
    for _ in range(2):
        names = rng.sample("pqrstuv", 4)
        for bits in range(16):
            a, b, c, d = (bool(bits >> k & 1) for k in (3, 2, 1, 0))
            first, second = a and not b, (not c) or d
            values = ", ".join(
                f"{n} = {'T' if v else 'F'}" for n, v in zip(names, (a, b, c, d), strict=True)
            )
            word = ["false", "true"]
            p, q, r, s = names
            lines.append(
                (
                    f"For {values}: {p} ∧ ¬{q} is {word[first]}, {r} → {s} is {word[second]}, so "
                    f"the formula is {word[first or not second]}.",
                    f"Row {values}. {p} ∧ ¬{q}: {word[first]}. {r} → {s}: {word[second]}. Both: "
                    f"{word[first and second]}.",
                    f"- {values} gives ({word[first]}, {word[second]}), hence "
                    f"{word[first == second]}.",
                )[index % 3]
            )
    return Draft("Go through all rows of the truth table.", cut(rng, "\n".join(lines)), 1_300)


GENERATORS: dict[str, tuple[Generator, int]] = {
    "row_reduction": (row_reduction, 8),
    "expression_steps": (expression_steps, 8),
    "derivation": (derivation, 8),
    "cases_proof": (cases_proof, 8),
    "word_sums": (word_sums, 7),
    "truth_by_rows": (truth_by_rows, 7),
}
