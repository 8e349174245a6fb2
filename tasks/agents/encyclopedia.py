"""An encyclopedia of a world that does not exist, made by a seeded generator.

Nothing in it can be known from training: what a model says about it was looked up, or made
up. Three hundred articles of regions, towns, rivers, people and inventions refer to each
other by title. A world is named by a text, such as `test-0`, and is a function of that text
and `VERSION` alone.
"""

from __future__ import annotations

import hashlib
import random
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from loopbench.tasks.agents.words import (
    DEVICES,
    GOODS,
    PERSON_ENDS,
    PROFESSIONS,
    REGION_ENDS,
    RIVER_ENDS,
    TOWN_ENDS,
    Names,
)

VERSION = 1
REGIONS, RIVERS, TOWNS, PEOPLE, INVENTIONS = 8, 40, 90, 102, 60

_WORD = re.compile(r"[^\W_]+")

Kind = Literal["region", "river", "town", "person", "invention"]


@dataclass(frozen=True, slots=True)
class Article:
    """One article; its facts are in its text, each in a form of its own."""

    title: str
    kind: Kind
    text: str
    facts: dict[str, str | int]
    """Name of a fact -> its value: a number, or the title of another article."""
    said: dict[str, str]
    """Name of a fact -> the words of the text that say it."""


@dataclass(frozen=True, slots=True)
class World:
    """A whole encyclopedia."""

    name: str
    articles: dict[str, Article]
    """By title."""

    def of_kind(self, kind: Kind) -> list[Article]:
        """Return the articles of one kind, in the order in which they were made."""
        return [article for article in self.articles.values() if article.kind == kind]

    def titles_in(self, text: str) -> set[str]:
        """Return the titles that a text names as whole words, whatever their case."""
        folded = f" {' '.join(words(text))} "
        return {title for title in self.articles if f" {title.casefold()} " in folded}


def words(text: str) -> list[str]:
    """Return the words of a text, folded."""
    return _WORD.findall(text.casefold())


@lru_cache(maxsize=16)
def world(name: str) -> World:
    """Return the world with this name; the same name gives the same world everywhere."""
    digest = hashlib.sha256(f"encyclopedia:{VERSION}:{name}".encode("utf-8", "replace")).digest()
    articles = _Maker(random.Random(int.from_bytes(digest))).articles()
    return World(name, {article.title: article for article in articles})


class _Maker:
    """Draws the names first and the articles afterwards, so that they can refer to all."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        names = Names(rng)
        self._regions = [names.draw(REGION_ENDS) for _ in range(REGIONS)]
        self._rivers = [names.draw(RIVER_ENDS) for _ in range(RIVERS)]
        self._towns = [names.draw(TOWN_ENDS) for _ in range(TOWNS)]
        self._people = [f"{names.draw(PERSON_ENDS)} {names.draw()}" for _ in range(PEOPLE)]
        self._inventions = [f"{names.draw()} {rng.choice(DEVICES)}" for _ in range(INVENTIONS)]

    def articles(self) -> list[Article]:
        """Return all articles; a town's founder and an invention's inventor are people."""
        return [
            *map(self._region, self._regions),
            *map(self._river, self._rivers),
            *map(self._town, self._towns),
            *map(self._person, self._people),
            *map(self._invention, self._inventions),
        ]

    def _year(self) -> int:
        return self._rng.randint(1102, 1987)

    def _region(self, title: str) -> Article:
        area, capital = self._rng.randint(1_200, 98_000), self._rng.choice(self._towns)
        return _article(
            title, "region", "{title} is a region. {area} {capital} {goods}",
            {"area": area, "capital": capital},
            area=f"It covers {area} square kilometres.",
            capital=f"Its capital is {capital}.",
            goods=f"It is known for {self._rng.choice(GOODS)}.",
        )  # fmt: skip

    def _river(self, title: str) -> Article:
        length, region = self._rng.randint(41, 1_940), self._rng.choice(self._regions)
        bridges = self._rng.randint(3, 96)
        return _article(
            title, "river", "The {title} is a river. {region} {length} {bridges}",
            {"length": length, "region": region, "bridges": bridges},
            region=f"It rises in the hills of {region}.",
            length=f"It is {length} kilometres long.",
            bridges=f"In all, {bridges} bridges cross it.",
        )  # fmt: skip

    def _town(self, title: str) -> Article:
        rng = self._rng
        facts: dict[str, str | int] = {
            "region": rng.choice(self._regions),
            "river": rng.choice(self._rivers),
            "founder": rng.choice(self._people),
            "founded": self._year(),
            "population": rng.randint(1_030, 89_900),
            "elevation": rng.randint(4, 1_960),
        }
        return _article(
            title, "town", "{title} is a town. {region} {river} {founded} {population} "
            "{elevation} {goods}", facts,
            region=f"It belongs to the region of {facts['region']}.",
            river=f"It lies on the river {facts['river']}.",
            founded=f"It was founded in the year {facts['founded']}",
            founder=f"by {facts['founder']}.",
            population=f"It has {facts['population']} inhabitants.",
            elevation=f"The market square is {facts['elevation']} metres above the sea.",
            goods=f"Its people make {rng.choice(GOODS)}.",
        )  # fmt: skip

    def _person(self, title: str) -> Article:
        rng = self._rng
        born, age = self._year(), rng.randint(31, 94)
        facts: dict[str, str | int] = {
            "birthplace": rng.choice(self._towns),
            "born": born,
            "died": born + age,
            "children": rng.randint(0, 11),
        }
        return _article(
            title, "person", "{title} was a {job}. {birthplace} {died} {children}", facts,
            job=rng.choice(PROFESSIONS),
            birthplace=f"The birthplace was {facts['birthplace']}",
            born=f"in the year {born}.",
            died=f"Death came in the year {born + age}.",
            children=f"The family had {facts['children']} children.",
        )  # fmt: skip

    def _invention(self, title: str) -> Article:
        rng = self._rng
        facts: dict[str, str | int] = {
            "inventor": rng.choice(self._people),
            "year": self._year(),
            "place": rng.choice(self._towns),
            "weight": rng.randint(2, 4_800),
        }
        return _article(
            title, "invention", "The {title} is an invention. {inventor} {place} {weight}", facts,
            inventor=f"It was invented by {facts['inventor']}",
            year=f"in the year {facts['year']}.",
            place=f"The first one was built in {facts['place']}.",
            weight=f"It weighed {facts['weight']} kilograms.",
        )  # fmt: skip


_JOINED = {"founded": "founder", "birthplace": "born", "inventor": "year"}
"""Facts that share a sentence: the second one follows the first."""


def _article(
    title: str, kind: Kind, form: str, facts: dict[str, str | int], **said: str
) -> Article:
    whole = {
        name: f"{words} {said[_JOINED[name]]}" if name in _JOINED else words
        for name, words in said.items()
    }
    text = form.format(title=title, **whole)
    return Article(title, kind, text, facts, {name: said[name] for name in facts})
