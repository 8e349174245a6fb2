"""Shapes that are counter loops at the end of an output, and shapes that are not."""

from __future__ import annotations

import re

import pytest

from loopbench import detectors

COUNTER = detectors.get("counter")


def scan(text: str, split: str = r"\w+|\W"):
    pieces = re.findall(split, text)
    return COUNTER.scan(range(len(pieces)), pieces)


def lines(form: str, values: range = range(1, 80)) -> str:
    return "".join(form.replace("#", str(i)) for i in values)


LOOPS = {
    "constant body": (lines("#. 169 * 1 = 169\n"), [1.0, 0.0, 0.0, 0.0]),
    "statement": (lines("#. Lily lies.\n"), [1.0]),
    "plain counting": (lines("#, "), [1.0]),
    "stride of two": (lines("#, ", range(3, 200, 2)), [2.0]),
    "counting down": (lines("#, ", range(300, 200, -1)), [-1.0]),
    "inside a sentence": (lines("Now take step # of the plan, as before. "), [1.0]),
    "several counters": (lines("| # | # | 7 |\n"), [1.0, 1.0, 0.0]),
    "equal literals inside": (lines("Step #: 0 0 0 0 0 0\n"), [1.0] + [0.0] * 6),
    "cycling body": (
        "".join(f"{i}. {'Ann' if i % 2 else 'Bob'} lies.\n" for i in range(1, 80)),
        [2.0, 2.0],
    ),
    "cycling number": ("".join(f"{i}. x = {(1, 5, 3)[i % 3]}\n" for i in range(1, 90)), None),
    "a skipped number": (lines("#\n", range(120, 199)) + lines("#\n", range(200, 240)), [1.0]),
    "leading zeros": ("".join(f"0.{i:02d}, " for i in range(10, 99)), [0.0, 1.0]),
}


@pytest.mark.parametrize("shape", LOOPS)
def test_counter_loops_are_found_with_their_strides(shape: str) -> None:
    text, strides = LOOPS[shape]
    verdict = scan(text)
    assert verdict.terminal
    if strides is not None:
        assert verdict.strides == strides


NOT_LOOPS = {
    "squares": "".join(f"{i}, " for i in (j * j for j in range(120))),
    "primes": "".join(
        f"{i}, " for i in range(2, 900) if all(i % d for d in range(2, int(i**0.5) + 1))
    ),
    "running sums": "".join(f"{i * (i + 1) // 2} + {i} = {i * (i + 3) // 2}\n" for i in range(60)),
    "table": "".join(f"{i},{i * 7919 % 101},{i * 104729 % 97}\n" for i in range(80)),
    "varied list": "".join(f"{i}. {'abcdefghij'[i * i % 10] * (i % 7 + 1)}\n" for i in range(80)),
    "a verbatim loop": "12, 7, 12, 7, " * 60,
    "a count that was left": lines("#. Lily lies.\n") + "So everybody lies but Lily.",
    "prose": "There is no number here. " * 40,
    "too short": lines("#, ", range(1, 9)),
}


@pytest.mark.parametrize("shape", NOT_LOOPS)
def test_other_ends_are_not_counter_loops(shape: str) -> None:
    assert not scan(NOT_LOOPS[shape]).terminal


def test_a_count_that_was_left_looped_all_the_same() -> None:
    verdict = scan(lines("#. Lily lies.\n") + "So everybody lies. " * 3)
    assert verdict.looped
    assert not verdict.terminal
    assert verdict.template == ". Lily lies.\n{}"


def test_the_onset_is_the_first_line_of_the_count() -> None:
    head = "Let us see who lies, one by one.\n"
    verdict = scan(head + lines("#. Lily lies.\n"), r"\w+|\W")
    pieces = re.findall(r"\w+|\W", head + "1")
    assert verdict.onset is not None
    # The first item's literal holds the heading, so the loop begins after its number.
    assert abs(verdict.onset - len(pieces)) <= 1


@pytest.mark.parametrize("split", [r"\d|\D", r"\w+|\W", r"\d{1,3}|\D{1,5}"])
def test_the_tokenizer_does_not_decide(split: str) -> None:
    assert scan(lines("#. Lily lies.\n", range(95, 190)), split).terminal
    assert not scan(NOT_LOOPS["squares"], split).terminal


@pytest.mark.parametrize(
    "text", ["7" * 300_000, "x" * 300_000, "\0" * 5_000, "\ud800 1 " * 5_000, "٣" * 5_000]
)
def test_hostile_text_is_only_text(text: str) -> None:
    pieces = [text[i : i + 3] for i in range(0, len(text), 3)]
    assert not COUNTER.scan(range(len(pieces)), pieces).terminal


def test_without_text_nothing_is_seen() -> None:
    assert not COUNTER.scan([1, 2] * 200).looped
