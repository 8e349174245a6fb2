"""Numbers as they stand in text: in digits, spelled in English words, or as list marks.

Every notation is found by one expression, left to right, so that what a text contains
does not depend on the pieces in which it arrives: `undecided` says where more text could
still change a match.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import IntEnum
from functools import lru_cache

import numpy as np

MAX_DIGITS = 15
"""Longer digit strings are text: a float could not tell their neighbours apart."""
REACH = 40
"""No undecided beginning of a number reaches further back than so many characters."""
_MAX_WORDS = 12
"""Words of one number; a longer chain is several numbers."""


class Notation(IntEnum):
    """How a number is written; numbers of two notations never fill one slot."""

    DIGITS = 0
    WORDS = 1
    MARK = 2

    __hash__ = int.__hash__  # that of an enumeration is Python code


_ONES = "one two three four five six seven eight nine"
_ONES_TH = "first second third fourth fifth sixth seventh eighth ninth"
_TEENS = (
    "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen",
    "tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth "
    "eighteenth nineteenth",
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}

_SCALE_OF = {word + th: scale for word, scale in _SCALES.items() for th in ("", "th")}
_VALUE_OF = {
    "zero": 0,
    **{w: i for words in (_ONES, _ONES_TH) for i, w in enumerate(words.split(), 1)},
    **{w: i for words in _TEENS for i, w in enumerate(words.split(), 10)},
    **{w: 10 * i for i, w in enumerate(_TENS.split(), 2)},
    **{w[:-1] + "ieth": 10 * i for i, w in enumerate(_TENS.split(), 2)},
}
_NUMBER_WORDS = sorted({**_VALUE_OF, **_SCALE_OF}, key=len, reverse=True)


def _one_of(words: list[str]) -> str:
    """Return an expression for `words`, capitalised or not, that shares their beginnings."""
    groups: dict[str, list[str]] = {}
    for word in words:
        groups.setdefault(word[0], []).append(word[1:])
    return "|".join(
        f"[{first}{first.upper()}](?:{'|'.join(rest)})" for first, rest in groups.items()
    )


_WORD = _one_of(_NUMBER_WORDS)
_ONE = _one_of((_ONES + " " + _ONES_TH).split())
_SCALE = _one_of(sorted(_SCALE_OF, key=len, reverse=True))
_END = "(?![A-Za-z])"
# "twenty one" and "one hundred (and) three" are one number, "one two three" are three; a
# hyphen always joins.
_WORD_RUN = (
    f"(?:{_WORD}){_END}(?:-(?:{_WORD}){_END}"
    f"|(?<=ty)[ ](?:{_ONE}){_END}"
    f"|(?<!th)[ ](?:{_SCALE}){_END}"
    f"|(?:(?<=hundred)|(?<=thousand)|(?<=illion))[ ](?:and[ ])?(?:{_WORD}){_END}"
    f"){{0,{_MAX_WORDS - 1}}}"
)
_DRESS = r"[ \t#*>_(\[-]{0,12}"
_MARKS = r"[ivxlcdm]{1,12}|[IVXLCDM]{1,12}|[a-z]{1,2}|[A-Z]{1,2}"
# Prose is mostly refused by its first classes: that is what keeps it cheap.
_BEGINS = "".join(
    "[" + "".join(sorted({*letters, *map(str.upper, letters)})) + "]"
    for letters in ({word[i] for word in _NUMBER_WORDS} for i in range(3))
)
_NUMBER = re.compile(
    r"[^A-Za-z](?:(?<=[0-9\n-])(?:"
    r"(?<=[0-9])(?P<digits>[0-9]*(?:(?:st|nd|rd|th)(?![A-Za-z]))?)"
    r"|(?<=-)(?<![\w)\]-]-)(?P<signed>[0-9]+)"
    rf"|(?<=\n)(?P<dress>{_DRESS})(?P<mark>{_MARKS})(?=[.):\]]\*{{0,2}}\s)"
    rf")|(?<![0-9])(?={_BEGINS})(?P<words>{_WORD_RUN}))"
)
# What characters must be for a number to begin there.
_FIRST, _SECOND, _THIRD, _BEFORE_WORD, _DIGIT, _MINUS, _LINE, _SUFFIX = (1 << i for i in range(8))
_MAY_BE = bytes(
    sum(
        bit * any(chr(code) in (word[i], word[i].upper()) for word in _NUMBER_WORDS)
        for i, bit in enumerate((_FIRST, _SECOND, _THIRD))
    )
    | _BEFORE_WORD * (not chr(code).isalnum())
    | _DIGIT * chr(code).isdigit()
    | _MINUS * (chr(code) == "-")
    | _LINE * (chr(code) == "\n")
    | _SUFFIX * (chr(code) in "snrt")
    for code in range(128)
) + bytes(128)
_LONG = 1_000
"""Characters from which on it costs less to find first where a number may begin."""
_JOINED = {
    (joint + word)[:n]
    for joint in (" ", "-", " and ")
    for word in _NUMBER_WORDS
    for n in range(len(joint + word) + 1)
}
_BEGUN = {word[:n] for word in _NUMBER_WORDS for n in range(len(word) + 1)}
_SUFFIX_BEGUN = {"", "s", "n", "r", "t"}
_LONGEST = max(map(len, _JOINED))
_ROMAN = re.compile(r"m{0,3}(?:cm|cd|d?c{0,3})(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3})")
_ROMAN_DIGITS = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}
_OPEN_DIGITS = re.compile(r"-?(?:[0-9]+(?:st?|nd?|rd?|th?)?)?")
_OPEN_RUN = re.compile(_WORD_RUN)
_OPEN_MARK = re.compile(rf"({_MARKS})(?:[.):\]]\*{{0,2}})?")


Numeral = tuple[int, int, Notation, int, int]
"""One number in a text: start, end, notation, value, and its digits, counted below zero after a
sign; 0 for words, marks and ordinals."""


class Numerals:
    """Finds the numbers of a stream; remembers the last mark of each list.

    A letter such as "i", "v" or "c" may be a letter or a Roman numeral. It is read as the
    neighbour of the last mark in the same dress (indent, brackets, case), else in that
    mark's way, else "i" is Roman and any other letter a letter. So "h. i. j." and
    "i. ii. iii." both advance by one. Two letters ("aa", "bb") only follow a neighbour.
    """

    def __init__(self) -> None:
        self._marks: dict[tuple[str, str, bool], tuple[str, int]] = {}
        self.marked = False

    def find(self, text: str, at: int) -> tuple[list[Numeral], int]:
        """Return the decided numbers that begin at or after `at`, in order.

        Returns
        -------
        numerals, undecided
            `undecided` is where the first number begins that more text could change, or
            the length of the text.
        """
        found: list[Numeral] = []
        size = len(text)
        for match in _matches(text, at):
            if isinstance(match, tuple):
                found.append(match)
                continue
            start, end = match.span()
            if end + _LONGEST >= size and _may_go_on(match, text[end:]):
                return found, start
            kind = match.lastgroup
            if kind == "digits":
                digits, width = match.group(), end - start
                if digits[-1] > "9":
                    digits, width = digits[:-2], 0
                if len(digits) <= MAX_DIGITS:
                    found.append((start, end, Notation.DIGITS, int(digits), width))
            elif kind == "signed":
                width = start + 1 - end
                if -width <= MAX_DIGITS:
                    found.append((start, end, Notation.DIGITS, int(match.group()), width))
            elif kind == "words":
                value = spelled(match["words"])
                if value is not None:
                    found.append((match.start(kind), end, Notation.WORDS, value, 0))
            else:
                value = self._read(match["mark"], match["dress"], text[end])
                if value is not None:
                    found.append((match.start("mark"), end, Notation.MARK, value, 0))
        return found, size

    def _read(self, mark: str, before: str, after: str) -> int | None:
        """Return the value of the next mark, given what stands before and after it."""
        self.marked = True
        dress = (before, after, mark.isupper())
        last = self._marks.get(dress)
        read = _read_mark(mark.lower(), last)
        if read is None:
            return None
        self._marks[dress] = read
        return read[1]


def _matches(text: str, at: int) -> Iterator[re.Match[str] | Numeral]:
    """Yield what `_NUMBER` finds from `at` on; of a long text, most numbers ready made."""
    if len(text) - at < _LONG:
        yield from _NUMBER.finditer(text, at)
        return
    end = at
    for place, beyond in zip(*_places(text, at), strict=True):
        if place < end:
            continue
        if beyond:
            end = beyond
            yield place, end, Notation.DIGITS, int(text[place:end]), end - place
        elif match := _NUMBER.match(text, place):
            end = match.end()
            yield match


def _places(text: str, at: int) -> tuple[list[int], list[int]]:
    """Return all places from `at` on at which `_NUMBER` can match, and some more.

    And where digits end that are nothing but a number, 0 for other places.
    """
    # Other characters than ASCII become question marks: with them as little a number begins.
    codes = text[at:].encode("ascii", "replace") + b"\0\0\0"
    flags = np.frombuffer(codes.translate(_MAY_BE), np.uint8)
    here, second = flags[:-3], flags[1:-2]
    # The first three letters of a word, behind what can be no part of one.
    may = (here >> 3) & second & (flags[2:-1] >> 1) & (flags[3:] >> 2) & _FIRST
    may |= (here >> 1) & second & _DIGIT  # a minus
    may |= here & _LINE
    digits = np.concatenate(([False], (flags & _DIGIT) != 0))
    edges = (digits[1:] != digits[:-1]).nonzero()[0]
    first, beyond = edges[::2], edges[1::2]
    may[first] = 1
    plain = (beyond - first <= MAX_DIGITS) & (beyond < len(here) - _LONGEST)
    plain &= (flags[beyond] & _SUFFIX) == 0
    ends = np.zeros(len(here), np.int64)
    ends[first[plain]] = beyond[plain] + at
    places = may.nonzero()[0]
    return (places + at).tolist(), ends[places].tolist()


def undecided(text: str, at: int, size: int) -> int:
    """Return where the first number from `at` on begins that text after `size` could change."""
    for match in _NUMBER.finditer(text, at, size):
        if match.end() + _LONGEST >= size and _may_go_on(match, text[match.end() : size]):
            return match.start()
    return size


def _may_go_on(match: re.Match[str], rest: str) -> bool:
    kind = match.lastgroup
    if kind == "words":
        return rest.lower() in _JOINED
    return rest in _SUFFIX_BEGUN if kind == "digits" else not rest


@lru_cache(maxsize=4096)
def spelled(words: str) -> int | None:
    """Return the value of a number in English words, cardinal or ordinal.

    Words add up and scales multiply what is before them, whether or not the number is
    well formed: models that run away say "twenty-twenty-seventh". None for values that
    digits could not hold either.

    Examples
    --------
    >>> spelled("one hundred and three"), spelled("thirty-four hundredth")
    (103, 3400)
    """
    total = part = 0
    for word in words.lower().replace("-", " ").split():
        scale = _SCALE_OF.get(word)
        if scale is None:
            part += _VALUE_OF.get(word, 0)
        elif scale == 100:
            part = max(part, 1) * 100
        else:
            total, part = total + max(part, 1) * scale, 0
    return total + part if total + part < 10**MAX_DIGITS else None


@lru_cache(maxsize=4096)
def roman(letters: str) -> int | None:
    """Return the value of a Roman numeral in lower case up to 3999, None for other words."""
    if not letters or not _ROMAN.fullmatch(letters):
        return None
    values = [_ROMAN_DIGITS[c] for c in letters]
    following = [*values[1:], 0]
    return sum(-v if v < f else v for v, f in zip(values, following, strict=True))


def _read_mark(mark: str, last: tuple[str, int] | None) -> tuple[str, int] | None:
    """Return the system and value of a mark in lower case, given the one before it."""
    readings = []
    places = [ord(c) - ord("a") + 1 for c in mark]
    if len(mark) == 1:
        readings.append(("letter", places[0]))
    elif len(mark) == 2:
        readings.append(("letter", 26 * places[0] + places[1]))
        if places[0] == places[1]:
            readings.append(("letter", 26 + places[0]))
    numeral = roman(mark)
    if numeral is not None:
        readings.append(("roman", numeral))
    if last is not None:
        for reading in readings:
            if reading[0] == last[0] and abs(reading[1] - last[1]) == 1:
                return reading
    usual = [r for r in readings if r[0] == "roman" or len(mark) == 1]
    if last is not None:
        usual = [r for r in usual if r[0] == last[0]] or usual
    if mark == "i":
        return usual[-1]
    return usual[0] if usual else None


def may_become(notation: Notation, text: str) -> bool:
    """Whether `text` may be the beginning of a number of this notation."""
    if notation is Notation.DIGITS:
        return _OPEN_DIGITS.fullmatch(text) is not None
    if notation is Notation.WORDS:
        if text.lower() in _BEGUN:
            return True
        run = _OPEN_RUN.match(text)
        return run is not None and text[run.end() :].lower() in _JOINED
    if not text:
        return True
    mark = _OPEN_MARK.fullmatch(text)
    return mark is not None and (len(mark[1]) <= 2 or roman(mark[1].lower()) is not None)
