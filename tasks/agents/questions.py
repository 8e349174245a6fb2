"""Questions about an encyclopedia: chains of references, arithmetic over facts, programs.

Every question carries its steps: which article must be found, and which words of it say what
is needed. The steps are part of the reference and never shown to the model.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from loopbench.tasks.agents.encyclopedia import Article, Kind, World

_PHRASES: dict[Kind, str] = {
    "town": "the town of {}",
    "river": "the river {}",
    "region": "the region of {}",
    "person": "{}",
    "invention": "the {}",
}
_ASKED: dict[tuple[Kind, str], str] = {
    ("town", "region"): "To which region does {} belong?",
    ("town", "river"): "On which river does {} lie?",
    ("town", "founder"): "Who founded {}?",
    ("town", "founded"): "In which year was {} founded?",
    ("town", "population"): "How many inhabitants does {} have?",
    ("town", "elevation"): "How many metres above the sea is the market square of {}?",
    ("river", "length"): "How many kilometres long is {}?",
    ("river", "bridges"): "How many bridges cross {}?",
    ("river", "region"): "In the hills of which region does {} rise?",
    ("person", "birthplace"): "In which town was {} born?",
    ("person", "born"): "In which year was {} born?",
    ("person", "died"): "In which year did {} die?",
    ("person", "children"): "How many children did the family of {} have?",
    ("invention", "inventor"): "Who invented {}?",
    ("invention", "year"): "In which year was {} invented?",
    ("invention", "place"): "In which town was {} first built?",
    ("invention", "weight"): "How many kilograms did {} weigh?",
    ("region", "area"): "How many square kilometres does {} cover?",
    ("region", "capital"): "Which town is the capital of {}?",
}
_REFERRED: dict[tuple[Kind, str], str] = {
    ("town", "region"): "the region to which {} belongs",
    ("town", "river"): "the river on which {} lies",
    ("town", "founder"): "the founder of {}",
    ("river", "region"): "the region in which {} rises",
    ("person", "birthplace"): "the birthplace of {}",
    ("invention", "inventor"): "the inventor of {}",
    ("invention", "place"): "the town in which {} was first built",
    ("region", "capital"): "the capital of {}",
}
_YEARS: dict[tuple[Kind, str], str] = {
    ("town", "founded"): "the year in which {} was founded",
    ("person", "born"): "the year in which {} was born",
    ("person", "died"): "the year in which {} died",
    ("invention", "year"): "the year in which {} was invented",
}


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its answer and the way to it."""

    text: str
    answer: str | int
    steps: list[dict[str, str]]
    """Articles to find: `search` is a title, `fact` the words that say what is needed."""
    compute: dict[str, str] | None = None
    """The tool that works out the answer from the facts, and its input."""
    kind: str = field(default="lookup")

    def reference(self, world: World) -> dict[str, Any]:
        """Return what the grader and the oracle need."""
        return {
            "world": world.name,
            "kind": self.kind,
            "answer": self.answer,
            "steps": self.steps,
            "compute": self.compute,
        }


