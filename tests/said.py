"""What a call of the program came to, for tests of commands."""

from __future__ import annotations

from typing import NamedTuple


class Said(NamedTuple):
    """What a call of the program came to."""

    code: int
    out: str
    err: str

    @property
    def last(self) -> str:
        return self.out.splitlines()[-1]
