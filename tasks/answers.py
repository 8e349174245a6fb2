"""Finding the answer in an output: the one place where model text is read.

Outputs are hostile: a megabyte of brackets, a number of a hundred thousand digits, half a
surrogate pair. Every pattern here has bounded repetition or cannot backtrack, every walk
over candidates is capped, so the work is linear in the length of the output.
"""

from __future__ import annotations

import json
import math
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from loopbench.types import Grade

MAX_DIGITS = 400
"""Longer numbers are no answer to any task, and `int` is quadratic in their length."""
MAX_PAYLOAD = 4_096
"""Characters read after an answer marker."""

_MAX_CANDIDATES = 16
_MAX_JSON_ATTEMPTS = 64
_SHOWN = 500

_BOX = re.compile(r"\\boxed\s{0,4}\{|\\[{}]|[{}]")
_MARK = re.compile(r"answer[\s*_`]{0,8}(is\b|[:=\uff1a])", re.IGNORECASE)
_NUMBER = re.compile(
    r"([-+]?)\s?((?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)"
    r"(?:[eE]([-+]?[0-9]{1,3})(?![0-9]))?"
)
_LOOSE = re.compile(r"(?<![0-9A-Za-z).])[-+]?[0-9][0-9,]*(?:\.[0-9]+)?(?:/[0-9]+)?|[0-9]+")
_LATEX_TEXT = re.compile(r"\\(?:text|mathrm|mathbf|textbf|boxed)\s?\{([^{}]{0,200})\}")
_LATEX_FRACTION = re.compile(r"\\[dt]?frac\s?\{([^{}]{1,200})\}\s?\{([^{}]{1,200})\}")
_LATEX_NOISE = re.compile(r"\\[,!;\[\]()]|\\(?:left|right)")
_PLAIN = str.maketrans(dict.fromkeys("\u2212\u2013\u2014\u2012\ufe63\uff0d", "-") | {
    "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u201c": '"', "\u201d": '"',
    "\u2018": "'", "\u2019": "'",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place where the output seems to state its answer."""

    line: str
    """From the marker to the end of its line, or the contents of the box."""
    block: str
    """From the marker to the next blank line."""
    explicit: bool
    """`Answer:` or a box. "The answer is" also occurs in running text, where what follows
    need not be an answer."""


def final_text(text: str) -> str | None:
    """Return the output without its thinking, or None if it never stopped thinking.

    A lone `</think>` closes a block that the chat template opened.
    """
    head, closed, tail = text.rpartition("</think>")
    if "<think>" in tail:
        return None
    if closed and not tail.strip():
        return head.partition("<think>")[0] if "<think>" in head else tail
    return tail


def shown(answer: str) -> str:
    """Return an extracted answer as a record may hold it: short and valid UTF-8."""
    return answer[:_SHOWN].encode("utf-8", "replace").decode("utf-8")


def no_answer(parts: dict[str, float] | None = None) -> Grade:
    """Return the grade of an output that states no answer: no credit, and no judgement."""
    return Grade(answer=None, correct=None, score=0.0, problem="no_answer", parts=parts or {})


def verdict(answer: str, correct: bool, parts: dict[str, float] | None = None) -> Grade:
    """Return the all-or-nothing grade of a stated answer.

    Parameters
    ----------
    answer
        As the output states it.
    correct
        Whether it is right.
    parts
        Named partial scores.
    """
    return Grade(
        answer=shown(answer),
        correct=correct,
        score=float(correct),
        problem=None if correct else "wrong",
        parts=parts or {},
    )


def plain(text: str) -> str:
    """Replace typographic minus signs, quotes and spaces by their ASCII forms."""
    return text.translate(_PLAIN)


# --- stated answers -----------------------------------------------------------------------


def _boxes(text: str) -> list[tuple[int, str]]:
    # One pass with a stack: searching the closing brace of each box in turn is quadratic
    # on a run of unclosed ones.
    found: deque[tuple[int, str]] = deque(maxlen=_MAX_CANDIDATES)
    stack: list[tuple[int, int] | None] = []
    for match in _BOX.finditer(text):
        token = match.group()
        if token.startswith("\\boxed"):
            stack.append((match.start(), match.end()))
        elif token == "{":
            stack.append(None)
        elif token == "}" and stack:
            opened = stack.pop()
            if opened:
                end = min(match.start(), opened[1] + MAX_PAYLOAD)
                found.append((opened[0], text[opened[1] : end]))
    return list(found)


def candidates(text: str) -> list[Candidate]:
    """Return the stated answers of an output, the last one first, at most 16."""
    places = [(at, Candidate(box, box, True)) for at, box in _boxes(text)]
    for match in deque(_MARK.finditer(text), maxlen=_MAX_CANDIDATES):
        chunk = text[match.end() : match.end() + MAX_PAYLOAD].lstrip(" \t\r\n*_`:=\uff1a")
        # A placeholder is the model quoting the instruction, not answering.
        if not chunk or chunk.startswith("<"):
            continue
        line = chunk.split("\n", 1)[0].strip()
        block = chunk.split("\n\n", 1)[0].strip()
        places.append((match.start(), Candidate(line, block, match[1].lower() != "is")))
    places.sort(key=lambda place: place[0], reverse=True)
    return [candidate for _, candidate in places[:_MAX_CANDIDATES]]


def last_line(text: str) -> str | None:
    """Return the last line that is not blank, at most `MAX_PAYLOAD` characters of it."""
    stripped = text.rstrip()
    return stripped[stripped.rfind("\n") + 1 :][-MAX_PAYLOAD:].strip() or None


# --- numbers ------------------------------------------------------------------------------


def _fraction(match: re.Match[str]) -> Fraction | None:
    sign, body, exponent = match.groups()
    if len(body) > MAX_DIGITS:
        return None
    value = Fraction(body.replace(",", "")) * Fraction(10) ** int(exponent or 0)
    return -value if sign == "-" else value


def _quotient(text: str, match: re.Match[str]) -> tuple[Fraction | None, str]:
    value, rest = _fraction(match), text[match.end() :].lstrip()
    if value is not None and rest.startswith("/"):
        below = _NUMBER.match(rest[1:].lstrip())
        divisor = _fraction(below) if below else None
        if below and divisor:
            return value / divisor, rest[1:].lstrip()[below.end() :]
        return None, ""
    return value, rest


def _undress(text: str) -> str:
    text = plain(text).replace("{,}", ",").replace("\\%", "%").replace("\\$", "")
    text = _LATEX_NOISE.sub("", text)
    text = _LATEX_TEXT.sub(r" \1 ", text)
    text = _LATEX_FRACTION.sub(r"\1/\2", text)
    return text.strip(" \t\r\n*_`$'\"\u20ac\u00a3")


def parse_number(text: str) -> Fraction | None:
    r"""Return the value of a text that states one number, else None.

    Accepts `1,234`, a typographic minus, `3/4`, `2.50`, `\frac{3}{4}`, a leading `x =` and
    trailing words without digits ("12 apples."). Two numbers are a hedge, not an answer.
    """
    text = _undress(text[:MAX_PAYLOAD])
    if "=" in text:
        text = _undress(text.rpartition("=")[2])
    match = _NUMBER.match(text)
    if not match:
        found = list(_NUMBER.finditer(text))
        if len(found) != 1:
            return None
        match = found[0]
    value, rest = _quotient(text, match)
    rest = re.split(r"\.\s|\s?\(", rest, maxsplit=1)[0]
    return None if any(c in "0123456789" for c in rest) else value


def last_number(text: str) -> str | None:
    """Return the last number of a text, as written there."""
    last = deque(_LOOSE.finditer(text), maxlen=1)
    return last[0].group() if last else None


def grade_number(text: str, expected: Fraction | int, *, fallback: bool = True) -> Grade:
    """Judge an output whose answer is one number.

    Parameters
    ----------
    text
        The whole output, thinking included.
    expected
        The right number; it is compared exactly.
    fallback
        Take the last number of an output that marks no answer.
    """
    final = final_text(text)
    if final is None:
        return no_answer()
    for candidate in candidates(final):
        value = parse_number(candidate.line)
        if value is not None or candidate.explicit:
            return verdict(candidate.line, value == expected)
    number = last_number(final) if fallback else None
    if number is None:
        return no_answer()
    return verdict(number, parse_number(number) == expected)


# --- JSON ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class JsonValue:
    """A JSON object or array found in a text, and where."""

    value: Any
    start: int
    end: int


def _bounded_int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _finite_float(digits: str) -> float:
    value = float(digits) if len(digits) <= MAX_DIGITS else math.inf
    if not math.isfinite(value):
        raise ValueError("a number that is not finite")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    parse_int=_bounded_int, parse_float=_finite_float, parse_constant=_no_constant
)
_BRACKET = re.compile(r"[{\[]")


def json_values(text: str) -> Iterator[JsonValue]:
    """Yield the JSON objects and arrays of a text from left to right, fenced or not.

    After a bracket that opens no valid JSON the search goes on where decoding failed:
    that is linear, and a part of an object that was cut off is not taken for the answer.
    At most 64 brackets are tried.
    """
    position = 0
    for _ in range(_MAX_JSON_ATTEMPTS):
        match = _BRACKET.search(text, position)
        if not match:
            return
        start = match.start()
        try:
            value, position = _DECODER.raw_decode(text, start)
        except json.JSONDecodeError as error:
            position = max(error.pos, start + 1)
        except (ValueError, RecursionError):
            # NaN, an absurd number or nesting: the parts of such a value are no answer.
            return
        else:
            yield JsonValue(value, start, position)
