"""The text that each token of a growing output adds."""

from __future__ import annotations

from collections.abc import Callable

Decode = Callable[[list[int]], str]
"""Ids to text; bytes that are no whole character become U+FFFD."""

MAX_HELD = 8
"""Most tokens that wait for the rest of a character: four bytes, and a token that carries
more. Beyond it the bytes are broken, and waiting would cost ever longer decodings."""
_BROKEN = "\ufffd"


class PieceReader:
    """Decodes a stream token by token, in constant time per token.

    A token is decoded behind the one before it, because decoders treat the beginning of a
    text in their own way (they drop its space). A character that is split over several
    tokens counts for the last of them, and the others add nothing.
    """

    def __init__(self, decode: Decode) -> None:
        self._decode = decode
        self._before: list[int] = []
        self._before_text = ""
        self._held: list[int] = []

    def push(self, token: int) -> str:
        """Return the text that this token completes."""
        group = [*self._held, token]
        text = self._decode([*self._before, *group])
        if text.endswith(_BROKEN) and len(group) <= MAX_HELD:
            self._held = group
            return ""
        self._held = []
        piece = text[len(self._before_text) :]
        # A control token that adds nothing must not become the new beginning of the text.
        if piece:
            self._before, self._before_text = group, self._decode(group)
        return piece
