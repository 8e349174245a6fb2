"""Who tells the truth? Case analysis, where a model that loses its place starts over."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loopbench.tasks.answers import candidates, final_text, last_line, no_answer, verdict
from loopbench.tasks.base import Draft, Procedural
from loopbench.types import Category, Grade, Sample

NAMES = (
    "Ada", "Ben", "Cleo", "Dora", "Emil", "Faye", "Gus", "Hana", "Ivo", "Jade", "Kurt",
    "Lily", "Milo", "Nora", "Otto", "Pia", "Quinn", "Rosa", "Sven", "Tess",
)  # fmt: skip
_PEOPLE = {"easy": (2, 3), "medium": (4, 4), "hard": (5, 6)}
_WORD = re.compile(r"[A-Za-z]+")

Roles = Sequence[bool]
"""One truth value per person: True is a knight."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What someone says, in words and as a predicate over worlds."""

    text: str
    holds: Callable[[Roles], bool]


def _kind(knight: bool) -> str:
    return "knight" if knight else "knave"


def _plain(rng: random.Random, names: list[str], me: int) -> Statement:
    other = rng.choice([i for i in range(len(names)) if i != me])
    knight = rng.random() < 0.4
    return Statement(f"{names[other]} is a {_kind(knight)}.", lambda w: w[other] == knight)


def _pair(rng: random.Random, names: list[str], me: int) -> Statement:
    others = [i for i in range(len(names)) if i != me]
    a, b = rng.sample(others, 2) if len(others) > 1 else (me, others[0])
    x, y = (("I" if i == me else names[i]) for i in (a, b))
    form = rng.randrange(4)
    if form == 0:
        return Statement(f"{x} and {y} are of the same kind.", lambda w: w[a] == w[b])
    if form == 1:
        text = f"At least one of {'me' if a == me else x} and {y} is a knave."
        return Statement(text, lambda w: not (w[a] and w[b]))
    if form == 2:
        return Statement(f"{x} and {y} are both knaves.", lambda w: not w[a] and not w[b])
    text = f"Exactly one of {'me' if a == me else x} and {y} is a knight."
    return Statement(text, lambda w: w[a] != w[b])


def _conditional(rng: random.Random, names: list[str], me: int) -> Statement:
    others = [i for i in range(len(names)) if i != me]
    if len(others) < 2:
        return _pair(rng, names, me)
    a, b = rng.sample(others, 2)
    p, q = rng.random() < 0.5, rng.random() < 0.5
    text = f"If {names[a]} is a {_kind(p)}, then {names[b]} is a {_kind(q)}."
    return Statement(text, lambda w: w[a] != p or w[b] == q)


def _count(rng: random.Random, names: list[str], me: int) -> Statement:
    k = rng.randint(1, len(names) - 1)
    are = "is a knight" if k == 1 else "are knights"
    return Statement(f"Exactly {k} of us {are}.", lambda w: sum(w) == k)


_FORMS = {
    "easy": (_plain, _plain, _pair),
    "medium": (_plain, _pair, _conditional),
    "hard": (_plain, _pair, _pair, _conditional, _conditional, _count),
}


def solutions(statements: Sequence[Statement]) -> list[tuple[bool, ...]]:
    """Return every world in which knights' statements hold and knaves' do not."""
    worlds = itertools.product((True, False), repeat=len(statements))
    return [w for w in worlds if all(s.holds(w) == w[i] for i, s in enumerate(statements))]


def parse_assignment(text: str, names: Sequence[str]) -> dict[str, str] | None:
    """Read "Ada is a knight, Ben=knave", "Ada and Ben are knaves" or "Knights: Ada".

    Returns None for a denial ("not a knave"), a name that gets both kinds, or a name that
    gets none.
    """
    by_word = {name.lower(): name for name in names}
    found: dict[str, str] = {}
    pending: list[str] = []
    heading: str | None = None
    for match in _WORD.finditer(text):
        word = match.group().lower()
        if word in ("not", "isn", "aren", "neither", "or"):
            return None
        if word in ("knight", "knights", "knave", "knaves"):
            role = word.rstrip("s")
            if not pending:
                heading = role
            for name in pending:
                if found.setdefault(name, role) != role:
                    return None
            pending = []
        elif word in by_word:
            name = by_word[word]
            if heading is None:
                pending.append(name)
            elif found.setdefault(name, heading) != heading:
                return None
    return found if len(found) == len(names) and not pending else None


class KnightsKnaves(Procedural):
    """Assign knight or knave to everyone."""

    name = "knights_knaves"
    category: Category = "reasoning"
    description = "knights always tell the truth, knaves always lie: who is what?"

    def draft(self, rng: random.Random, level: str) -> Draft:
        """Draw statements until exactly one world fits them."""
        names = rng.sample(NAMES, rng.randint(*_PEOPLE[level]))
        while True:
            said = [rng.choice(_FORMS[level])(rng, names, i) for i in range(len(names))]
            worlds = solutions(said)
            if len(worlds) == 1:
                break
        lines = "\n".join(f'{n} says: "{s.text}"' for n, s in zip(names, said, strict=True))
        order = ", ".join(names)
        prompt = (
            "On an island everyone is either a knight, who always tells the truth, or a "
            f"knave, who always lies. You meet {order}.\n\n{lines}\n\n"
            "Find out what everyone is. End with one line that names everyone, in this form: "
            f"'Answer: {', '.join(f'{n}=<kind>' for n in names)}', "
            "where each <kind> is knight or knave."
        )
        kinds = {name: _kind(k) for name, k in zip(names, worlds[0], strict=True)}
        return Draft(prompt, {"names": names, "kinds": kinds})

    def grade(self, sample: Sample, text: str) -> Grade:
        """Compare the full assignment; `parts` has the share of people that are right."""
        final = final_text(text)
        if final is None:
            return no_answer()
        names, kinds = sample.reference["names"], sample.reference["kinds"]
        stated = [(c.block, c.explicit) for c in candidates(final)]
        line = last_line(final)
        if not stated and line:
            stated = [(line, False)]
        for answer, explicit in stated:
            found = parse_assignment(answer, names)
            if found is not None or explicit:
                right = sum((found or {}).get(name) == kinds[name] for name in names)
                return verdict(answer, found == kinds, {"people": right / len(names)})
        return no_answer()

    def oracle(self, sample: Sample) -> str:
        """State the assignment in the form that the prompt asks for."""
        kinds = sample.reference["kinds"]
        return "Answer: " + ", ".join(f"{name}={kind}" for name, kind in kinds.items())


TASK = KnightsKnaves()
