"""A response that remembers what the model really said."""

from __future__ import annotations

from typing import Any, Self, SupportsIndex

from loopbench.types import Finish, Struct


class Origin(Struct, frozen=True):
    """One generation as the engine made it, before anything was cut from its text."""

    text: str
    """Raw text: thinking included, up to the `until` string that ended it."""
    finish: Finish
    """`unknown` where the engine does not say why it ended."""
    raw_finish: str
    """The engine's own word; `until` where a stop string of the task ended the output."""
    token_ids: list[int] | None = None
    """The engine's token ids; None where it gives none."""
    token_chars: list[int] | None = None
    """Characters of `text` that each token added, where that is known."""


class Response(str):
    """A response with its origin.

    lm-eval passes responses on as strings and cuts them: at `until` strings, after the
    thinking. What is cut off by the methods it uses for that keeps the origin, so that
    detectors see the raw output whatever was cut. It is pickled with its origin (lm-eval's
    response cache pickles) and written to JSON as the plain text.
    """

    __slots__ = ("origin",)

    origin: Origin | None

    def __new__(cls, text: object = "", origin: Origin | None = None) -> Self:
        """Make a response; without an origin it is judged like any other text."""
        self = super().__new__(cls, text)
        self.origin = origin
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle text and origin."""
        return type(self), (str(self), self.origin)

    def split(self, sep: str | None = None, maxsplit: SupportsIndex = -1) -> list[str]:
        """Split like `str.split`; the parts keep the origin."""
        return [Response(part, self.origin) for part in super().split(sep, maxsplit)]

    def strip(self, chars: str | None = None, /) -> Response:
        """Strip like `str.strip`, keeping the origin."""
        return Response(super().strip(chars), self.origin)

    def lstrip(self, chars: str | None = None, /) -> Response:
        """Strip like `str.lstrip`, keeping the origin."""
        return Response(super().lstrip(chars), self.origin)

    def rstrip(self, chars: str | None = None, /) -> Response:
        """Strip like `str.rstrip`, keeping the origin."""
        return Response(super().rstrip(chars), self.origin)


Output = Response
"""The name under which responses lie in lm-eval's caches of before."""


def end_of_stop(text: str, until: list[str]) -> int | None:
    """Return the index just after the first stop string in a text, or None.

    The one that is complete first ends the output, as in an engine that looks at every
    token; empty stop strings are ignored.
    """
    ends = [at + len(stop) for stop in until if stop and (at := text.find(stop)) >= 0]
    return min(ends, default=None)
