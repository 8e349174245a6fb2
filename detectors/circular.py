"""Circular end: the output goes round, though no template repeats exactly.

A word is *said again* if the words that begin with it and carry 25 bits between them (about
five words of prose) stand earlier among the last 900; an output is circular while at least 36 %
of its last 200 words are said again. How many words carry the bits follows from how varied
these 200 are: rows of a truth table must match over thirty words, prose over six. So short
rows that come back with other contents are not held against an output, whatever their vocabulary.
Nor is a form of longer lines: where in more than a fifth of the places at which the repetition
breaks off words were only exchanged, and the same earlier passage goes on, it is filled in again.

Words are runs of letters without their case, single digits, and single characters of scripts
without spaces; punctuation does not count. They come from the text, so the model's tokenizer
hardly matters. Where there is no text, ids stand for words.

Sees drifting order, a few thoughts that return in changing words, one try made over and over.
Does not see a thought that returns in new words altogether, or from more than 900 words ago;
is wrong about texts whose right form is to say things again (refrains, moves of a puzzle).
An unfinished output that only re-reads itself once may be called, so this level is a column
beside doom, and no reason to stop unless asked for.

Source: LoopBench's own. The bits are the entropy of the words in the last 200 (C. E. Shannon,
1948); the share is read at two whole numbers of words and interpolated between. What it was
chosen from, and what it finds, is in docs/detectors.md.

Cost: two sorts of at most 900 numbers every 128 tokens, about 1 µs per token and 1.6 at
most; its memory does not grow with the stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from loopbench.detectors.parts.echoes import (
    Recurrences,
    Seen,
    echoes,
    filled_in,
    share_of,
    size_of,
)
from loopbench.detectors.parts.endings import Ending
from loopbench.detectors.parts.reading import last_words, words_at
from loopbench.detectors.parts.streaming import (
    TailLoop,
    TailWatcher,
    checkpoints,
    tail_verdict,
)
from loopbench.detectors.parts.tokens import align, as_ids
from loopbench.detectors.parts.words import CHARACTER, DIGIT, KIND, Hashes, Words, mixed
from loopbench.types import LoopSpan, Verdict

_IDS = (1.4, 1.3)
"""Of a usual vocabulary 1.4 tokens make a word; they share what it carries, some of it twice."""
_CHARACTERS = (1.6, 2.0)
_DIGITS = 0.6
"""Digits of one number are not independent: a text of digits has to match over more bits."""
_GLANCE = 6
"""Characters that are read for each word that is judged; most words have fewer."""
_SIZES = ("window", "recent", "min_words", "lasting")


@dataclass(frozen=True)
class Circular:
    """Share of the last words that are said again, over a threshold.

    Parameters
    ----------
    share
        Circular from this share of the window on; above 0, at most 1.
    bits
        Information that the words of one repetition carry at least.
    window
        Words at the end that are judged.
    recent
        Words, the window among them, in which a repetition is looked for.
    min_words
        Shorter outputs are not judged: there is too little that could have been said before.
    filled
        Not circular above this share of breaks behind which the repetition goes on in the same
        earlier passage: a form is filled in once more.
    lasting
        Words for which a stretch must have gone on since it was first seen, before it counts.
    """

    share: float = 0.36
    bits: float = 25.0
    window: int = 200
    recent: int = 900
    min_words: int = 300
    filled: float = 0.2
    lasting: int = 0

    name = "circular"
    version = 1
    spacing = 128
    """Fewest tokens between two checkpoints of a stream."""

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(f"share must be above 0 and at most 1, got {self.share}")
        if not self.bits > 0:
            raise ValueError(f"bits must be positive, got {self.bits}")
        if self.window < 2:
            raise ValueError(f"window must be >= 2, got {self.window}")
        if self.recent <= self.window:
            raise ValueError(f"recent must be above the window of {self.window}, got {self.recent}")
        if self.min_words <= self.window:
            raise ValueError(
                f"min_words must be above the window of {self.window}, got {self.min_words}"
            )
        if not 0 < self.filled <= 1:
            raise ValueError(f"filled must be above 0 and at most 1, got {self.filled}")
        if self.lasting < 0:
            raise ValueError(f"lasting must be >= 0, got {self.lasting}")

    def scan(self, ids: Sequence[int], text: str | Sequence[str] | None = None) -> Verdict:
        """Judge a whole output; without a text, its ids stand for words."""
        array = as_ids(ids)
        return _Whole(self, array, align(len(array), text)).verdict()

    def end(self, ending: Ending) -> Verdict | None:
        """Judge the end alone; see `parts.endings`.

        Where the stretch begins is then where the last window shows it, and its tokens are dealt
        out evenly: both take the history to know.
        """
        return None if self.lasting else _ended(self, ending)

    def watch(self) -> TailWatcher:
        """Return fresh state for one stream."""
        return TailWatcher(_Stream(self), self.spacing)

    def scaled(self, sizes: float, bits: float) -> Circular:
        """Return the rule for units of which `sizes` make a word, and which share their bits."""
        counts = {name: round(sizes * getattr(self, name)) for name in _SIZES}
        return replace(self, bits=bits * self.bits, **counts)


class View(NamedTuple):
    """What a rule looks at: itself in the units of the text, the last words, and their bits."""

    rule: Circular
    words: Hashes
    bits: float

    @property
    def circular(self) -> bool:
        """Whether enough of the window is said again."""
        return bool(self._share(self.rule.share))

    @property
    def score(self) -> float | None:
        """The share that is said again, 0 in a form; None where it is not judged."""
        return self._share(0.0)

    def _share(self, at_least: float) -> float | None:
        rule = self.rule
        if len(self.words) < rule.min_words:
            return None
        share = share_of(self.words, self.bits, rule.window, at_least)
        if share and filled_in(self.words, self.bits, rule.window) > rule.filled:
            return 0.0
        return share


class _Scales:
    """A rule in all its units."""

    def __init__(self, rule: Circular) -> None:
        self.window = rule.window
        self._worded, self._by_ids = rule, rule.scaled(*_IDS)
        self._dense = rule.scaled(*_CHARACTERS)
        self.keep = max(self._by_ids.recent, self._dense.recent)

    def view(self, words: Words, before: int = 0) -> View:
        """Return what is seen at the end, or what was seen `before` words ago."""
        digits = characters = 0
        if words.text:
            kinds = words.last(self.window, before) & KIND
            digits = int(np.count_nonzero(kinds == DIGIT))
            characters = int(np.count_nonzero(kinds == CHARACTER))
        rule, bits = self.rule(digits, characters, text=words.text)
        return View(rule, words.last(rule.recent, before), bits)

    def rule(self, digits: int, characters: int, *, text: bool) -> tuple[Circular, float]:
        """Return the rule in the units of a window with so many of each kind, and its bits."""
        rule = self._worded if text else self._by_ids
        if 2 * characters > self.window:
            rule = self._dense
        return rule, rule.bits * (1 + _DIGITS * (digits / self.window))

    def first_seen(self, words: Words, tokens: int, before: int = 0) -> LoopSpan:
        """Return the stretch as its window shows it; `tokens` are those up to its end."""
        rule, seen, bits = self.view(words, before)
        size = size_of(seen[-rule.window :], bits)
        assert size, "only a tail of some variety is circular"
        start, back = echoes(seen, size.words, rule.window)
        first = words.count - before - len(seen)
        begin = words.token(first)
        period = max(1, int(np.median(back)) * (tokens - begin) // len(seen))
        return _span(words.token(first + start), tokens, period)


def _span(start: int, end: int, period: int) -> LoopSpan:
    return LoopSpan(start=start, end=end, period=period, repeats=max(1, (end - start) // period))


@lru_cache(maxsize=64)
def _scales(rule: Circular) -> _Scales:
    return _Scales(rule)


class _Stream:
    """The streaming face: the stretch that a stream is in, from when it was first seen."""

    def __init__(self, rule: Circular) -> None:
        self._scales = _scales(rule)
        self._words = Words(self._scales.keep)
        self._first: LoopSpan | None = None
        self._since = 0  # words when the stretch was first seen

    def extend(self, ids: NDArray[np.int64], pieces: Sequence[str]) -> None:
        self._words.extend(ids, "".join(pieces))

    def tail(self) -> TailLoop | None:
        words = self._words
        view = self._scales.view(words)
        if not view.circular:
            self._first = None
            return None
        if self._first is None:
            self._first, self._since = self._scales.first_seen(words, words.tokens), words.count
        if words.count - self._since < view.rule.lasting:
            return None
        return TailLoop(_span(self._first.start, words.tokens, self._first.period))


class _Whole:
    """The batch face: the stretches of a whole output, found without a look at every checkpoint.

    A stretch that is told lasts for two windows of words, so that a look once in as many meets
    it; its ends are then looked for checkpoint by checkpoint. At the end of the output every
    stretch counts.
    """

    def __init__(self, rule: Circular, ids: NDArray[np.int64], pieces: Sequence[str]) -> None:
        self._scales = _scales(rule)
        self._stride = 2 * rule.window
        self._words = words = words_at(ids, pieces, checkpoints(len(ids), rule.spacing))
        self._marks = words.marks[1:]  # words and tokens at each checkpoint
        hashes = words.last(words.count)
        self._recurrences = Recurrences(hashes, self._scales.keep)
        # How many words of each kind there are before each of them.
        kinds = hashes & KIND if words.text else np.zeros_like(hashes)
        self._kinds = [np.concatenate(([0], np.cumsum(kinds == k))) for k in (DIGIT, CHARACTER)]
        self._known: dict[int, bool] = {}

    def _share(self, count: int, at_least: float | None) -> float | None:
        """Return the share when there were so many words; as `View.score` and `.circular` do."""
        digits, characters = (
            int(kind[count] - kind[max(0, count - self._scales.window)]) for kind in self._kinds
        )
        rule, bits = self._scales.rule(digits, characters, text=self._words.text)
        if count < rule.min_words:
            return None
        least = rule.share if at_least is None else at_least
        seen = Seen(max(0, count - rule.recent), count)
        return self._recurrences.judge(seen, bits, rule.window, least, rule.filled)

    def _circular(self, mark: int) -> bool:
        if mark not in self._known:
            self._known[mark] = bool(self._share(self._marks[mark][0], None))
        return self._known[mark]

    def _stretches(self) -> list[tuple[int, int]]:
        """Return first and last mark of each stretch of two windows, and of some shorter ones."""
        found: list[tuple[int, int]] = []
        mark, last = 0, len(self._marks) - 1
        while mark <= last:
            if self._circular(mark):
                low = high = mark
                while low > 0 and self._circular(low - 1):
                    low -= 1
                while high < last and self._circular(high + 1):
                    high += 1
                found.append((low, high))
                mark = high + 1
                continue
            following = mark + 1
            limit = self._marks[mark][0] + self._stride
            while following < last and self._marks[following + 1][0] <= limit:
                following += 1
            mark = following
        return found

    def _first_seen(self, mark: int) -> LoopSpan:
        count, tokens = self._marks[mark]
        return self._scales.first_seen(self._words, tokens, self._words.count - count)

    def verdict(self) -> Verdict:
        """Return the stretches, and whether the output ends in one."""
        last = len(self._marks) - 1
        left: list[TailLoop] = []
        terminal: TailLoop | None = None
        view = self._scales.view(self._words)
        for low, high in self._stretches():
            first = self._first_seen(low)
            since = self._marks[low][0]
            if high == last:
                if self._words.count - since >= view.rule.lasting:
                    # A round is measured where it matters, at the end.
                    period = self._first_seen(last).period
                    terminal = TailLoop(_span(first.start, self._words.tokens, period))
            elif self._marks[high + 1][0] - since >= 2 * view.rule.window:
                left.append(TailLoop(_span(first.start, self._marks[high][1], first.period)))
        loops = [*left, *([terminal] if terminal else [])]
        score = self._share(self._words.count, 0.0) if self._marks else None
        verdict = tail_verdict(Circular.name, Circular.version, "circular", loops, terminal)
        return msgspec.structs.replace(verdict, score=score)


def _ended(rule: Circular, ending: Ending) -> Verdict | None:
    """Return what is seen at the end, from as little of the text as shows it."""
    scales = _scales(rule)
    text = ending.text
    if not text and ending.before:
        return None
    for size in (_GLANCE * rule.recent, _GLANCE * scales.keep, len(text)) if text else ():
        whole = size >= len(text)
        words = last_words(text if whole else text[-size:], ending.tokens, len(text))
        if words is None:
            return None
        view = scales.view(words)
        if whole or words.count > view.rule.recent:
            break
    else:
        words = Words.known(mixed(ending.ids), [(0, 0), (len(ending.ids),) * 2], text=False)
        view = scales.view(words)
    score = view.score
    terminal = None
    if score is not None and score >= view.rule.share:
        terminal = TailLoop(scales.first_seen(words, ending.tokens))
    loops = [terminal] if terminal else []
    verdict = tail_verdict(Circular.name, Circular.version, "circular", loops, terminal)
    return msgspec.structs.replace(verdict, score=score if ending.tokens else None)


DETECTOR = Circular
