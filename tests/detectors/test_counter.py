"""Shapes that are counter loops at the end of an output, and shapes that are not."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopbench import detectors
from loopbench.types import Verdict

COUNTER = detectors.get("counter")
WORDS = r"\w+|\W"
SPLITS = {
    "whole numbers": WORDS,
    "single digits": r"\d|[^\W\d]+|\W",
    "three digits": r"\d{1,3}|[^\W\d]{1,4}|\W",
    "characters": r"[\s\S]",
    "space before": r" ?\w+|\W",
}


def tokens(text: str, split: str = WORDS) -> tuple[range, list[str]]:
    pieces = re.findall(split, text)
    return range(len(pieces)), pieces


def scan(text: str, split: str = WORDS) -> Verdict:
    return COUNTER.scan(*tokens(text, split))


def lines(form: str, values: range = range(1, 80)) -> str:
    return "".join(form.replace("#", str(i)) for i in values)


def with_random(form: str, n: int = 120) -> str:
    """Return lines in which # counts and each ? is a random number."""
    rng = random.Random(form)
    counted = (form.replace("#", str(i)) for i in range(n))
    return "".join(re.sub(r"\?", lambda _: str(rng.randrange(1000)), line) for line in counted)


ONES = re.findall(
    r"\S+",
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen",
)
TENS = re.findall(r"\S+", "- - twenty thirty forty fifty sixty seventy eighty ninety")
ORDINALS = re.findall(r"\S+", "zeroth first second third fourth fifth sixth seventh eighth ninth")


