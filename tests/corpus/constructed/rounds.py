"""What goes round: a stock of ideas that are said again, in drifting order and other words."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from .base import Draft, until

SCENES = Path(__file__).parent / "scenes"

# `[maybe|perhaps]` is one of the two; brackets without a bar are left as they are.
_CHOICE = re.compile(r"\[([^\[\]]*\|[^\[\]]*)\]")
_BLANKS = re.compile(r" +([.,])(?!\d)|  +")
_WORD_OR_CJK = re.compile(r"[一-鿿]|[^\W\d_]+|\d|[^\w\s]")


ENDS = ".?!:;\n…。?!»"
JOINING = frozenset(["and", "but", "so", "then", "mais", "donc", "pero", "entonces", "aber"])


class Scene(NamedTuple):
    """An output that gets somewhere, and the ideas among which it goes round afterwards."""

    prompt: str
    before: str
    ideas: Sequence[Sequence[str]]
    """Every idea has its paraphrases, with `[one|another]` word in them."""
    openings: Sequence[str] = ("",)
    asides: Sequence[str] = ()
    ends: Sequence[str] = (" ",)
    """What stands between two ideas."""
    stop: str = "."
    """What ends a sentence; list items have none."""


@cache
def scenes(kind: str) -> tuple[Scene, ...]:
    """Read the scenes of one kind; the rest of a scene is what its file says for all of them."""
    table = tomllib.loads((SCENES / f"{kind}.toml").read_text(encoding="utf-8"))
    return tuple(Scene(**table["shared"] | scene) for scene in table["scene"])


def spin(rng: random.Random, text: str) -> str:
    """Choose among the alternatives of a text, inner ones first."""
    while match := _CHOICE.search(text):
        text = text[: match.start()] + rng.choice(match[1].split("|")) + text[match.end() :]
    return text


def tidied(text: str) -> str:
    """Take out the blanks that an empty alternative leaves."""
    return _BLANKS.sub(lambda match: match[1] or " ", text).strip(" ")


def opened(opening: str, text: str) -> str:
    """Put an opening before a sentence: what follows a full stop, or nothing, is capitalised.

    A sentence that begins with a conjunction, or with the same word, goes without.
    """
    word = opening.strip(" ,.:")
    if text.split(maxsplit=1)[0].lower() in JOINING or (word and text.startswith(word)):
        opening = ""
    if not opening.strip() or opening.rstrip()[-1] in ".?!":
        at = 1 if text[0] == '"' else 0
        text = text[:at] + text[at].upper() + text[at + 1 :]
    return opening + text


class Speaker:
    """Says the ideas of a scene: often word for word as before, else in other words."""

    def __init__(self, rng: random.Random, scene: Scene, habit: float) -> None:
        self.rng = rng
        self.scene = scene
        self.habit = habit
        """How often an idea is said in words that it was said in before."""
        few = rng.randint(min(3, len(scene.openings)), len(scene.openings))
        self.openings = rng.sample(scene.openings, few)
        self.chatter = rng.uniform(0.1, 0.35)
        self.openness = rng.uniform(0.3, 0.8)
        self.most = rng.randint(2, 5)
        """How many wordings an idea gets at most."""
        self.said: dict[int, list[str]] = {}

    def words(self, which: int) -> str:
        """Word one idea, without what is around it."""
        rng, said = self.rng, self.said.setdefault(which, [])
        if said and (len(set(said)) >= self.most or rng.random() < self.habit):
            # The first wording comes back most.
            return rng.choice([said[0], *said])
        said.append(tidied(spin(rng, rng.choice(self.scene.ideas[which]))))
        return said[-1]

    def aside(self) -> str:
        """Say nothing, or something that is about no idea."""
        rng, asides = self.rng, self.scene.asides
        return spin(rng, rng.choice(asides)) if asides and rng.random() < self.chatter else ""

    def stopped(self, text: str) -> str:
        """End a sentence that has no end yet."""
        return text if text.rstrip('"')[-1] in ENDS else text + self.scene.stop

    def say(self, which: int) -> str:
        """Say one idea with its opening, sometimes an aside, and the space after it."""
        rng, words = self.rng, self.words(which)
        opening = spin(rng, rng.choice(self.openings))
        if len(self.scene.openings) > 1 and rng.random() > self.openness:
            opening = ""
        # Items of a list are left as they are.
        text = self.stopped(opened(opening, words)) if self.scene.stop else opening + words
        end = rng.choice(self.scene.ends)
        aside = self.aside()
        if aside and "\n" in aside + end and text.startswith("#"):
            return f"{text}\n{aside}{end}"
        gap = " " if all(self.scene.ends) else ""
        return f"{text}{gap}{aside}{end}" if aside else text + end

    def grouped(self, order: Sequence[int], numbered: bool) -> str:
        """Say several ideas as one paragraph, or as a numbered list under a heading."""
        rng = self.rng
        opening, aside = spin(rng, rng.choice(self.openings)), self.aside()
        texts = [self.words(i) for i in order]
        if numbered:
            lines = [f"{k}. {text}" for k, text in enumerate(texts, 1)]
            return "\n".join([opening, *lines]) + (f"\n\n{aside}\n\n" if aside else "\n\n")
        first = opened(opening, texts[0])
        text = " ".join(self.stopped(t) for t in [first, *(opened("", t) for t in texts[1:])])
        return f"{text} {aside}\n\n" if aside else f"{text}\n\n"


Order = Callable[[random.Random, int], Iterator[int]]


def drifting(rng: random.Random, n: int) -> Iterator[int]:
    """One order, in which neighbours change places and one idea or another is left out."""
    order = list(range(n))
    while True:
        yield from (i for i in order if rng.random() > 0.15)
        at = rng.randrange(n - 1)
        order[at], order[at + 1] = order[at + 1], order[at]


def shuffling(rng: random.Random, n: int) -> Iterator[int]:
    """Every round in another order."""
    while True:
        yield from rng.sample(range(n), n)


def leading(rng: random.Random, n: int) -> Iterator[int]:
    """Every idea mostly leads to the same other one, and else to any."""
    ring = rng.sample(range(n), n)
    after = dict(pairwise([*ring, ring[0]]))
    now = 0
    while True:
        yield now
        now = after[now] if rng.random() < 0.65 else rng.randrange(n)


def taking_turns(rng: random.Random, n: int) -> Iterator[int]:
    """An even idea and an odd one in turn; the odd one mostly answers the even one."""
    while True:
        even = rng.randrange(0, n, 2)
        yield even
        yield even + 1 if rng.random() < 0.6 else rng.randrange(1, n, 2)


ANY_ORDER: tuple[Order, ...] = (drifting, shuffling, leading)


def without_echo(order: Iterator[int], say: Callable[[int], str]) -> Iterator[str]:
    """Say the ideas of an order; none of them twice in a row."""
    last = None
    for which in order:
        if which != last:
            yield say(which)
        last = which


def round_and_round(rng: random.Random, scene: Scene, order: Order | None = None) -> Draft:
    """Say every idea once, and then nothing but these ideas."""
    order = order or rng.choice(ANY_ORDER)
    speaker = Speaker(rng, scene, rng.uniform(0.25, 0.75))
    # The last ideas of a scene may be left out; turns need a speaker and an answer.
    n = len(scene.ideas)
    if order is not taking_turns:
        n = rng.randint(max(4, n - 1), n)
    before = scene.before + "".join(speaker.say(i) for i in range(n))
    parts = without_echo(order(rng, n), speaker.say)
    return stuck(rng, scene.prompt, before, parts, f"{n} ideas, {order.__name__}")


def paragraphs(rng: random.Random, scene: Scene, numbered: bool) -> Draft:
    """Say all ideas in one paragraph or list, and then again and again, some in other places."""
    speaker = Speaker(rng, scene, rng.uniform(0.25, 0.75))
    order = list(range(len(scene.ideas)))
    before = scene.before + speaker.grouped(order, numbered)

    def parts() -> Iterator[str]:
        while True:
            for _ in range(rng.randint(0, 2)):
                at = rng.randrange(len(order) - 1)
                order[at], order[at + 1] = order[at + 1], order[at]
            kept = [i for i in order if rng.random() > 0.12]
            yield speaker.grouped(kept if len(kept) > 2 else order, numbered)

    return stuck(rng, scene.prompt, before, parts(), f"{len(order)} ideas, round by round")


def stuck(rng: random.Random, prompt: str, before: str, parts: Iterator[str], note: str) -> Draft:
    """Return a draft that says nothing new after what comes before, up to its budget."""
    # Roughly the tokens of the fallback, which has a token for every blank, so that under no
    # tokenizer the stuck part is short.
    held = len(before.split()) + len(_WORD_OR_CJK.findall(before))
    tokens = max(700, min(1_500, held + rng.randint(500, 950)))
    text = before + until(9 * tokens, parts)
    return Draft(prompt, text, tokens, "circular", "length", len(before), note)
