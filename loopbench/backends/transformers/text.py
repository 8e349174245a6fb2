"""From token ids to the text that each of them added."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

MAX_HELD = 4
"""A character has at most four bytes, so at most so many tokens wait for its last one."""
CONTEXT = 6
"""Tokens of a prefix that are decoded before its continuation."""
_INCOMPLETE = "\ufffd"


class Detokenizer:
    """Decodes one stream, so that its pieces joined are the text of all its tokens.

    A token's text depends on its neighbours: a character may be split over tokens, and
    some tokenizers drop or add a space at the front. Each token is therefore decoded
    together with those before it, and what that adds is its piece: empty for control
    tokens, and for the first bytes of a split character.

    Parameters
    ----------
    decode
        Ids to text, control tokens left out.
    control
        Ids that have no text.
    prefix
        Tokens that are there already; their text is not repeated.
    """

    def __init__(
        self,
        decode: Callable[[list[int]], str],
        control: Collection[int],
        prefix: Sequence[int] = (),
    ) -> None:
        self._decode = decode
        self._control = control
        self._context: list[int] = []
        self._held: list[int] = []
        for token in prefix[-CONTEXT:]:
            self.push(token)

    def push(self, token: int) -> str:
        """Return what this token adds to the text."""
        if token in self._control:
            return ""
        self._held.append(token)
        before = self._decode(self._context) if self._context else ""
        after = self._decode(self._context + self._held)
        fresh = self._held
        if after.endswith(_INCOMPLETE):
            if len(self._held) < MAX_HELD:
                return ""
            # The first one is broken: it began no character that these tokens end.
            fresh = self._held[:1]
            after = self._decode(self._context + fresh)
        if not after.startswith(before):
            # Broken bytes before these tokens were completed by them: too late for those.
            before, after = "", self._decode(fresh)
        self._held = self._held[len(fresh) :]
        self._context = fresh
        return after[len(before) :]
