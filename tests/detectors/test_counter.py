"""Shapes that are counter loops at the end of an output, and shapes that are not."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
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
    words = st.sampled_from(["a", "so", ". ", "\n", " = ", "7", "0.5 ", ", "])
    body = "".join(draw(st.lists(words, min_size=1, max_size=6)))
    number, step = draw(st.integers(0, 200)), draw(st.integers(-2, 3))
    text = draw(st.text("ab 1\n", max_size=30))
    for _ in range(draw(st.integers(0, 60))):
        text += f"{number}{body}"
        number += step + (draw(st.integers(0, 20)) == 0)
    return text + draw(st.text("ab 1\n", max_size=20))


@given(
    text=counts(),
    split=st.sampled_from(list(SPLITS.values())),
    sizes=st.lists(st.integers(1, 90), min_size=1, max_size=20),
)
@settings(max_examples=80, deadline=None)
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
