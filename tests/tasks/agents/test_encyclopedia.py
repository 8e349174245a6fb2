from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from itertools import permutations

import pytest

from loopbench.tasks.agents.encyclopedia import world
from loopbench.tasks.agents.search import HITS, index

KINDS = {"region": 8, "river": 40, "town": 90, "person": 102, "invention": 60}
REFERENCES = {"region", "river", "founder", "birthplace", "inventor", "place", "capital"}


def digest(name: str) -> str:
    texts = [[a.title, a.text] for a in world(name).articles.values()]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def test_a_world_is_pinned_in_this_and_any_other_process() -> None:
    # Another text needs another version: rates would not be comparable.
    pinned = "f7ec30a5b16aedf2c90e6ff539a47b1a3d2ff2162aed4ac588e1693a2b662fe1"
    program = (
        "import hashlib, json; from loopbench.tasks.agents.encyclopedia import world;"
        "print(hashlib.sha256(json.dumps([[a.title, a.text] for a in "
        "world('test-0').articles.values()]).encode()).hexdigest())"
    )
    other = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert digest("test-0") == pinned
    assert other.stdout.strip() == pinned


def test_it_has_its_articles() -> None:
    about = world("test-0")
    assert len(about.articles) == 300
    assert {kind: len(about.of_kind(kind)) for kind in KINDS} == KINDS  # type: ignore[arg-type]


def test_every_fact_is_said_in_the_article_and_every_reference_leads_somewhere() -> None:
    about = world("train-3")
    for article in about.articles.values():
        for fact, value in article.facts.items():
            assert article.said[fact] in article.text
            assert str(value) in article.said[fact]
            assert (fact in REFERENCES) == isinstance(value, str)
            assert isinstance(value, int) or value in about.articles


def test_no_title_is_part_of_another() -> None:
    titles = [title.casefold() for title in world("test-1").articles]
    assert not [(a, b) for a, b in permutations(titles, 2) if a in b]


@pytest.mark.parametrize("pair", [("test-0", "test-1"), ("test-0", "train-0")])
def test_worlds_share_next_to_no_title_and_no_fact(pair: tuple[str, str]) -> None:
    one, two = (world(name) for name in pair)
    assert len(one.articles.keys() & two.articles.keys()) <= 3
    texts = [{a.text for a in about.articles.values()} for about in (one, two)]
    assert not texts[0] & texts[1]


def test_titles_are_found_as_whole_words() -> None:
    about = world("test-0")
    town, person = (about.of_kind(kind)[0].title for kind in ("town", "person"))
    assert about.titles_in(f"It is {town.upper()}, near **{person}**.") == {town, person}
    assert about.titles_in(f"{town}s {town[:-1]} {person.split()[0]}") == set()


@pytest.mark.parametrize("name", ["test-0", "test-7", "validation-0"])
def test_every_article_is_the_first_hit_for_its_title(name: str) -> None:
    for title in world(name).articles:
        assert index(name).search(title).startswith(f"[{title}] ")


def test_a_search_gives_the_best_articles_or_says_that_there_are_none() -> None:
    search = index("test-0").search
    assert search("river bridges").count("\n") == HITS - 1
    for query in ("", "   ", "qwertz", "?" * 10_000, "\ud800"):
        assert search(query) == "No article matches."
    title = next(iter(world("test-0").articles))
    assert search(f"what is {title} about?").startswith(f"[{title}] ")
