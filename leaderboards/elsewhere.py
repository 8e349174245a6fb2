"""Loop rates that others published, under definitions of their own."""

from __future__ import annotations

from importlib.resources import files

import msgspec

from loopbench.types import Struct


class Elsewhere(Struct, frozen=True, forbid_unknown_fields=True):
    """A published number; no row of ours, for it was measured otherwise."""

    model: str
    rate: str
    definition: str
    source: str
    read: bool
    """Seen in the source itself, not only quoted."""


def elsewhere() -> list[Elsewhere]:
    """Return the published numbers."""
    data = (files(__package__) / "elsewhere.json").read_bytes()
    return msgspec.json.decode(data, type=list[Elsewhere])
