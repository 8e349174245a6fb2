"""oh-my-pi's two tests of prose: near-equal paragraphs, and paragraphs without a new word.

Sees paragraphs that come back with other wording or order, and a counter between equal
words, since numbers are dropped. Does not see anything within one paragraph of up to 700
characters, code-like lines, or other scripts than Latin letters. Needs a text.

Source: can1357/oh-my-pi, `thinking-loop.ts` (2026). A segment ends at a blank line or after
700 characters; titles and code-like lines are dropped, words lower-cased, numbers removed;
under 60 characters it is skipped. From the eighth segment on, it is a loop if four of the
last 17 share 0.8 of their word trigrams (Jaccard) with the newest, itself included, or if
eight in a row have at most 0.2 words that were not in the eight before them, and name no new
file, path or identifier. Quoted elsewhere as "word-trigram novelty"; novelty is of words.
Its third test, exact cycles, is left to the other detectors; an unfinished last segment is
not judged. What counts as code or as a name is a restatement, not the original expressions.

Cost: under 1 µs per token, more for tokens of many characters; about 40 bytes per token.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from loopbench.detectors.parts.published import Places, Unscored, published_verdict
from loopbench.detectors.parts.streaming import TailLoop, TailWatcher
from loopbench.types import LoopSpan, Verdict

_BLANK_LINE = re.compile(r"\n\s*?\n")
_INDENTED_CODE = re.compile(r"(?:\t| {2,})(?!\s*(?:[-*+]|[0-9]+[.)])\s)")
_TITLE = re.compile(r"[ \t]*(?:#{1,6}[ \t].*|\*{2,3}.+\*{2,3}[ \t]*)")
_NAME = re.compile(
    r"`[^`]+`"  # code span
    r"|\b\w{2,}\.[a-zA-Z]\w{0,4}\b"  # file.ext, module.member
    r"|[\w-]+(?:/[\w-]+){2,}"  # path
    r"|\b\w+_\w+\b|\b[A-Z]?[a-z]+[A-Z]\w*\b"  # snake_case, camelCase
)


@dataclass(frozen=True)
class Novelty:
    """Segments that repeat, or that add no words.

    Parameters
    ----------
    similarity, min_cluster, window
        So many segments, the newest included, of the last `window` before it have at least
        this Jaccard index of word trigrams with it.
    novelty, min_run, novelty_window
        So many segments in a row have at most this share of words unseen in the last
        `novelty_window`.
    min_count
        Segments before the first verdict.
    segment_chars, min_chars
        Longest segment, and shortest that is judged (normalised), in characters.
    """

    similarity: float = 0.8
    min_cluster: int = 4
    window: int = 16
    novelty: float = 0.2
    min_run: int = 8
    novelty_window: int = 8
    min_count: int = 8
    segment_chars: int = 700
    min_chars: int = 60

    name = "novelty"
    version = 1

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value <= 0:
                raise ValueError(f"{field.name} must be positive, got {value}")

    def scan(self, ids: Sequence[int], text: str | Sequence[str] | None = None) -> Verdict:
        """Judge a whole output; without a text there is nothing to find."""
        return published_verdict(self.name, self.version, "circular", _Stream(self), ids, text)

    def watch(self) -> TailWatcher:
        """Return fresh state for one stream."""
        return TailWatcher(_Stream(self))


def prose(segment: str) -> str:
    """Return a segment without titles and lines that look like code."""
    kept = []
    for line in segment.split("\n"):
        code = line.lstrip(" \t").startswith("```") or _INDENTED_CODE.match(line)
        if not code and not line.rstrip(" \t").endswith(tuple("{}[](;,>")):
            kept.append("" if _TITLE.fullmatch(line) else line)
    return "\n".join(kept)


def normalise(segment: str) -> list[str]:
    """Return the lower-cased words of a segment, without numbers and punctuation."""
    words = re.split(r"[^a-z0-9]+", segment.lower())
    return [word for word in words if not word.isdigit() and word]


def jaccard(a: set[str], b: set[str]) -> float:
    """Return the Jaccard index of two sets; 0 if one is empty."""
    common = len(a & b)
    return common / (len(a) + len(b) - common) if common else 0.0


class _Stream(Unscored):
    def __init__(self, rule: Novelty) -> None:
        self._rule = rule
        self._places = Places()
        self._pending = ""
        self._at = 0  # character with which the pending text begins
        self._count = self._run = 0
        self._shingles: deque[tuple[int, set[str]]] = deque(maxlen=rule.window)
        self._recent: deque[tuple[int, set[str], set[str]]] = deque(maxlen=rule.novelty_window)
        self._run_start = 0
        self._loop: tuple[int, int, int, int] | None = None  # start, end, period, repeats
        self._loops: list[tuple[int, int, int, int]] = []
        self._novelty: float | None = None

    def extend(self, ids: NDArray[np.int64], pieces: Sequence[str]) -> None:
        text = self._pending + self._places.extend(pieces)
        cap, begin = self._rule.segment_chars, 0
        while True:
            boundary = _BLANK_LINE.search(text, begin, begin + cap + 1)
            if boundary:
                segment, end = text[begin : boundary.start()], boundary.end()
            elif len(text) - begin > cap:
                segment, end = text[begin : begin + cap], begin + cap
            else:
                break
            self._segment(segment, self._at, self._at + end - begin)
            self._at += end - begin
            begin = end
        self._pending = text[begin:]

    def _segment(self, raw: str, start: int, end: int) -> None:
        rule, kept = self._rule, prose(raw)
        words = normalise(kept)
        if len(" ".join(words)) < rule.min_chars:
            return
        shingles = {" ".join(words[i : i + 3]) for i in range(max(1, len(words) - 2))}
        alike = [at for at, other in self._shingles if jaccard(shingles, other) >= rule.similarity]
        names = {name.replace("`", "").lower() for name in _NAME.findall(kept)}
        known: set[str] = set().union(*(seen for _, seen, _ in self._recent))
        named: set[str] = set().union(*(seen for _, _, seen in self._recent))
        vocabulary = set(words)
        self._novelty = len(vocabulary - known) / len(vocabulary) if known else 1.0
        if self._novelty <= rule.novelty and names <= named:
            self._run_start = start if self._run == 0 else self._run_start
            self._run += 1
        else:
            self._run = 0
        self._shingles.append((start, shingles))
        self._recent.append((start, vocabulary, names))
        self._count += 1
        self._loop = None
        if self._count < rule.min_count:
            return
        if len(alike) + 1 >= rule.min_cluster:
            self._found(alike[0], end, start - alike[-1], len(alike) + 1)
        elif self._run >= rule.min_run:
            self._found(self._run_start, end, end - start, self._run)

    def _found(self, start: int, end: int, period: int, repeats: int) -> None:
        if self._loops and self._loops[-1][1] > start:
            start = min(start, self._loops.pop()[0])
        self._loop = (start, end, period, repeats)
        self._loops.append(self._loop)

    def tail(self) -> TailLoop | None:
        # Two segments' worth of text that is not judged, such as code, ends the loop.
        if not self._loop or self._places.chars - self._loop[1] > 2 * self._rule.segment_chars:
            return None
        start, _, period, repeats = self._loop
        return TailLoop(self._places.span(start, self._places.chars, period, repeats))

    def passed(self) -> list[LoopSpan]:
        return [self._places.span(*loop) for loop in self._loops]

    def score(self) -> float | None:
        return self._novelty


DETECTOR = Novelty
