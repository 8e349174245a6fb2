"""Formats by name: one file per format, each exposing one object as `FORMAT`."""

from __future__ import annotations

from collections.abc import Sequence

from loopbench import naming
from loopbench.files.formats.base import Format
from loopbench.files.outputs import Row

__all__ = ["Format", "get", "names", "recognised"]

_NOT_FORMATS = frozenset({"base", "common"})
PLAIN = "plain"
"""Any row with a field of text; asked last, for it takes what has a form of its own too."""


def names() -> list[str]:
    """Return the names of all formats, built-in and third-party, in the order they are asked."""
    found = naming.names(__name__, _NOT_FORMATS)
    return [*(name for name in found if name != PLAIN), PLAIN]


def get(name: str) -> Format:
    """Return the format `name`.

    Raises
    ------
    UnknownNameError
        If there is no such format.
    """
    found: Format = naming.resolve("format", name, __name__, "FORMAT", _NOT_FORMATS)
    return found


def recognised(row: Row, among: Sequence[str] | None = None) -> Format | None:
    """Return the first format that knows a row; None if it is none of them."""
    return next(
        (one for one in map(get, names() if among is None else among) if one.recognises(row)), None
    )
