"""Circular end: the output goes round, though no template repeats exactly.

A word is *said again* if the words that begin with it and carry 25 bits between them (about
five words of prose) stand earlier among the last 900; an output is circular while at least 36 %
of its last 200 words are said again. How many words carry the bits follows from how varied
these 200 are: rows of a truth table must match over thirty words, prose over six. So a
form that comes back with other contents is not held against an output, whatever its vocabulary.

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

Cost: two sorts of at most 900 numbers at every second checkpoint, under 1.5 µs per token;
its memory does not grow with the stream.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from loopbench.detectors.parts.streaming import TailLoop, TailWatcher, scan_tail, tail_verdict
from loopbench.types import LoopSpan, Verdict

_WORD = re.compile(r"[^\W\d_]{1,64}|\d")
# Scripts that put no spaces between words: Thai to Lao, Burmese, Khmer, kana, Chinese characters.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_UNSPACED_ONE = re.compile(f"[{_UNSPACED}]")
_DIGIT, _CHARACTER = 1, 2
_KIND = np.uint64(3)
"""The lowest bits of a word's hash are its kind: letters (0), a digit, or such a character."""
_ANY_WORD = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])[^\W\d_]){{1,64}}|\d")

Hashes = NDArray[np.uint64]
_IDS = (1.4, 1.3)
"""Of a usual vocabulary 1.4 tokens make a word; they share what it carries, some of it twice."""
_CHARACTERS = (1.6, 2.0)
_DIGITS = 0.6
"""Digits of one number are not independent: a text of digits has to match over more bits."""
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
    lasting
        Words for which a stretch must have gone on since it was first seen, before it counts.
    """

    share: float = 0.36
    bits: float = 25.0
    window: int = 200
    recent: int = 900
    min_words: int = 300
    lasting: int = 0

    name = "circular"
    version = 1
    spacing = 64
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
        if self.lasting < 0:
            raise ValueError(f"lasting must be >= 0, got {self.lasting}")

    def scan(self, ids: Sequence[int], text: str | Sequence[str] | None = None) -> Verdict:
        """Judge a whole output; without a text, its ids stand for words."""
        stream = _Stream(self)
        _, terminal = scan_tail(stream, ids, text, self.spacing)
        return stream.verdict(terminal)

    def watch(self) -> TailWatcher:
        """Return fresh state for one stream."""
        return TailWatcher(_Stream(self), self.spacing)

    def scaled(self, sizes: float, bits: float) -> Circular:
        """Return the rule for units of which `sizes` make a word, and which share their bits."""
        counts = {name: round(sizes * getattr(self, name)) for name in _SIZES}
        return replace(self, bits=bits * self.bits, **counts)


class Size(NamedTuple):
    """How many words carry the bits: `words` of them, or one more for a part `rest` of them."""

    words: int
    rest: float


def size_of(tail: Hashes, bits: float) -> Size | None:
    """Return how many words as varied as these, shape (n,), carry the bits; None if all do not.

    One word over and over has no variety to measure by; the rules of equality see it.
    """
    n = len(tail)
    tail = np.sort(tail)
    edges = np.concatenate(([0], np.flatnonzero(tail[1:] != tail[:-1]) + 1, [n]))
    # In order: hashes differ from process to process, and so would the last digit of a sum.
    counts = np.sort(edges[1:] - edges[:-1])
    entropy = float(np.log2(n) - counts @ np.log2(counts) / n)
    if entropy * (n - 1) <= bits:
        return None
    words, rest = divmod(bits / entropy, 1)
    return Size(max(1, int(words)), rest)


_BASE = 0x9E3779B97F4A7C15
_ONE = np.uint64(1)


def _powers(size: int) -> tuple[Hashes, Hashes]:
    """Return `size` powers of an odd base and of its inverse, modulo 2**64, from the 0th on."""
    base, inverse = _known_powers(1 << size.bit_length())
    return base[:size], inverse[:size]


@cache
def _known_powers(size: int) -> tuple[Hashes, Hashes]:
    base, inverse = np.ones(size, np.uint64), np.ones(size, np.uint64)
    base[1:], inverse[1:] = _BASE, pow(_BASE, -1, 1 << 64)
    return np.cumprod(base), np.cumprod(inverse)


def _sums(words: Hashes) -> Hashes:
    """Return sums of the hashes times powers, from which any run of words has its hash."""
    sums = np.zeros(len(words) + 1, np.uint64)
    np.cumsum(words * _powers(len(words))[0], out=sums[1:])
    return sums


def _runs(sums: Hashes, size: int) -> Hashes:
    """Return the hash of every run of `size` words: equal runs have equal ones."""
    return (sums[size:] - sums[:-size]) * _powers(len(sums) - size)[1]


def _said_again(sums: Hashes, size: int, window: int) -> float:
    """Return the share of the last `window` runs that stand somewhere before."""
    runs = _runs(sums, size)
    # The lowest bit says whether a run begins in the window; such ones sort behind the others.
    runs &= ~_ONE
    runs[-window:] |= _ONE
    runs.sort()
    after = runs[1:]
    firsts = after[(after ^ runs[:-1]) > _ONE]
    return 1 - int(np.count_nonzero(firsts & _ONE) + (runs[0] & _ONE)) / window


def share_of(words: Hashes, bits: float, window: int, at_least: float = 0.0) -> float:
    """Return the share of the last `window` words, shape (n,), that are said again.

    0 where it is below `at_least`: that is often known from the first of two counts.
    """
    size = size_of(words[-window:], bits)
    if size is None:
        return 0.0
    sums = _sums(words)
    low = _said_again(sums, size.words, window)
    # Longer runs stand before less often, but for the one with which their window begins.
    if low + 1 / window < at_least:
        return 0.0
    share = low + size.rest * (_said_again(sums, size.words + 1, window) - low)
    return share if share >= at_least else 0.0


def _echoes(words: Hashes, size: int, window: int) -> tuple[int, NDArray[np.int64]]:
    """Return where the window's repetition begins, and how far back each run stands before."""
    runs = _runs(_sums(words), size)
    order = np.argsort(runs, kind="stable")
    same = runs[order[1:]] == runs[order[:-1]]
    again, before = order[1:][same], order[:-1][same]
    inside = again >= len(runs) - window
    if not inside.any():
        # Only the next longer run, which begins one word before, was seen.
        return len(runs) - window, np.array([window])
    return int(again[inside].min()), (again - before)[inside]


