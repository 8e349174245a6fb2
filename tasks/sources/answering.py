"""Grading of given answers: exact numbers, boxed formulas, letters of a choice, words, nothing."""

from __future__ import annotations

import re
from typing import Literal

from loopbench.tasks.answers import (
    MAX_PAYLOAD,
    candidates,
    final_text,
    grade_number,
    last_line,
    no_answer,
    parse_number,
    plain,
    shown,
    verdict,
)
from loopbench.types import Grade

Kind = Literal["number", "formula", "choice", "text", "none"]
"""How an answer is compared; `none` counts loops and judges nothing."""

KINDS: tuple[Kind, ...] = ("number", "formula", "choice", "text", "none")

INSTRUCTIONS: dict[Kind, str] = {
    "number": "End your reply with a line 'Answer: <number>'.",
    "formula": "Put your final answer in \\boxed{}.",
    "choice": "End your reply with a line 'Answer: <letter>'.",
    "text": "End your reply with a line 'Answer: <answer>'.",
    "none": "",
}
"""What a prompt must add for the answer to be found."""

_LETTER = re.compile(r"[\s(\[*_`$]{0,8}(?:\\text\{)?\(?([A-Za-z])(?![A-Za-z0-9'])")
_SPACES = re.compile(r"\\[,;:! ]|~|\s|\\(?:left|right|displaystyle|mathrm|textstyle)(?![A-Za-z])")
_TEXT = re.compile(r"\\(?:text|mbox|textbf|mathbf)\{([^{}]{0,200})\}")
_BARE_FRACTION = re.compile(r"\\frac(\d)(\d)")
_BARE_ROOT = re.compile(r"\\sqrt(\w)")


def grade_answer(text: str, expected: str, kind: Kind) -> Grade:
    """Judge an output against a given answer.

    Parameters
    ----------
    text
        The whole output; its thinking is removed here.
    expected
        The answer as the data set states it.
    kind
        How the two are compared. An output of kind `none` gets no judgement.
    """
    if kind == "none":
        return Grade()
    if kind == "number":
        value = parse_number(expected)
        # A reference that is no number after all is compared as text.
        if value is not None:
            return grade_number(text, value)
    final = final_text(text)
    if final is None or not final.strip():
        return no_answer()
    if kind == "choice":
        return _grade_choice(final, expected)
    return _grade_words(final, expected, kind)


def _grade_choice(final: str, expected: str) -> Grade:
    for candidate in candidates(final):
        match = _LETTER.match(candidate.line)
        if match:
            return verdict(candidate.line, match[1].upper() == expected.strip().upper())
        if candidate.explicit:
            return verdict(candidate.line, False)
    line = last_line(final)
    match = re.fullmatch(r"\W{0,8}([A-Za-z])\W{0,8}", line or "")
    return verdict(match[1], match[1].upper() == expected.strip().upper()) if match else no_answer()


def _grade_words(final: str, expected: str, kind: Kind) -> Grade:
    stated = next(iter(candidates(final)), None)
    if stated is None:
        return no_answer()
    same = same_formula if kind == "formula" else same_text
    return verdict(stated.line, same(stated.line, expected))


def same_text(found: str, expected: str) -> bool:
    """Return whether two answers agree without case, outer marks and runs of spaces."""
    return _folded(found) == _folded(expected)


def _folded(text: str) -> str:
    return " ".join(plain(text[:MAX_PAYLOAD]).split()).strip(" .*_`'\"").casefold()


def same_formula(found: str, expected: str) -> bool:
    """Return whether two formulas are written alike, or are the same number.

    Spacing, `\\left`, `\\dfrac`, text commands, units of degree, a leading `x =` and a final
    full stop do not count. Nothing is computed beyond single numbers and fractions, so an
    equal formula in another form counts as wrong.
    """
    one, two = _formula(found), _formula(expected)
    if one == two:
        return bool(one)
    numbers = parse_number(one), parse_number(two)
    # Only plain numbers: `parse_number` also finds the one number in a longer text.
    simple = all(re.fullmatch(r"[-+]?[\d,./]{1,60}", side) for side in (one, two))
    return simple and numbers[0] is not None and numbers[0] == numbers[1]


def _formula(text: str) -> str:
    text = plain(text[:MAX_PAYLOAD]).strip().strip("$").rstrip(".")
    text = _TEXT.sub(r"\1", text)
    text = text.replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac").replace("{,}", "")
    text = text.replace("^\\circ", "").replace("^{\\circ}", "")
    text = text.replace("\\%", "").replace("%", "").replace("\\$", "").replace("\\!", "")
    text = _SPACES.sub("", text).replace("$", "")
    text = _BARE_ROOT.sub(r"\\sqrt{\1}", _BARE_FRACTION.sub(r"\\frac{\1}{\2}", text))
    text = re.sub(r"\\frac\{(-?\d{1,40})\}\{(\d{1,40})\}", r"\1/\2", text)
    if re.match(r"[A-Za-z]=", text):
        text = text[2:]
    return re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)


def oracle_answer(expected: str, kind: Kind) -> str:
    """Return an output that states the given answer as its prompt asks for it."""
    if kind == "none":
        return shown(expected)
    return f"\\boxed{{{expected}}}" if kind == "formula" else f"Answer: {expected}"
