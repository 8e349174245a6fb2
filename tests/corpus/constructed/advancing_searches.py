"""Hard negatives: algorithms that keep their state in view and never come back to one."""

from __future__ import annotations

import random
from collections import deque

from .base import Draft, Generator, budget, shuffled
from .words import COLOURS, NAMES, PRODUCTS, TOPICS


def insertion_and_merging(rng: random.Random, index: int) -> Draft:
    """Sorting by insertion or by merging, with the list after each step."""
    lines: list[str] = []
    for _ in range(8):
        items = rng.sample(range(10, 99), 9)
        lines.append(f"Sort {items}.")
        if index % 2 == 0:
            for i in range(1, len(items)):
                key = items.pop(i)
                at = sum(x < key for x in items[:i])
                items.insert(at, key)
                lines.append(f"Insert {key} at position {at}: {items[: i + 1]} | {items[i + 1 :]}")
            continue
        runs = [[x] for x in items]
        while len(runs) > 1:
            a, b = runs.pop(0), runs.pop(0)
            runs.append(sorted(a + b))
            lines.append(f"Merge {a} and {b} into {runs[-1]}; left to merge: {len(runs)}.")
    return Draft("Sort the lists and show each step.", "\n".join(lines), budget(rng, 500, 1_200))


def hanoi_with_state(rng: random.Random, index: int) -> Draft:
    """Moves of disks with what lies on each peg afterwards."""
    names = shuffled(rng, "ABC")
    pegs = {names[0]: [6, 5, 4, 3, 2, 1], names[1]: [], names[2]: []}
    lines: list[str] = []

    def move(n: int, a: str, b: str, c: str) -> None:
        if n:
            move(n - 1, a, c, b)
            pegs[c].append(pegs[a].pop())
            state = " ".join(f"{p}:{pegs[p]}" for p in sorted(pegs))
            lines.append(
                (
                    f"Move disk {n} from {a} to {c}. Now {state}",
                    f"{len(lines) + 1}. {a} → {c} (disk {n}): {state}",
                    f"{a}->{c}   {state}",
                )[index % 3]
            )
            move(n - 1, b, a, c)

    move(6, *names)
    return Draft("Solve the tower and show the pegs.", "\n".join(lines), budget(rng, 500, 1_300))


def _queens(rng: random.Random) -> list[str]:
    n = rng.choice([6, 7])
    lines, placed = [f"Place {n} queens, row by row."], [rng.randrange(n)]
    lines.append(f"Row 1: column {placed[0] + 1}.")
    column = 0
    while len(lines) < 130 and placed:
        row = len(placed)
        clash = next((r for r, c in enumerate(placed)
                      if c == column or abs(c - column) == row - r), None)  # fmt: skip
        if row == n:
            lines.append(f"That is a solution: {[c + 1 for c in placed]}. Go on from row {n}.")
            column = placed.pop() + 1
        elif column == n:
            column = placed.pop() + 1
            lines.append(f"Row {row + 1} has no place left, back to row {row}.")
        elif clash is None:
            placed.append(column)
            lines.append(f"Row {row + 1}: column {column + 1} is free, queens at "
                         f"{[c + 1 for c in placed]}.")  # fmt: skip
            column = 0
        else:
            lines.append(f"Row {row + 1}: column {column + 1} is attacked from row {clash + 1}.")
            column += 1
    return lines


def _subset_sums(rng: random.Random) -> list[str]:
    items, goal = sorted(rng.sample(range(5, 60), 8)), rng.randint(100, 160)
    lines = [f"Which of {items} add up to {goal}?"]

    def search(start: int, chosen: list[int]) -> None:
        for i in range(start, len(items)):
            taken = [*chosen, items[i]]
            total, said = sum(taken), " + ".join(map(str, taken))
            said += f" = {total}" if chosen else ""
            if total >= goal:
                lines.append(f"{said}, found one." if total == goal else f"{said} > {goal}, cut.")
                return
            lines.append(f"{said} < {goal}, add more.")
            search(i + 1, taken)

    search(0, [])
    return lines


def _grid_search(rng: random.Random) -> list[str]:
    size = 9
    walls = {(rng.randrange(size), rng.randrange(size)) for _ in range(20)} - {(0, 0)}
    queue, seen, lines = deque([(0, 0)]), {(0, 0)}, ["Breadth-first from (0, 0)."]
    while queue:
        x, y = queue.popleft()
        near = [(x + 1, y), (x, y + 1), (x - 1, y), (x, y - 1)]
        new = [p for p in near if p not in seen | walls and all(0 <= c < size for c in p)]
        seen.update(new)
        queue.extend(new)
        lines.append(f"Take ({x}, {y}); new: {new or 'none'}; queue: {list(queue)}")
    return lines


def _trial_division(rng: random.Random) -> list[str]:
    lines: list[str] = []
    for n in rng.sample(range(601, 4_000, 2), 14):
        lines.append(f"Is {n} prime?")
        for q in (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61):
            if q * q > n:
                lines.append(f"{q}² = {q * q} > {n}, so {n} is prime.")
                break
            if n % q == 0:
                lines.append(f"{n} = {q} · {n // q}, so it is not.")
                break
            lines.append(f"{n} = {q} · {n // q} + {n % q}, go on.")
    return lines


def systematic_search(rng: random.Random, index: int) -> Draft:
    """Backtracking, sums of subsets, breadth-first search, or trial division."""
    search = (_queens, _subset_sums, _grid_search, _trial_division)[index % 4]
    return Draft("Search systematically.", "\n".join(search(rng)), budget(rng, 500, 1_300))


def elimination_puzzle(rng: random.Random, index: int) -> Draft:
    """A puzzle of who has what, its possibilities crossed out one by one."""
    text = "<think>\n" if index % 2 else ""
    for round_ in range(1, 5):
        people = rng.sample(NAMES, 5)
        left: dict[tuple[str, str], tuple[list[str], str]] = {}
        for kind, pool in (("scarf", COLOURS), ("bag", PRODUCTS), ("talk", TOPICS)):
            answer = dict(zip(people, rng.sample(pool, 5), strict=True))
            left |= {(p, kind): (shuffled(rng, answer.values()), answer[p]) for p in people}
        text += f"Puzzle {round_}: {', '.join(people)} differ in scarf, bag and talk.\n"
        open_ = [key for key, (options, _) in left.items() for _ in options[1:]]
        for clue, key in enumerate(shuffled(rng, open_), 1):
            options, true = left[key]
            wrong = rng.choice([o for o in options if o != true])
            options.remove(wrong)
            person, kind = key
            opening = rng.choice(["", "Wait, ", "So ", "Next, ", "Then ", "Hmm, "])
            rest = ", ".join(options)
            text += f"{opening}{person}'s {kind} is not {wrong} (clue {clue})"
            text += (f", and so it is {rest}.\n" if len(options) == 1
                     else f", which leaves {rest}.\n")  # fmt: skip
        text += "\n"
    return Draft("Solve the puzzle by elimination.", text, budget(rng, 600, 1_400))


GENERATORS: dict[str, tuple[Generator, int]] = {
    "insertion_and_merging": (insertion_and_merging, 7),
    "hanoi_with_state": (hanoi_with_state, 7),
    "systematic_search": (systematic_search, 8),
    "elimination_puzzle": (elimination_puzzle, 8),
}
