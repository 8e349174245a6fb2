"""One sentence to a small JSON object: `extract_records` for very small models."""

from __future__ import annotations

import random
from typing import Any

from loopbench.tasks.base import Draft
from loopbench.tasks.extract_records import ExtractRecords

NAMES = (
    "Ada", "Ben", "Cleo", "Dora", "Emil", "Faye", "Gus", "Hana", "Ivo", "Jade", "Kurt", "Lily",
)  # fmt: skip
COLOURS = ("red", "blue", "green", "black", "white", "pink")
THINGS = ("lamps", "books", "cups", "hats", "keys", "pens")

_FIELDS = {"easy": (2, 2), "medium": (3, 3), "hard": (4, 5)}
_TYPES = {
    "name": "string",
    "age": "integer",
    "colour": "string",
    "item": "string",
    "count": "integer",
    "price": "integer",
}


def _sentence(rng: random.Random, value: dict[str, Any]) -> str:
    return rng.choice(
        (
            "{name}, {age}, buys {count} {colour} {item} for {price}.",
            "{count} {colour} {item} for {price} go to {name}, {age}.",
            "For {price} {name}, {age}, gets {count} {colour} {item}.",
        )
    ).format(**value)


class MiniRecords(ExtractRecords):
    """Extract the fields that are asked for from one sentence."""

    name = "mini_records"
    levels: tuple[str, ...] = ("easy", "medium", "hard")
    description = "two to five fields of one sentence to JSON, in the order asked for"

    def draft(self, rng: random.Random, level: str) -> Draft:
        """Draw a sentence with six facts and ask for some of them in some order."""
        value: dict[str, Any] = {
            "name": rng.choice(NAMES),
            "age": rng.randint(18, 79),
            "colour": rng.choice(COLOURS),
            "item": rng.choice(THINGS),
            "count": rng.randint(2, 9),
            "price": rng.randint(10, 99),
        }
        asked = rng.sample(sorted(_TYPES), rng.randint(*_FIELDS[level]))
        prompt = f"{_sentence(rng, value)} JSON: {', '.join(asked)}."
        schema = {
            "type": "object",
            "properties": {key: {"type": _TYPES[key]} for key in asked},
            "required": asked,
            "additionalProperties": False,
        }
        return Draft(prompt, {"record": {key: value[key] for key in asked}, "schema": schema})


TASK = MiniRecords()