class Asker:
    """Draws questions about one world with one generator."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self._world, self._rng = world, rng
        self._steps: list[dict[str, str]] = []

    def question(self, level: str) -> Question:
        """Draw a question of a level; one whose answer is in its own words is drawn again."""
        kinds = {
            "easy": [self.chain_of(1)],
            "medium": [self.chain_of(2), self.chain_of(2), self.difference, self.total_of(2)],
            "hard": [
                self.chain_of(3), self.chain_of(3), self.total_of(3), self.far_difference,
                self.program,
            ],
        }  # fmt: skip
        while True:
            self._steps = []
            drawn = self._rng.choice(kinds[level])()
            named = self._world.titles_in(drawn.text)
            numbers = drawn.text.replace("?", " ").split()
            if drawn.answer not in named and str(drawn.answer) not in numbers:
                return drawn

    def _read(self, article: Article, fact: str) -> str | int:
        self._steps.append({"search": article.title, "fact": article.said[fact]})
        return article.facts[fact]

    def _pick(self, kind: Kind) -> Article:
        return self._rng.choice(self._world.of_kind(kind))

    def _follow(self, hops: int, kinds: Sequence[Kind]) -> tuple[Article, str]:
        # An article at the end of so many references, and the words that lead to it. Built
        # from its end: what the last article may be decides where the chain may begin.
        if not hops:
            article = self._pick(self._rng.choice(kinds))
            return article, _PHRASES[article.kind].format(article.title)
        # No article refers to an invention: one can only stand at the beginning.
        ways = [
            (kind, fact)
            for kind, fact in _REFERRED
            if _TARGETS[fact] in kinds and (hops == 1 or kind != "invention")
        ]
        kind, fact = self._rng.choice(ways)
        before, phrase = self._follow(hops - 1, [kind])
        target = self._read(before, fact)
        return self._world.articles[str(target)], _REFERRED[kind, fact].format(phrase)

    def chain_of(self, hops: int) -> Callable[[], Question]:
        """Return a maker of questions that need so many articles one after another."""

        def make() -> Question:
            kinds: list[Kind] = ["town", "person", "river", "region"]
            article, phrase = self._follow(hops - 1, kinds if hops > 1 else [*kinds, "invention"])
            fact = self._rng.choice([f for kind, f in _ASKED if kind == article.kind])
            text = _ASKED[article.kind, fact].format(phrase)
            return Question(text, self._read(article, fact), self._steps)

        return make

    def total_of(self, count: int) -> Callable[[], Question]:
        """Return a maker of sums over the inhabitants of so many towns."""

        def make() -> Question:
            towns = self._rng.sample(self._world.of_kind("town"), count)
            numbers = [int(self._read(town, "population")) for town in towns]
            names = ", ".join(town.title for town in towns[:-1]) + f" and {towns[-1].title}"
            return Question(
                f"How many inhabitants do the towns {names} have together?",
                sum(numbers), self._steps, _calculator("+".join(map(str, numbers))), "arithmetic",
            )  # fmt: skip

        return make

    def difference(self) -> Question:
        """Ask how many years lie between two dates."""
        return self._between(0)

    def far_difference(self) -> Question:
        """Ask how many years lie between two dates of which one needs a reference first."""
        return self._between(1)

    def _year(self, hops: int) -> tuple[int, str]:
        kinds: list[Kind] = ["town", "person"] if hops else ["town", "person", "invention"]
        article, phrase = self._follow(hops, kinds)
        fact = self._rng.choice([fact for kind, fact in _YEARS if kind == article.kind])
        return int(self._read(article, fact)), _YEARS[article.kind, fact].format(phrase)

    def _between(self, hops: int) -> Question:
        (first, one), (second, other) = self._year(hops), self._year(0)
        return Question(
            f"How many years lie between {one} and {other}?",
            abs(first - second), self._steps, _calculator(f"abs({first}-{second})"), "arithmetic",
        )  # fmt: skip

    def program(self) -> Question:
        """Ask for something that needs a program."""
        return self._rng.choice([self._primes, self._digits, self._steps_to_one])()

    def _primes(self) -> Question:
        (first, one), (second, other) = self._year(0), self._year(0)
        low, high = sorted((first, second))
        code = f"print(sum(all(n % d for d in range(2, n)) for n in range({low}, {high} + 1)))"
        count = sum(all(n % d for d in range(2, int(n**0.5) + 1)) for n in range(low, high + 1))
        return Question(
            f"How many prime numbers are there between {one} and {other}, both included?",
            count, self._steps, {"tool": "python", "input": code}, "program",
        )  # fmt: skip

    def _digits(self) -> Question:
        town = self._pick("town")
        number = int(self._read(town, "population"))
        return Question(
            f"The number of inhabitants of the town of {town.title} is raised to the power of 40. "
            "What is the sum of the decimal digits of the result?",
            sum(map(int, str(number**40))), self._steps,
            {"tool": "python", "input": f"print(sum(int(d) for d in str({number}**40)))"},
            "program",
        )  # fmt: skip

    def _steps_to_one(self) -> Question:
        town = self._pick("town")
        number = start = int(self._read(town, "population"))
        count = 0
        while number != 1:
            number = number // 2 if number % 2 == 0 else 3 * number + 1
            count += 1
        code = (
            f"n, c = {start}, 0\nwhile n != 1:\n"
            "    n, c = (n // 2 if n % 2 == 0 else 3 * n + 1), c + 1\nprint(c)"
        )
        return Question(
            f"Begin with the number of inhabitants of the town of {town.title}. In each step, an "
            "even number is halved, and an odd one is tripled and increased by one. "
            "How many steps does it take to reach 1?",
            count, self._steps, {"tool": "python", "input": code}, "program",
        )  # fmt: skip


_TARGETS: dict[str, Kind] = {
    "region": "region",
    "river": "river",
    "founder": "person",
    "birthplace": "town",
    "inventor": "person",
    "place": "town",
    "capital": "town",
}
"""Fact -> kind of the article that it names."""


def _calculator(expression: str) -> dict[str, str]:
    return {"tool": "calculator", "input": expression}
