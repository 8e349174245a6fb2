"""Formats by name: one file per format, each exposing one object as `FORMAT`."""

from __future__ import annotations

import contextlib

from loopbench import naming
from loopbench.files.formats.base import Format
from loopbench.files.outputs import Row

__all__ = ["Format", "get", "known", "names", "recognised"]

_NOT_FORMATS = frozenset({"base", "chats", "common"})
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
    PluginError
        If a third party's cannot be used.
    """
    found = naming.resolve("format", name, __name__, "FORMAT", _NOT_FORMATS)
    if not isinstance(found, Format):
        raise naming.PluginError("format", name, f"{found!r:.80} does not follow the contract")
    return found


def known() -> list[Format]:
    """Return all formats in the order they are asked, but those of others that cannot be used."""
    found = []
    for name in names():
        # One that is broken must not keep files of the others from being read; `ls` names it.
        with contextlib.suppress(naming.PluginError):
            found.append(get(name))
    return found


def recognised(row: Row) -> Format | None:
    """Return the first format that knows a row; None if it is none of them."""
    return next((one for one in known() if one.recognises(row)), None)
