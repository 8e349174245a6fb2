"""The grammar of the encyclopedia: how invented names are built."""

from __future__ import annotations

import random

_ONSETS = (
    "b", "br", "d", "dr", "f", "g", "gr", "h", "j", "k", "l", "m", "n", "p", "qu", "r", "s",
    "t", "tr", "v", "w", "z",
)  # fmt: skip
_VOWELS = ("a", "e", "i", "o", "u", "ei")
_CODAS = ("", "", "", "l", "m", "n", "r", "s")

TOWN_ENDS = ("ova", "ith", "umar", "enza", "olt", "aspe", "idru", "ekko")
RIVER_ENDS = ("ael", "oss", "unne", "ira", "yth", "owe")
REGION_ENDS = ("avia", "omark", "undia", "eshire", "orra")
PERSON_ENDS = ("a", "o", "i", "en", "us", "yl", "ek", "ane")

PROFESSIONS = (
    "glassblower", "astronomer", "botanist", "bridge builder", "cartographer", "clockmaker",
    "composer", "geologist", "physician", "printer", "schoolteacher", "surveyor", "weaver",
)  # fmt: skip
DEVICES = (
    "barometer", "clock", "compass", "crane", "engine", "furnace", "kiln", "lamp", "lens",
    "lock", "loom", "mill", "organ", "plough", "press", "pump", "scale", "telescope", "turbine",
    "winch",
)  # fmt: skip
GOODS = (
    "amber", "barley beer", "blue glass", "candles", "copper wire", "felt hats", "honey",
    "lace", "paper", "pears", "rope", "sea salt", "slate", "smoked trout", "walnut oil",
)  # fmt: skip


def syllable(rng: random.Random) -> str:
    """Return one syllable of the grammar."""
    return rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS)


class Names:
    """Draws names that are new: none is drawn twice, none is part of another.

    A name that is part of another one could not be told from it in an answer.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._drawn: list[str] = []

    def draw(self, endings: tuple[str, ...] = ("",)) -> str:
        """Return a new capitalised name with one of the endings."""
        while True:
            stem = syllable(self._rng) + syllable(self._rng)
            name = (stem + self._rng.choice(endings)).capitalize()
            if len(name) <= 12 and not any(name in old or old in name for old in self._drawn):
                self._drawn.append(name)
                return name
