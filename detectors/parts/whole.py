"""The numbers of a whole text at once, exactly those that `Numerals` finds as it streams.

Digits are found by numpy over the characters; words and marks are rare, so that the few
places where one may begin are given to the expressions of `numerals`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from loopbench.detectors.parts.numerals import (
    MARK_DRESS,
    MARKS,
    MAX_DIGITS,
    MAX_DRESS,
    NUMBER_WORDS,
    WORD_RUN,
    Notation,
    Numerals,
    goes_on_as_words,
    spelled,
)

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]

_RUN = re.compile(WORD_RUN)
_MARK = re.compile(rf"\n(?P<dress>{MARK_DRESS})(?P<mark>{MARKS})(?=(?P<close>[.):\]]\*{{0,2}}\s))")
_PAD = b"\0\0\0\0"
"""Behind the text, so that what follows a number can be looked at without a check."""


def _table(values: dict[str, int]) -> bytes:
    table = bytearray(256)
    for char, value in values.items():
        table[ord(char)] = value
    return bytes(table)


_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_PLACE = {c: i for i, c in enumerate(_LETTERS, 1)}
_OTHER_DIGIT = 31
_FOLD = _table(
    _PLACE | {c.upper(): i for c, i in _PLACE.items()} | dict.fromkeys("0123456789", _OTHER_DIGIT)
)


def _places() -> bytes:
    """Return per character the bits of where it may stand at the beginning of a number word."""
    bits = dict.fromkeys(map(chr, range(256)), 1)  # before it: no letter, no digit
    for c in _LETTERS + _LETTERS.upper() + "0123456789":
        bits[c] = sum(2 << i for i in range(3) if any(w[i] == c.lower() for w in NUMBER_WORDS))
    return _table(bits)


_PLACES = _places()
_SUFFIX_BEGINS = np.frombuffer(_table(dict.fromkeys("snrt", 1)), np.bool_)
_NO_SIGN_AFTER = np.frombuffer(
    _table(dict.fromkeys(_LETTERS + _LETTERS.upper() + "0123456789_)]", 1)), np.bool_
)
_TENS = 10 ** np.arange(MAX_DIGITS, dtype=np.int64)
_ORDINALS = np.array([256 * ord(b) + ord(a) for a, b in ("st", "nd", "rd", "th")])
_LETTER, _CLOSER, _ROMAN, _DRESS = 1, 2, 4, 8
_MARK_KIND = np.frombuffer(
    _table(
        dict.fromkeys(_LETTERS + _LETTERS.upper(), _LETTER)
        | dict.fromkeys("ivxlcdmIVXLCDM", _LETTER | _ROMAN)
        | dict.fromkeys(" \t#*>_(-[", _DRESS)
        | dict.fromkeys(".:)]", _CLOSER)
    ),
    np.uint8,
)


def _beginnings(letters: int) -> NDArray[np.bool_]:
    """Return which beginnings of so many letters, 5 bits each, are those of a number word."""
    table = np.zeros(1 << 5 * letters, np.bool_)
    for word in NUMBER_WORDS:
        places = [_PLACE[c] for c in word[:letters]]
        # A word of three letters ends there: no letter follows, but a digit may.
        for after in [0, _OTHER_DIGIT] if len(places) < letters else [None]:
            code = 0
            for place in places if after is None else [*places, after]:
                code = 32 * code + place
            table[code] = True
    return table


_BEGINNINGS = _beginnings(4)


class Numbers(NamedTuple):
    """The numbers of a text in order, as arrays; places count its characters.

    `closed` is how much of the text must be there for the number to be complete.
    """

    start: Ints
    end: Ints
    notation: Ints
    value: Ints
    closed: Ints


def find_numbers(text: str) -> tuple[Numbers, Bytes]:
    """Return the numbers of a text, and its characters as bytes.

    A character that is not ASCII becomes some byte above 127.
    """
    # A stream begins like a line.
    whole = "\n" + text
    raw = _as_bytes(whole)
    codes = np.frombuffer(raw, np.uint8)
    found = _in_digits(whole, codes)
    rare = [*_in_words(whole, raw), *_marks(whole, codes)]
    if rare:
        parts = (found, Numbers(*np.array(rare, np.int64).T))
        joined = Numbers(*map(np.concatenate, zip(*parts, strict=True)))
        order = np.argsort(joined.start, kind="stable")
        found = Numbers(*(column.take(order) for column in joined))
    start, end, notation, value, closed = found
    closed = np.maximum.accumulate(closed)
    return Numbers(start - 1, end - 1, notation, value, closed - 1), codes[1 : len(whole)]


def _as_bytes(text: str) -> bytes:
    if text.isascii():
        return text.encode() + _PAD
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    folded = (codes * np.uint32(0x9E3779B1)) >> np.uint32(25)
    return np.where(codes < 128, codes, folded | 128).astype(np.uint8).tobytes() + _PAD


def _in_digits(text: str, codes: Bytes) -> Numbers:
    digit = codes - np.uint8(48) < 10
    edges = (digit[1:] != digit[:-1]).nonzero()[0] + 1
    start, end = edges[0::2], edges[1::2]
    value = _values(codes, start, end - start)
    if value.size and (end - start).max() > MAX_DIGITS:
        kept = end - start <= MAX_DIGITS
        start, end, value = start[kept], end[kept], value[kept]
    signed = _signed(text, codes, start)
    # "st", "nd", "rd" and "th" belong to the number, if no letter follows.
    follows = codes.take(end)
    closed, ended = end + 1, end
    maybe = (_SUFFIX_BEGINS.take(follows) & ~signed).nonzero()[0]
    if maybe.size:
        at = end[maybe]
        pair = codes[at].astype(np.int64) + 256 * codes[at + 1].astype(np.int64)
        full = (pair[:, None] == _ORDINALS).any(axis=1)
        third = codes[at + 2]
        letter = ((third | np.uint8(32)) - np.uint8(97)) < 26
        closed[maybe] += np.where(full, 2, 1)
        ended = end.copy()
        ended[maybe[full & ~letter]] += 2
    notation = np.full(len(start), int(Notation.DIGITS))
    if not signed.any():
        return Numbers(start, ended, notation, value, closed)
    return Numbers(start - signed, ended, notation, np.where(signed, -value, value), closed)


def _values(codes: Bytes, start: Ints, length: Ints) -> Ints:
    """Return the values of these runs of digits; of over-long ones, anything."""
    if not length.size:
        return length
    beyond = length.cumsum()
    power = beyond.repeat(length)
    power -= np.arange(1, len(power) + 1)  # digits of the number that are still to come
    terms = _TENS.take(power, mode="clip")
    power -= (start + length - 1).repeat(length)
    terms *= codes.take(np.negative(power, out=power)) - np.uint8(48)
    return np.asarray(np.add.reduceat(terms, beyond - length))


def _signed(text: str, codes: Bytes, start: Ints) -> NDArray[np.bool_]:
    signed = codes.take(start - 1) == 45
    minus = signed.nonzero()[0]
    if minus.size:
        before = start[minus] - 2
        refused = _NO_SIGN_AFTER[codes[before]]
        for i in (codes[before] > 127).nonzero()[0].tolist():
            refused[i] = text[before[i]].isalnum()
        signed[minus] = ~refused
    return np.asarray(signed)


def _in_words(text: str, raw: bytes) -> Iterator[tuple[int, ...]]:
    places = np.frombuffer(raw.translate(_PLACES), np.uint8)
    begun = places[:-4] & (places[1:-3] >> 1)
    begun &= places[2:-2] >> 2
    begun &= places[3:-1] >> 3
    begun &= 1
    begins = begun.view(np.bool_).nonzero()[0] + 1
    if not begins.size:
        return
    fold = np.frombuffer(raw.translate(_FOLD), np.uint8)
    code = fold[begins].astype(np.int64)
    for i in (1, 2, 3):
        code = 32 * code + fold[begins + i]
    done = 0
    for at in begins[_BEGINNINGS[code]].tolist():
        if at < done:
            continue
        match = _RUN.match(text, at)
        if match is None:
            continue
        done = match.end()
        value = spelled(match.group())
        if value is not None:
            size = 1
            while done + size <= len(text) and goes_on_as_words(text[done : done + size]):
                size += 1
            yield at, done, Notation.WORDS, value, done + size


def _marks(text: str, codes: Bytes) -> Iterator[tuple[int, ...]]:
    lines = (codes == 10).nonzero()[0]
    first = lines + 1
    kind = _MARK_KIND.take(codes.take(first))
    dressed = (kind & _DRESS).nonzero()[0]
    for _ in range(MAX_DRESS):
        if not dressed.size:
            break
        first[dressed] += 1
        after = _MARK_KIND.take(codes.take(first.take(dressed)))
        kind[dressed] = after
        dressed = dressed[(after & _DRESS) > 0]
    second, third = (_MARK_KIND.take(codes.take(first + i)) for i in (1, 2))
    # A mark of one letter, of two, or of three and more that are Roman.
    two = (second & _LETTER) & ((third & _CLOSER) >> 1 | (second & third & _ROMAN) >> 2)
    possible = kind & _LETTER & ((second & _CLOSER) >> 1 | two)
    numerals = Numerals()
    for at in lines[possible > 0].tolist():
        match = _MARK.match(text, at)
        if match is None:
            continue
        start, end = match.span("mark")
        value = numerals.read_mark(match["mark"], match["dress"], text[end])
        if value is not None:
            yield start, end, Notation.MARK, value, match.end("close")
