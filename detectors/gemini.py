"""gemini-cli's chanting test: one 50-character chunk ten times, 250 characters apart or less.

Sees prose that chants with periods of up to 250 characters. Does not see code blocks, nor
loops made of list items, table rows, headings or quotes, each of which starts it afresh; nor
counters, nor longer periods. Without a text it finds nothing.

Source: google-gemini/gemini-cli, `loopDetectionService.ts` (2026): chunk 50, threshold 10,
history 5,000, at most five different texts between the last ten occurrences. Its quirks are
kept: a list item with "-" does not reset, and a piece of nothing but digits, capitals, commas
and brackets counts as a divider, so that "[0,0,0,…" is ignored, but "[0, 0, 0, …" is not.
There the tests see whatever pieces the network delivers; here the text is cut at line ends
and every 50 characters, and those for list, table, heading and quote look at the beginnings
of lines. A loop is terminal if the piece that is still open goes on with it.

Cost: one dictionary look-up per character, 1 to 6 µs per token; about 40 bytes per
token for their places, and the history.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from loopbench.detectors.parts.published import Places, Unscored, published_verdict
from loopbench.detectors.parts.streaming import TailLoop, TailWatcher
from loopbench.types import LoopSpan, Verdict

_FENCE = "```"
_STARTS_AFRESH = re.compile(r"\s*\|.*\||\s*[|+-]{3,}|\s*[*+]\s|\s*\d+\.\s|#+\s|>\s")
# From "+" to "_" is a range in the original, whether or not it was meant.
_DIVIDER = re.compile("[+-_=*\u2500-\u257f]+")


@dataclass(frozen=True)
class Gemini:
    """A chunk of text that comes back often and soon.

    Parameters
    ----------
    content_chunk_size
        Characters of a chunk; the average distance may be five times that.
    content_loop_threshold
        Occurrences, at least 2; half as many different texts may lie between them.
    max_history_length
        Characters remembered.
    """

    content_chunk_size: int = 50
    content_loop_threshold: int = 10
    max_history_length: int = 5000

    name = "gemini"
    version = 1

    def __post_init__(self) -> None:
        if self.content_chunk_size < 1:
            raise ValueError(f"content_chunk_size must be >= 1, got {self.content_chunk_size}")
        if self.content_loop_threshold < 2:
            raise ValueError(
                f"content_loop_threshold must be >= 2, got {self.content_loop_threshold}"
            )
        if self.max_history_length < self.content_chunk_size:
            raise ValueError(
                "max_history_length must be at least content_chunk_size, "
                f"got {self.max_history_length}"
            )

    def scan(self, ids: Sequence[int], text: str | Sequence[str] | None = None) -> Verdict:
        """Judge a whole output; without a text there is nothing to find."""
        return published_verdict(self.name, self.version, "verbatim", _Stream(self), ids, text)

    def watch(self) -> TailWatcher:
        """Return fresh state for one stream."""
        return TailWatcher(_Stream(self))


class _Stream(Unscored):
    def __init__(self, rule: Gemini) -> None:
        self._rule = rule
        self._places = Places()
        self._open = ""
        self._line_start = True
        self._in_code = False
        self._chants: list[tuple[int, int, int]] = []  # start, end, period in characters
        self._read = 0  # characters of the stream in closed pieces
        self._afresh(0)

    def _afresh(self, at: int) -> None:
        self._history, self._origin = "", at
        self._dropped = self._next = 0
        self._seen: dict[str, list[int]] = {}
        self._chanting: tuple[int, int] | None = None  # start and period, in history places

    def extend(self, ids: NDArray[np.int64], pieces: Sequence[str]) -> None:
        text = self._open + self._places.extend(pieces)
        size = self._rule.content_chunk_size
        at = 0
        while True:
            newline = text.find("\n", at, at + size)
            if newline >= 0:
                end = newline + 1
            elif len(text) - at >= size:
                end = at + size
            else:
                break
            self._piece(text[at:end])
            at = end
        self._open = text[at:]

    def _piece(self, piece: str) -> None:
        """Take the next closed piece, as gemini-cli takes what the network delivers."""
        divider = bool(_DIVIDER.fullmatch(piece.rstrip("\n")))
        structure = self._line_start and bool(_STARTS_AFRESH.match(piece))
        fences = piece.count(_FENCE)
        begin, self._read = self._read, self._read + len(piece)
        self._line_start = piece.endswith("\n")
        if fences or divider or structure:
            self._afresh(begin)
        was_in_code = self._in_code
        if fences % 2:
            self._in_code = not self._in_code
        if was_in_code or self._in_code or divider:
            self._chanting = None
            return
        if not self._history:
            self._origin = begin
            self._dropped = self._next = 0
        self._history += piece
        self._forget()
        self._analyse()

    def _forget(self) -> None:
        """Drop what is older than the history, with its occurrences."""
        extra = len(self._history) - self._rule.max_history_length
        if extra <= 0:
            return
        size = self._rule.content_chunk_size
        for i in range(min(extra, self._next - self._dropped)):
            places = self._seen[self._history[i : i + size]]
            del places[0]
            if not places:
                del self._seen[self._history[i : i + size]]
        self._history = self._history[extra:]
        self._dropped += extra
        self._next = max(self._next, self._dropped)

    def _analyse(self) -> None:
        size, threshold = self._rule.content_chunk_size, self._rule.content_loop_threshold
        history, dropped = self._history, self._dropped
        while self._next - dropped + size <= len(history):
            chunk = history[self._next - dropped : self._next - dropped + size]
            places = self._seen.setdefault(chunk, [])
            places.append(self._next)
            self._chanting = None
            if len(places) >= threshold:
                recent = places[-threshold:]
                near = recent[-1] - recent[0] <= 5 * size * (threshold - 1)
                if near and self._texts_between(recent) <= threshold // 2:
                    self._chanting = (places[0], recent[-1] - recent[-2])
                    self._note()
            self._next += 1

    def _texts_between(self, places: list[int]) -> int:
        cuts = [place - self._dropped for place in places]
        return len({self._history[a:b] for a, b in pairwise(cuts)})

    def _note(self) -> None:
        """Remember the chant that ends with the chunk at `_next`."""
        assert self._chanting
        start, period = self._chanting
        start += self._origin
        end = self._origin + self._next + self._rule.content_chunk_size
        # The chant that grew by one character is the same one.
        if self._chants and self._chants[-1][1] >= start:
            start = min(start, self._chants.pop()[0])
        self._chants.append((start, end, period))

    def tail(self) -> TailLoop | None:
        if not self._chanting:
            return None
        start, _, period = self._chants[-1]
        known = (self._history + self._open)[-len(self._open) - period :]
        if known[period:] != known[: len(self._open)]:
            return None
        return TailLoop(self._places.span(start, self._places.chars, period))

    def passed(self) -> list[LoopSpan]:
        return [self._places.span(*chant) for chant in self._chants]


DETECTOR = Gemini
