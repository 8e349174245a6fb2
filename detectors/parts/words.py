"""Words of a text as numbers, whatever pieces the text comes in; ids where there is no text."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

DIGIT, CHARACTER = 1, 2
KIND = np.uint64(3)
"""The lowest bits of a word's hash are its kind: letters (0), a digit, or a character.

A character is one of a script that puts no spaces between words.
"""

LONGEST = 64
"""Longer runs of letters are several words."""
_WORD = re.compile(rf"[^\W\d_]{{1,{LONGEST}}}|\d")
# Thai to Lao, Burmese, Khmer, kana, Chinese characters.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_CHARACTER = re.compile(f"[{_UNSPACED}]")
_ANY_WORD = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])[^\W\d_]){{1,{LONGEST}}}|\d")


def of_unspaced_script(character: str) -> bool:
    """Whether a character is of a script that puts no spaces between words."""
    return _CHARACTER.match(character) is not None


def _kind(word: str) -> int:
    if word.isdigit():
        return DIGIT
    return CHARACTER if of_unspaced_script(word) else 0


class _Hashes(dict[str, int]):
    """Hashes of words with their kinds, made when they are first asked for."""

    MOST = 1 << 14

    def __missing__(self, word: str) -> int:
        if len(self) >= self.MOST:
            self.clear()
        self[word] = value = hash(word) & ~int(KIND) | _kind(word)
        return value


_HASHES = _Hashes()


class Words:
    """The words of a stream: runs of letters without their case, single digits, characters.

    Until some token has added text, ids stand for words.

    Parameters
    ----------
    keep
        How many of the last words are kept.
    """

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._parts: list[Hashes] = []  # not yet joined to `_kept`
        self._kept = np.empty(0, np.uint64)
        self._begun = ""  # a word that may go on in the next piece
        self._marks = [(0, 0)]  # words and tokens so far, of each step that has words in `_kept`
        self.text = False
        self.count = self.tokens = 0

    @classmethod
    def known(cls, words: Hashes, marks: list[tuple[int, int]], *, text: bool) -> Words:
        """Return a stream of which all is known: its words, and the counts after each step."""
        made = cls(keep=1 << 62)
        made._kept, made._marks, made.text = words, marks, text
        made.count, made.tokens = marks[-1]
        return made

    @property
    def marks(self) -> list[tuple[int, int]]:
        """Words and tokens after each step so far; the first step begins after the first."""
        return self._marks.copy()

    def extend(self, ids: NDArray[np.int64], text: str) -> None:
        """Append tokens, and the text that they added."""
        if text and not self.text:
            # What came before were control tokens.
            self.text, self.count, self._kept = True, 0, self._kept[:0]
            self._parts, self._marks = [], [(0, self.tokens)]
        words = self._words_of(text) if self.text else mixed(ids)
        self.count += len(words)
        self.tokens += len(ids)
        self._parts.append(words)
        self._marks.append((self.count, self.tokens))

    def _words_of(self, text: str) -> Hashes:
        # Not lower(): what becomes of a capital sigma depends on the letters after it.
        text = self._begun + text.casefold()
        words = (_WORD if text.isascii() else _ANY_WORD).findall(text)
        self._begun = ""
        if words and text.endswith(words[-1]) and words[-1].isalpha() and len(words[-1]) < LONGEST:
            self._begun = words.pop()
        return np.array(list(map(_HASHES.__getitem__, words)), np.int64).view(np.uint64)

    def last(self, size: int, before: int = 0) -> Hashes:
        """Return the last `size` words, or those that were the last `before` words ago."""
        if self._parts:
            self._kept = np.concatenate((self._kept, *self._parts))[-self._keep :]
            self._parts = []
            while len(self._marks) > 2 and self._marks[1][0] <= self.count - len(self._kept):
                self._marks.pop(0)
        end = len(self._kept) - before
        return self._kept[max(0, end - size) : end]

    def token(self, word: int) -> int:
        """Return the token of a word, by its number: evenly dealt out over the tokens of a step."""
        counts, tokens = zip(*self._marks, strict=True)
        return int(np.interp(word, counts, tokens))


def mixed(ids: NDArray[np.int64]) -> Hashes:
    """Return ids as hashes (the finaliser of MurmurHash3): sums of small numbers would collide."""
    x = ids.view(np.uint64)
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        x = (x ^ (x >> np.uint64(33))) * np.uint64(factor)
    return x ^ (x >> np.uint64(33))