class _Stream:
    def __init__(self, rule: Circular) -> None:
        self._worded, self._by_ids = rule, rule.scaled(*_IDS)
        self._dense = rule.scaled(*_CHARACTERS)
        self._text = False  # some token added text, so that words are known
        self._begun = ""  # a word that may go on in the next piece
        self._tokens = self._count = 0
        self._words = np.empty(0, np.uint64)  # the recent ones
        self._marks = deque([(0, 0)])  # words and tokens so far, from before the recent ones on
        self._span: LoopSpan | None = None
        self._since = 0  # words when the present stretch was first seen
        self._left: list[LoopSpan] = []  # those that lasted

    def extend(self, ids: NDArray[np.int64], pieces: Sequence[str]) -> None:
        text = "".join(pieces)
        if text and not self._text:
            # What came before were control tokens.
            self._text, self._words = True, self._words[:0]
        words = self._words_of(text) if self._text else _mixed(ids)
        kept = max(rule.recent for rule in (self._by_ids, self._dense))
        self._words = np.concatenate((self._words, words))[-kept:]
        self._tokens += len(ids)
        self._count += len(words)
        self._marks.append((self._count, self._tokens))
        while len(self._marks) > 2 and self._marks[1][0] <= self._count - kept:
            self._marks.popleft()

    def _words_of(self, text: str) -> Hashes:
        # Not lower(): what becomes of a capital sigma depends on the letters after it.
        text = self._begun + text.casefold()
        plain = text.isascii()
        words = (_WORD if plain else _ANY_WORD).findall(text)
        self._begun = ""
        if words and text.endswith(words[-1]) and len(words[-1]) < 64 and words[-1].isalpha():
            self._begun = words.pop()
        hashes = np.array(list(map(hash, words)), np.int64).view(np.uint64) & ~_KIND
        hashes |= np.array([word < ":" if plain else _kind(word) for word in words], np.uint64)
        return hashes

    def tail(self) -> TailLoop | None:
        rule, words, bits = self._now()
        if len(words) < rule.min_words or not share_of(words, bits, rule.window, rule.share):
            # What lasts for less is often one passage said again, as in checking a step.
            if self._span and self._count - self._since >= 2 * rule.window:
                self._left.append(self._span)
            self._span = None
            return None
        if self._span is None:
            self._since = self._count
            self._span = self._seen()
        else:
            self._span = self._spanning(self._span.start, self._span.period)
        return TailLoop(self._span) if self._count - self._since >= rule.lasting else None

    def verdict(self, terminal: TailLoop | None) -> Verdict:
        """Return what is known at the end; a round is measured there."""
        if terminal:
            terminal = TailLoop(self._spanning(terminal.span.start, self._seen().period))
        loops = [*map(TailLoop, self._left), *([terminal] if terminal else [])]
        verdict = tail_verdict(Circular.name, Circular.version, "circular", loops, terminal)
        rule, words, bits = self._now()
        judged = len(words) >= rule.min_words
        score = share_of(words, bits, rule.window) if judged else None
        return msgspec.structs.replace(verdict, score=score)

    def _now(self) -> tuple[Circular, Hashes, float]:
        """Return the rule in the units of the present text, the words it looks at, its bits."""
        rule = self._worded if self._text else self._by_ids
        digits = 0.0
        if self._text:
            kinds = self._words[-rule.window :] & _KIND
            digits = int(np.count_nonzero(kinds == _DIGIT)) / rule.window
            if 2 * np.count_nonzero(kinds == _CHARACTER) > rule.window:
                rule = self._dense
        return rule, self._words[-rule.recent :], rule.bits * (1 + _DIGITS * digits)

    def _seen(self) -> LoopSpan:
        """Return the stretch as the window shows it."""
        rule, words, bits = self._now()
        size = size_of(words[-rule.window :], bits)
        assert size, "only a tail of some variety is circular"
        start, back = _echoes(words, size.words, rule.window)
        first = self._count - len(words)
        tokens = self._tokens - self._token(first)
        period = max(1, int(np.median(back)) * tokens // len(words))
        return self._spanning(self._token(first + start), period)

    def _token(self, word: int) -> int:
        """Return the token of a word, by its number: evenly dealt out between two marks."""
        counts, tokens = zip(*self._marks, strict=True)
        return int(np.interp(word, counts, tokens))

    def _spanning(self, start: int, period: int) -> LoopSpan:
        repeats = max(1, (self._tokens - start) // period)
        return LoopSpan(start=start, end=self._tokens, period=period, repeats=repeats)


def _kind(word: str) -> int:
    if word.isdigit():
        return _DIGIT
    return _CHARACTER if _UNSPACED_ONE.match(word) else 0


def _mixed(ids: NDArray[np.int64]) -> Hashes:
    """Return ids as hashes (the finaliser of MurmurHash3): sums of small numbers would collide."""
    x = ids.view(np.uint64)
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        x = (x ^ (x >> np.uint64(33))) * np.uint64(factor)
    return x ^ (x >> np.uint64(33))


DETECTOR = Circular
