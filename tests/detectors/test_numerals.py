"""Numbers found in text, in every notation, however the text arrives."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loopbench import detectors
from loopbench.detectors.parts.items import Items
from loopbench.detectors.parts.numerals import Notation, may_become, roman, spelled

Parsed = list[tuple[str, int]]


def parse(*parts: str) -> tuple[Parsed, Items]:
    items = Items()
    for part in parts:
        items.extend([part])
        items.parse()
    numbers = items.numbers
    return [(items.text_of(i), int(number)) for i, number in enumerate(numbers)], items


def numbers(text: str) -> list[int]:
    return [number for _, number in parse(text)[0]]


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("zero", 0),
        ("seven", 7),
        ("Twelfth", 12),
        ("twenty-one", 21),
        ("forty second", 42),
        ("ninetieth", 90),
        ("one hundred and three", 103),
        ("two hundred", 200),
        ("hundred", 100),
        ("thirty-four hundredth", 3400),
        ("five thousand six hundred seventy-eight", 5678),
        ("three million", 3_000_000),
        ("twenty-twenty-seventh", 47),
        ("hundred-hundred" + "-hundred" * 6, None),
    ],
)
def test_words_have_values(words: str, value: int | None) -> None:
    assert spelled(words) == value
    assert numbers(f"So {words}.") == ([] if value is None else [value])


@pytest.mark.parametrize(
    ("letters", "value"),
    [
        ("i", 1),
        ("iv", 4),
        ("xxxviii", 38),
        ("xcix", 99),
        ("mcmxciv", 1994),
        ("mix", 1009),
        ("iiii", None),
        ("vx", None),
        ("mild", None),
        ("", None),
    ],
)
def test_roman_numerals_have_values(letters: str, value: int | None) -> None:
    assert roman(letters) == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one two three.", [1, 2, 3]),
        ("twenty-one, twenty two, twenty and three.", [21, 22, 20, 3]),
        ("one hundred one hundred.", [10_100]),
        ("someone often wrote a tenth-rate sentence; none won a ton.", [10]),
        ("stones attended", []),
        ("1st 2nd 3rd 4th 11th 5s 6there ", [1, 2, 3, 4, 11, 5, 6]),
        ("-3, (-4) 5-6 a-7 2024-05-01.", [-3, -4, 5, 6, 7, 2024, 5, 1]),
        ("--1-2 ", [1, 2]),
        ("x1y22.", [1, 22]),
        ("1,000 0.25 ", [1, 0, 0, 25]),
        ("123456789012345 1234567890123456 7.", [123456789012345, 7]),
        ("-123456789012345 -1234567890123456 7.", [-123456789012345, 7]),
    ],
)
def test_numbers_in_running_text(text: str, expected: list[int]) -> None:
    assert numbers(text) == expected


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ("i. ii. iii. iv. v. vi.", [1, 2, 3, 4, 5, 6]),
        ("g. h. i. j. k.", [7, 8, 9, 10, 11]),
        ("a. b. c. d.", [1, 2, 3, 4]),
        ("u) v) w) x) y) z) aa) ab) ac)", [21, 22, 23, 24, 25, 26, 27, 28, 29]),
        ("y. z. aa. bb. cc. dd.", [25, 26, 27, 28, 29, 30]),
        ("(A) (B) (C)", [1, 2, 3]),
        ("VIII: IX: X: XI:", [8, 9, 10, 11]),
        ("e. d. c. b. a.", [5, 4, 3, 2, 1]),
        ("iv. iii. ii. i.", [4, 3, 2, 1]),
        ("a. c. e. g. i. k.", [1, 3, 5, 7, 9, 11]),
        ("i. iii. v. vii.", [1, 3, 5, 7]),
        ("- i. - ii.", [1, 2]),
        ("xcix. c. ci.", [99, 100, 101]),
        ("So: no. ok. Hi. i.e. a.m. mild. aa.", []),
        ("a b c", []),
    ],
)
def test_marks_at_line_starts(marks: str, expected: list[int]) -> None:
    lines = marks.replace("- ", "-_").split()
    assert numbers("".join(f"{mark.replace('_', ' ')} so\n" for mark in lines)) == expected


def test_each_dress_counts_for_itself() -> None:
    assert numbers("a. x\n  i. y\n  ii. y\nb. x\n  i. y\n") == [1, 1, 2, 2, 1]


def test_letters_inside_lines_are_no_marks() -> None:
    assert numbers("So I. said a. b) and (c) in v. 2\n mix. I mixed it\n") == [2, 1009]


def test_the_literal_before_a_mark_ends_where_its_letters_begin() -> None:
    assert parse("i. so\n\n (ii) so\n")[0] == [("", 1), (". so\n\n (", 2)]


def test_equal_texts_before_unlike_notations_are_unlike_literals() -> None:
    items = parse("so 5, so five, so 6, ")[1]
    first, second, third = items.literals
    assert items.text_of(1) == items.text_of(2) == ", so "
    assert second != third
    assert first not in (second, third)


@pytest.mark.parametrize(
    ("notation", "text", "may"),
    [
        (Notation.DIGITS, "", True),
        (Notation.DIGITS, "12t", True),
        (Notation.DIGITS, "-", True),
        (Notation.DIGITS, "12 ", False),
        (Notation.WORDS, "Twen", True),
        (Notation.WORDS, "twenty-", True),
        (Notation.WORDS, "one hundred an", True),
        (Notation.WORDS, "Bob", False),
        (Notation.MARK, "xi", True),
        (Notation.MARK, "b)", True),
        (Notation.MARK, "Bob", False),
    ],
)
def test_what_a_number_may_begin_with(notation: Notation, text: str, may: bool) -> None:
    assert may_become(notation, text) is may


FRAGMENTS = [
    *("one", "twenty", "hundred", "Third", "and", "-", " ", "\n", "i", "ii", "v", "x", "a", "b"),
    *("z", "aa", "bb", ".", ")", ":", "(", "1", "12", "9" * 9, "1" * 20, "th", "st", "nd", "*"),
    *("so ", "ten", "teen", ", ", ". ", "# ", "\u0130", "\u212a", "\u017f", "the row of "),
]


@given(
    text=st.lists(st.sampled_from(FRAGMENTS), max_size=60).map("".join),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=12),
)
@example(text="--1-", sizes=[1])
def test_pieces_do_not_matter(text: str, sizes: list[int]) -> None:
    parts, at = [], 0
    while at < len(text):
        size = sizes[len(parts) % len(sizes)]
        parts.append(text[at : at + size])
        at += size
    whole, items = parse(text)
    assert parse(*parts)[0] == whole
    assert parse(*text)[0] == whole
    # The literals and numbers are the text, in order.
    assert all(literal in text for literal, _ in whole)
    assert items.literals.size == items.numbers.size


@pytest.mark.parametrize(
    "text",
    ["twenty-" * 30_000, "\n" * 100_000, "\n i" * 40_000, "one hundred and " * 10_000],
)
def test_hostile_text_is_parsed_in_linear_time(text: str) -> None:
    step = 50
    found, _ = parse(*(text[i : i + step] for i in range(0, len(text), step)))
    assert found == parse(text)[0]


@pytest.mark.parametrize("helper", ["numerals", "steady"])
def test_helpers_are_no_detectors(helper: str) -> None:
    assert helper not in detectors.names()
