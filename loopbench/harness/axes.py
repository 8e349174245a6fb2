"""The axes of `--grid`: what varies from cell to cell of one run. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from loopbench.naming import UnknownNameError

AXES = ("temperature", "quant", "penalty", "level")
_AXIS = re.compile(r"[A-Za-z_]+=")


class Axes(NamedTuple):
    """The values of each axis; empty where it does not vary."""

    temperature: tuple[float, ...] = ()
    quant: tuple[str, ...] = ()
    penalty: tuple[float, ...] = ()
    level: tuple[str, ...] = ()


def split(words: Iterable[str]) -> tuple[list[str], list[str]]:
    """Split words into models and axes.

    A shell gives `MODEL --grid a=1 b=2` as one value of the option and further models.
    URLs and paths with an equals sign stay models.
    """
    models: list[str] = []
    axes: list[str] = []
    for word in words:
        (axes if _AXIS.match(word) else models).append(word)
    return models, axes


def parse(words: Iterable[str]) -> Axes:
    """Read axes such as `temperature=0,0.3` and `quant=q8_0,q4_0`; also several in one word.

    Raises
    ------
    ValueError
        One sentence: an unknown axis, one that is named twice, or a value of the wrong kind.
    """
    values: dict[str, tuple[str, ...]] = {}
    for word in (part for whole in words for part in whole.split()):
        name, equals, text = word.partition("=")
        if not equals:
            raise ValueError(f"--grid takes axes such as temperature=0,0.3, not {word!r}.")
        if name not in AXES:
            raise UnknownNameError("grid axis", name, AXES)
        if name in values:
            raise ValueError(f"The grid axis {name} is given twice.")
        values[name] = tuple(part.strip() for part in text.split(",") if part.strip())
        if not values[name]:
            raise ValueError(f"The grid axis {name} has no values.")
        if len(set(values[name])) < len(values[name]):
            raise ValueError(f"The grid axis {name} has a value twice: {text}.")
    return Axes(
        temperature=_numbers("temperature", values),
        quant=tuple(value.lower() for value in values.get("quant", ())),
        penalty=_numbers("penalty", values),
        level=values.get("level", ()),
    )


def _numbers(name: str, values: dict[str, tuple[str, ...]]) -> tuple[float, ...]:
    try:
        return tuple(float(value) for value in values.get(name, ()))
    except ValueError:
        given = ",".join(values[name])
        raise ValueError(f"The grid axis {name} takes numbers, got {given}.") from None