def words(i: int) -> str:
    if i < 20:
        return ONES[i]
    return TENS[i // 10] + (f"-{ONES[i % 10]}" if i % 10 else "")


def ordinal(i: int) -> str:
    """Return the ordinal of 20 to 99 in words."""
    return f"{TENS[i // 10]}-{ORDINALS[i % 10]}" if i % 10 else f"{TENS[i // 10][:-1]}ieth"


def numeral(i: int) -> str:
    """Return the Roman numeral of 1 to 89."""
    tens, ones = divmod(i, 10)
    five = {4: "iv", 9: "ix"}.get(ones) or "v" * (ones // 5) + "i" * (ones % 5)
    return ("xl" + "x" * (tens - 4) if tens == 4 else "l" * (tens // 5) + "x" * (tens % 5)) + five


def suffixed(i: int) -> str:
    return f"{i}{'th' if i // 10 % 10 == 1 else {1: 'st', 2: 'nd', 3: 'rd'}.get(i % 10, 'th')}"


def written(form: str, write: Callable[[int], str], values: range = range(1, 60)) -> str:
    return "".join(form.replace("#", write(i)) for i in values)


def days(form: str, n: int) -> str:
    """Return dates from 3 January 2022, a Monday, on."""
    first = date(2022, 1, 3).toordinal()
    moments = ((i, date.fromordinal(first + i)) for i in range(n))
    return "".join(
        form.format(i=i + 1, d=d, day=DAYS[i % 7], month=MONTHS[d.month - 1]) for i, d in moments
    )


DAYS = re.findall(r"\S+", "Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
MONTHS = re.findall(
    r"\S+",
    "January February March April May June July August September October November December",
)
LETTERS = "abcdefghijklmnopqrstuvwxyz"
FRUIT = re.findall(
    r"\S+",
    "apple banana cherry date elder fig grape hazel iris juniper kiwi lemon mango",
)

LONG_LINE = "Row # " + "of the long table " * 6 + "\n"

# What the model wrote; one block of it with its numbers as {}; their steps.
LOOPS: dict[str, tuple[str, str, list[float]]] = {
    "constant body": (lines("#. 169 * 1 = 169\n"), "\n{}. {} * {} = {}", [1, 0, 0, 0]),
    "statement": (lines("#. Lily lies.\n"), ". Lily lies.\n{}", [1]),
    "plain counting": (lines("#, "), ", {}", [1]),
    "stride of two": (lines("#, ", range(3, 200, 2)), ", {}", [2]),
    "large stride": (lines("#\n", range(0, 70_000, 1000)), "\n{}", [1000]),
    "counting down": (lines("#, ", range(300, 200, -1)), ", {}", [-1]),
    "down past zero": (lines("#\n", range(60, -60, -1)), "\n{}", [-1]),
    "sentence": (lines("Now take step # of it. "), " of it. Now take step {}", [1]),
    "several counters": (lines("| # | # | 7 |\n"), " |\n| {} | {} | {}", [1, 1, 0]),
    "two strides": (
        "".join(f"{i} * 3 = {3 * i}\n" for i in range(90)),
        "\n{} * {} = {}",
        [1, 0, 3],
    ),
    "step 41, step 42": (lines("Step #:\nd = 100\n"), "\nStep {}:\nd = {}", [1, 0]),
    "equal literals inside": (
        lines("Step #: 0 0 0 0 0 0\n"),
        "\nStep {}: {} {} {} {} {} {}",
        [1, 0, 0, 0, 0, 0, 0],
    ),
    "cycling body": (
        "".join(f"{i}. {'Ann' if i % 2 else 'Bob'} lies.\n" for i in range(1, 80)),
        ". Bob lies.\n{}. Ann lies.\n{}",
        [2, 2],
    ),
    "cycle of three": (
        "".join(f"{i}. {('Ann', 'Bob', 'Cy')[i % 3]} lies.\n" for i in range(90)),
        ". Ann lies.\n{}. Bob lies.\n{}. Cy lies.\n{}",
        [3, 3, 3],
    ),
    "cycling number": (
        "".join(f"{i}. x = {(1, 5, 3)[i % 3]}\n" for i in range(90)),
        "\n{}. x = {}\n{}. x = {}\n{}. x = {}",
        [3, 0, 3, 0, 3, 0],
    ),
    "one number skipped": (
        lines("#\n", range(120, 199)) + lines("#\n", range(200, 240)),
        "\n{}",
        [1],
    ),
    "leading zeros": ("".join(f"0.{i:02d}, " for i in range(10, 99)), ", {}.{}", [0, 1]),
    "a long constant": (
        lines("#. x = 0.33333333333333333333 so\n"),
        ".33333333333333333333 so\n{}. x = {}",
        [1, 0],
    ),
    "Roman marks": (written("#. Lily lies.\n", numeral), ". Lily lies.\n{}", [1]),
    "Roman marks in capitals": (
        written("#) Lily lies.\n", lambda i: numeral(i).upper()),
        ") Lily lies.\n{}",
        [1],
    ),
    "Roman marks down": (
        written("(#) Lily lies.\n", numeral, range(80, 20, -1)),
        ") Lily lies.\n({}",
        [-1],
    ),
    "letters as marks": (
        written("#) Lily lies to all of us.\n", LETTERS.__getitem__, range(26)),
        ") Lily lies to all of us.\n{}",
        [1],
    ),
    "letters that go on": (
        written("#. Lily lies.\n", lambda i: LETTERS[i % 26] * (i // 26 + 1), range(52)),
        ". Lily lies.\n{}",
        [1],
    ),
    "capitals in brackets": (
        written("(#) Lily lies to all of us.\n", LETTERS.upper().__getitem__, range(26)),
        ") Lily lies to all of us.\n({}",
        [1],
    ),
    "headings": (
        written("> #. Lily\nShe lies.\n", lambda i: numeral(i).upper()),
        ". Lily\nShe lies.\n> {}",
        [1],
    ),
    "step twenty-one": (written("Step #: d = 100\n", words), "\nStep {}: d = {}", [1, 0]),
    "words down": (
        written("# bottles of beer on the wall.\n", words, range(99, 20, -1)),
        " bottles of beer on the wall.\n{}",
        [-1],
    ),
    "ordinal words": (
        written("The # row is the # column.\n", ordinal, range(20, 90)),
        " column.\nThe {} row is the {}",
        [1, 1],
    ),
    "malformed ordinals": (
        written("#. The twenty-~ row.\n", str, range(20, 90)).replace("~", "twenty-first"),
        " row.\n{}. The {}",
        [1, 0],
    ),
    "hundredths": (
        written("the # hundredth, ", words, range(21, 90)),
        ", the {}",
        [100],
    ),
    "1st, 2nd": (written("The # row is empty.\n", suffixed), " row is empty.\nThe {}", [1]),
    "days of the week": (
        days("{i}. {day}\n", 80),
        "".join(f". {day}\n{{}}" for day in DAYS),
        [7] * 7,
    ),
    "equal messages at advancing times": (
        "".join(f"10:{i // 60:02d}:{i % 60:02d} all is well\n" for i in range(40, 150)),
        " all is well\n{}:{}:{}",
        [0, 0, 1],
    ),
    "times in steps of five": (
        "".join(f"{i // 60}:{i % 60:02d} so\n" for i in range(0, 480, 5)),
        " so\n{}:{}",
        [0, 5],
    ),
    "quarters": (
        "".join(f"{i / 4:.2f}, " for i in range(100)),
        ", {}.{}, {}.{}, {}.{}, {}.{}",
        [1, 0] * 4,
    ),
    "hundredths that carry": (
        "".join(f"x = {i / 100:.2f}\n" for i in range(60, 130)),
        "\nx = {}.{}",
        [0, 1],
    ),
    "groups of thousands": (
        "".join(f"{i:,}, " for i in range(9_950, 10_030)),
        ", {},{}",
        [0, 1],
    ),
    "below zero": (lines("#, ", range(-1, -90, -1)), ", {}", [-1]),
    "two counts in turn": (
        "".join(f"{i}, {100 + i}, " for i in range(60)),
        ", {}, {}",
        [1, 1],
    ),
    "after random numbers": (with_random("?, ") + lines("#, "), ", {}", [1]),
    "five lines after a random table": (
        with_random(LONG_LINE.replace("#", "?"), 30) + lines(LONG_LINE, range(50, 55)),
        " " + "of the long table " * 6 + "\nRow {}",
        [1],
    ),
}


def rotations(template: str) -> list[str]:
    """A loop has no first number: its template begins wherever the output was cut."""
    parts = template.split("{}")[:-1]
    return ["".join(part + "{}" for part in parts[i:] + parts[:i]) for i in range(len(parts))]


@pytest.mark.parametrize("shape", LOOPS)
def test_counter_loops_are_found_with_their_template_and_steps(shape: str) -> None:
    text, template, strides = LOOPS[shape]
    verdict = scan(text)
    assert verdict.terminal
    assert verdict.level == "counter"
    assert verdict.strides == strides
    assert verdict.template in rotations(template)


NOT_LOOPS = {
    "Roman marks before other bodies": "".join(
        f"{numeral(i)}. {FRUIT[i * i % 13]} and {FRUIT[i * 5 % 11]}\n" for i in range(1, 60)
    ),
    "alphabetised list": "".join(
        f"{LETTERS[i % 13].upper()}. {FRUIT[i % 13]} {'so ' * (i * i % 7)}\n" for i in range(60)
    ),
    "outline": "".join(
        f"{numeral(i).upper()}. {FRUIT[i * 3 % 13]}\n  a. {FRUIT[i * i % 13]}\n  b. so\n"
        for i in range(1, 30)
    ),
    "lyrics": "".join(
        f"On the {day} day of Christmas\n"
        + "".join(f"{words(i)} {FRUIT[i]}s\n" for i in range(n, 0, -1))
        for n, day in enumerate(ORDINALS[1:], 1)
    ),
    "questions": "".join(
        f"{FRUIT[i * i % 13]}?\nA) {i * i % 7}\nB) {i * 5 % 11}\nC) 3\nD) 4\n" for i in range(40)
    ),
    "words at random": " ".join(random.Random(1).choices(ONES, k=300)),
    "prose with number words": " ".join(
        random.Random(2).choices([*ONES[:12], *FRUIT, "of the", "and", "first"], k=300)
    ),
    "varied messages at advancing times": "".join(
        f"10:{i // 60:02d}:{i % 60:02d} {FRUIT[i * i % 13]} took {FRUIT[i * 7 % 11]}\n"
        for i in range(120)
    ),
    "modular sequence": "".join(f"{i}: {i * 37 % 991}\n" for i in range(300)),
    "modular sequence of wide steps": "".join(f"{i * 389 % 991}, " for i in range(300)),
    "left a list in words": written("Step #: d = 100\n", words, range(20, 90)) + "So Bob",
    "left a list of marks": written("#. Lily lies.\n", numeral) + "So",
    "squares": "".join(f"{i * i}, " for i in range(120)),
    "table of squares": "".join(f"| {i} | {i * i} |\n" for i in range(120)),
    "primes": "".join(
        f"{i}, " for i in range(2, 900) if all(i % d for d in range(2, int(i**0.5) + 1))
    ),
    "running sums": "".join(f"{i * (i + 1) // 2} + {i} = {i * (i + 3) // 2}\n" for i in range(60)),
    "random rows": with_random("?,?,?\n"),
    "random column": with_random("#. The value is ?\n"),
    "one random number in four": with_random("?, 1, 1, 1, "),
    "one random number in eight": with_random("?, " + "20, " * 7, 60),
    "log": with_random("2024-05-01 10:07:# GET /item/? took ? ms\n"),
    "log of varied requests": "".join(
        f"{i} {random.Random(i).choice(('GET', 'PUT', 'POST', 'DELETE'))} /\n" for i in range(120)
    ),
    "varied list": "".join(f"{i}. {'abcdefghij'[i * i % 10] * (i % 7 + 1)}\n" for i in range(80)),
    "verbatim numbers": "12, 7, 12, 7, " * 60,
    "one number": "5 " * 300,
    "left for prose": lines("#. Lily lies.\n") + "So everybody lies but Lily.",
    "left for one word": lines("#. Lily lies.\n") + "80. Bob",
    "prose": "There is no number here. " * 40,
    "too few lines": lines("# " + "and so on " * 30 + "\n", range(3)),
}


@pytest.mark.parametrize("shape", NOT_LOOPS)
def test_other_ends_are_not_counter_loops(shape: str) -> None:
    assert not scan(NOT_LOOPS[shape]).terminal


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("shape", LOOPS)
def test_the_tokenizer_hides_no_loop(shape: str, split: str) -> None:
    text, _, strides = LOOPS[shape]
    verdict = scan(text, SPLITS[split])
    assert verdict.terminal
    assert verdict.strides == strides


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("shape", NOT_LOOPS)
def test_the_tokenizer_makes_no_loop(shape: str, split: str) -> None:
    assert not scan(NOT_LOOPS[shape], SPLITS[split]).terminal


def test_a_few_numbers_are_too_short_for_a_loop() -> None:
    assert not scan(lines("#, ", range(1, 9))).looped


@pytest.mark.parametrize(
    ("n", "last", "terminal"),
    [
        (20, "Saturday, January 22", False),
        (59, "Wednesday, March 2", False),
        (84, "Sunday, March 27", True),
        (119, "Sunday, May 1", False),
        (143, "Wednesday, May 25", True),
    ],
)
def test_a_calendar_is_a_loop_once_a_month_shows_two_weeks(
    n: int, last: str, terminal: bool
) -> None:
    text = days("{i}. {day}, {month} {d.day}, 2022\n", n)
    assert text.endswith(f"{n}. {last}, 2022\n")
    verdict = scan(text)
    assert verdict.terminal == terminal
    if terminal:
        # A week advances the number of the line and the day by seven, the year by none.
        assert verdict.strides in ([7, 7, 0] * 7, [7, 0, 7] * 7, [0, 7, 7] * 7)


def test_bodies_that_change_for_a_while_do_not_end_the_count() -> None:
    text = "".join(f"{i}. {('Ann', 'Bob', 'Cy')[i // 40]} lies.\n" for i in range(120))
    verdict = scan(text)
    assert verdict.terminal
    assert verdict.repeats == 119


def test_a_modular_sequence_is_never_stopped_early() -> None:
    rule = detectors.get("counter", min_repeats=32, min_tokens=512)
    text = "".join(f"f({i}) = {i * 37 % 991}, so\n" for i in range(700))
    assert not rule.scan(*tokens(text)).looped


def test_a_count_that_was_left_looped_all_the_same() -> None:
    verdict = scan(lines("#. Lily lies.\n") + "So everybody lies. " * 30)
    assert verdict.looped
    assert not verdict.terminal
    assert verdict.template == ". Lily lies.\n{}"


def test_an_unfinished_last_line_is_still_the_loop() -> None:
    text = lines("#. Lily lies.\n")
    for cut in range(1, 15):
        assert scan(text[:-cut]).terminal


def test_the_onset_is_the_first_line_of_the_count() -> None:
    head = "Let us see who lies, one by one.\n"
    verdict = scan(head + lines("#. Lily lies.\n"))
    # The first item's literal holds the heading, so the loop begins after its number.
    assert verdict.onset == len(re.findall(WORDS, head + "1"))
    assert verdict.period == len(re.findall(WORDS, ". Lily lies.\n1"))
    assert verdict.repeats == 78


@pytest.mark.parametrize(
    ("min_repeats", "min_tokens", "found"), [(39, 1, True), (40, 1, False), (4, 121, False)]
)
def test_the_blocks_and_tokens_asked_for_are_exact(
    min_repeats: int, min_tokens: int, found: bool
) -> None:
    # 40 numbers of three tokens each; the first has no ", " before it and no block.
    rule = detectors.get("counter", min_repeats=min_repeats, min_tokens=min_tokens)
    assert rule.scan(*tokens(lines("#, ", range(1, 41)))).terminal == found


@st.composite
def counts(draw: st.DrawFn) -> str:
    """Lines under a running number, now and then skipped, then perhaps left."""
    parts = st.sampled_from(["a", "so", ". ", "\n", " = ", "7", "0.5 ", ", ", "one ", ")\n("])
    body = "".join(draw(st.lists(parts, min_size=1, max_size=6)))
    writes = [str, lambda i: words(i % 99), lambda i: numeral(i % 88 + 1)]
    writes += [lambda i: f"{1.33 * i:.2f}", lambda i: f"{i // 3}:{20 * (i % 3):02d}", "{:,}".format]
    write = draw(st.sampled_from(writes))
    number, step = draw(st.integers(0, 200)), draw(st.integers(-2, 3))
    text = draw(st.text("ab 1\n", max_size=30))
    for _ in range(draw(st.integers(0, 60))):
        text += f"{write(number)}{body}"
        number += step + (draw(st.integers(0, 20)) == 0)
    return text + draw(st.text("ab 1\n", max_size=20))


@given(
    text=counts(),
    split=st.sampled_from(list(SPLITS.values())),
    sizes=st.lists(st.integers(1, 90), min_size=1, max_size=20),
)
def test_a_stream_is_judged_the_same_however_it_arrives(
    text: str, split: str, sizes: list[int]
) -> None:
    detector = detectors.get("counter", min_repeats=3, min_tokens=48)
    ids, pieces = tokens(text, split)
    at_once = detector.watch().push(ids, pieces)
    for parts in ([1], sizes):
        watcher, said, at = detector.watch(), [], 0
        while at < len(ids):
            size = parts[len(said) % len(parts)]
            said.append(watcher.push(ids[at : at + size], pieces[at : at + size]))
            at += size
        assert [span for span in said if span] == ([at_once] if at_once else [])


HOSTILE = {
    "digits": "7" * 1_000_000,
    "no digits": "x" * 1_000_000,
    "nulls": "\0" * 20_000,
    "surrogates": "\ud800 \udfff" * 5_000,
    "other digits": "٣" * 20_000 + "²" * 20_000,
    "over-long numbers": ("9" * 16 + " ") * 10_000,
    "signs": "-1e-9+." * 5_000,
    "number words": "twenty-" * 20_000,
    "unfinished marks": "\n (x" * 20_000,
    "large values": "nine billion million 999999999999999 " * 3_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_only_text(text: str) -> None:
    pieces = [text[i : i + 7] for i in range(0, len(text), 7)]
    assert not COUNTER.scan(range(len(pieces)), pieces).terminal


def test_one_digit_per_token_for_a_long_time() -> None:
    rng = random.Random(1)
    pieces = [str(rng.randrange(10)) for _ in range(200_000)]
    assert not COUNTER.scan(range(len(pieces)), pieces).looped


def test_without_text_nothing_is_seen() -> None:
    assert not COUNTER.scan([1, 2] * 200).looped
    assert COUNTER.watch().push([1, 2] * 200) is None


def test_a_step_needs_three_blocks() -> None:
    with pytest.raises(ValueError, match="min_repeats must be >= 3, got 2"):
        detectors.get("counter", min_repeats=2)
