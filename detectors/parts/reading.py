"""The words of a whole text in one pass: what `Words` reads step by step. Pure numpy.

A word's hash is a sum over its letters of a number for the letter times one for its place, so
that all words of a text are hashed at once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from loopbench.detectors.parts.tokens import RULES
from loopbench.detectors.parts.words import (
    CHARACTER,
    DIGIT,
    KIND,
    LONGEST,
    Hashes,
    Words,
    mixed,
    of_unspaced_script,
)
from loopbench.pieces import Pieces

Ints = NDArray[np.int64]
Flags = NDArray[np.uint8]
Codes = NDArray[np.uint8] | NDArray[np.uint32]

MOST = 1 << 20
"""Longer texts are read step by step, so that memory stays small."""

LETTER, _SINGLE, _ALPHA, _NUMBER, _UNSPACED, SPACE, RULE, _KNOWN = 1, 2, 4, 8, 16, 32, 64, 128
"""Part of a longer word; a word by itself; `isalpha`; `isdigit`; of a script without spaces;
white space; one of `tokens.RULES`."""
_OF_RULES = re.compile(f"[{RULES}]")


def _flags_of(character: str) -> int:
    flags = _KNOWN
    if of_unspaced_script(character):
        flags |= _SINGLE | _UNSPACED
    elif character.isdecimal():
        flags |= _SINGLE
    elif character.isalnum():
        flags |= LETTER
    flags |= SPACE * character.isspace() | RULE * bool(_OF_RULES.match(character))
    return flags | _ALPHA * character.isalpha() | _NUMBER * character.isdigit()


_known = np.zeros(0x110000, np.uint8)
"""The flags of every character that some text had so far."""
ASCII = bytes(_flags_of(chr(code)) if code < 128 else 0 for code in range(256))
_PLACES = mixed(np.arange(1, LONGEST + 1))
_LETTERS = mixed(np.arange(1, (1 << 16) + 1))


class Reading(NamedTuple):
    """The words of a text, shape (words,), and where each lies in it."""

    words: Hashes
    starts: Ints
    ends: Ints
    alpha: NDArray[np.bool_]
    """Whether each word begins with a letter of an alphabet."""
    odd: Ints
    """How many parts of words before each character are no such letters: the ``²`` of ``m²``.

    Empty if there are none.
    """

    def counts(self, places: Ints) -> Ints | None:
        """Return how many words are complete at these places, as `Words` counts them.

        None where one of the places is inside a word such as ``m²n``: a step ends it there.
        """
        begun = self.starts.searchsorted(places)
        if not len(self.words):
            return begun
        last = np.maximum(begun - 1, 0)
        start, end = self.starts[last], self.ends[last]
        going_on = (begun > 0) & (end >= places)
        held = going_on & self.alpha[last] & (places - start < LONGEST)
        if self.odd.size:
            odd = self.odd[places] > self.odd[np.minimum(start, places)]
            if np.any(going_on & odd & (end > places)):
                return None
            held &= ~odd
        return begun - held

    def breakable(self) -> bool:
        """Whether a step could end inside a word such as ``m²n``, and make two of it."""
        if not (self.odd.size and len(self.words)):
            return False
        # Some part of the word before its last one is no letter of an alphabet.
        return bool(np.any(self.odd[self.ends - 1] > self.odd[self.starts]))


def words_at(ids: Ints, pieces: Sequence[str], ends: Ints) -> Words:
    """Return the words of a whole output, as `Words` has them that is extended up to each place.

    Parameters
    ----------
    ids, pieces
        The output.
    ends
        Tokens after each step, the last of them all.
    """
    joined = Pieces.joined(pieces)
    chars = int(joined.ends[-1]) if len(joined) else 0
    if not chars:
        return Words.known(mixed(ids), _marks(ends, ends, 0), text=False)
    places = joined.ends[ends - 1]
    reading = read(joined.between(0, len(joined)))
    counts = reading.counts(places) if reading else None
    if reading is not None and counts is not None:
        # What came before were control tokens.
        step = int(places.searchsorted(1))
        marks = _marks(counts[step:], ends[step:], int(ends[step - 1]) if step else 0)
        return Words.known(reading.words[: counts[-1]], marks, text=True)
    words, at = Words(keep=1 << 62), 0
    for end in ends.tolist():
        words.extend(ids[at:end], joined.between(at, end))
        at = end
    return words


def last_words(text: str, tokens: int, chars: int) -> Words | None:
    """Return the words of the end of a text, as `Words` has them in the end.

    None where that depends on the steps in which it came.

    Parameters
    ----------
    text
        The end.
    tokens, chars
        Of the whole text. Tokens are dealt out evenly over the characters.
    """
    folded = text.casefold()
    if len(folded) > MOST:
        return None
    reading = _read(folded)
    counts = reading.counts(np.array([len(folded)]))
    if counts is None or reading.breakable():
        return None
    # The first word may be the rest of one.
    cut = len(text) < chars and len(reading.words) > 0
    words = reading.words[cut : int(counts[0])]
    begin = tokens - round(tokens * len(text) / max(1, chars))
    return Words.known(words, [(0, begin), (len(words), tokens)], text=True)


def _marks(counts: Ints, tokens: Ints, begin: int) -> list[tuple[int, int]]:
    return [(0, begin), *zip(counts.tolist(), tokens.tolist(), strict=True)]


def read(text: str) -> Reading | None:
    """Return the words of a text; None where they have other places once case is folded."""
    folded = text.casefold()
    return _read(folded) if len(folded) == len(text) <= MOST else None


def _read(folded: str) -> Reading:
    plain = folded.isascii()
    if plain:
        raw = folded.encode()
        codes: Codes = np.frombuffer(raw, np.uint8)
        flags = np.frombuffer(raw.translate(ASCII), np.uint8)
    else:
        codes = np.frombuffer(folded.encode("utf-32-le", "surrogatepass"), np.uint32)
        flags = looked_up(codes)
    letter = (flags & LETTER).view(np.bool_)
    inside = (flags & (LETTER | _SINGLE)) != 0
    first = inside.copy()
    first[1:] &= ~(letter[1:] & letter[:-1])
    at = first[inside].nonzero()[0]
    lengths = np.diff(at, append=np.count_nonzero(inside))
    if lengths.max(initial=0) > LONGEST:
        long = lengths > LONGEST
        for start, length in zip(first.nonzero()[0][long], lengths[long], strict=True):
            first[start : start + length : LONGEST] = True
        at = first[inside].nonzero()[0]
        lengths = np.diff(at, append=np.count_nonzero(inside))
    starts = first.nonzero()[0]
    words = hashed(codes[inside], at, lengths)
    begins = flags[starts]
    if plain:
        words |= ((begins & _NUMBER) // _NUMBER * DIGIT).astype(np.uint64)
        odd = np.empty(0, np.int64)
    else:
        words |= _kinds(flags, inside, begins, at)
        odd = _odd(flags)
    return Reading(words, starts, starts + lengths, (begins & _ALPHA) != 0, odd)


def looked_up(codes: Codes) -> Flags:
    """Return the flags of characters."""
    flags = _known[codes]
    if not flags.all():
        for code in np.unique(codes[flags == 0]).tolist():
            _known[code] = _flags_of(chr(code))
        flags = _known[codes]
    return flags


def hashed(codes: Codes, at: Ints, lengths: Ints) -> Hashes:
    """Return the hashes of words that begin at these places of their letters; kind bits are 0."""
    if not len(at):
        return np.empty(0, np.uint64)
    known = codes.max() < len(_LETTERS)
    terms = _LETTERS[codes] if known else mixed(codes.astype(np.int64) + 1)
    terms *= _PLACES[np.arange(len(codes)) - np.repeat(at, lengths)]
    return mixed(np.add.reduceat(terms, at).view(np.int64)) & ~KIND


def _kinds(flags: Flags, inside: NDArray[np.bool_], begins: Flags, at: Ints) -> Hashes:
    """Return the kinds of words, given the flags of all characters and of their first ones."""
    kinds = np.where(begins & _UNSPACED, np.uint64(CHARACTER), np.uint64(0))
    digits = begins & _NUMBER
    if ((flags & (LETTER | _NUMBER)) == (LETTER | _NUMBER)).any():
        # Such as the words of raised digits: all of them must be digits.
        digits = np.bitwise_and.reduceat(flags[inside], at) & _NUMBER
    kinds[digits != 0] = DIGIT
    return kinds


def _odd(flags: Flags) -> Ints:
    odd = (flags & (LETTER | _ALPHA)) == LETTER
    return np.cumsum(np.concatenate(([False], odd))) if odd.any() else np.empty(0, np.int64)
