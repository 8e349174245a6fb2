"""Counts whose numbers have several parts: clock times, decimals, groups of thousands."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
import pytest

from loopbench import detectors
from loopbench.detectors.counter import Counter, _Stream
from loopbench.detectors.parts.items import Items
from loopbench.detectors.parts.stamps import Stamps
from loopbench.detectors.parts.streaming import TailLoop
from loopbench.detectors.parts.tokens import fallback_tokens
from loopbench.types import Verdict

COUNTER = detectors.get("counter")
N = 36


def scan(text: str) -> Verdict:
    return COUNTER.scan(*fallback_tokens(text))


def end(text: str) -> TailLoop | None:
    """Return the loop that a text ends in, as a scan says, without one look on the way."""
    ids, pieces = fallback_tokens(text)
    stream = _Stream(Counter())
    stream.extend(np.array(ids), pieces)
    return stream.tail()


def clock(seconds: float, point: str = ".", decimals: int = 3, *, hours: bool = True) -> str:
    """Write a time; without `hours` these appear only when there is one."""
    whole, fraction = divmod(round(seconds * 10**decimals), 10**decimals)
    minutes, rest = divmod(whole, 60)
    full = hours or minutes >= 60
    text = f"{minutes // 60:02d}:{minutes % 60:02d}" if full else f"{minutes:02d}"
    return f"{text}:{rest:02d}" + (f"{point}{fraction:0{decimals}d}" if decimals else "")


def cue(i: int, step: float, length: float, point: str) -> str:
    return f"{clock(i * step, point)} --> {clock(i * step + length, point)}"


FORMS: dict[str, Callable[[int], str]] = {
    "segments of 29.98 s": lambda i: f"[{cue(i, 29.98, 29.98, '.')}] Thanks to all of you.\n",
    "segments of 5 s": lambda i: f"[{cue(i, 5, 5, '.')}] Thanks to all of you.\n",
    "srt": lambda i: f"{i + 1}\n{cue(i, 2.75, 2.75, ',')}\nThanks to all.\n\n",
    "srt with gaps": lambda i: f"{i + 1}\n{cue(i, 1.5, 1.33, ',')}\nThanks to all.\n\n",
    "an hour appears": lambda i: f"[{clock(3000 + 29.98 * i, hours=False)}] Thanks to all.\n",
    "decimals in brackets": lambda i: f"[{1.33 * i:.2f} - {1.33 * i + 1.33:.2f}] Thanks to all.\n",
    "steps of 0.02": lambda i: f"t={0.02 * i:.2f}s: nothing\n",
    "steps of 0.17": lambda i: f"t={0.17 * i:.2f}s: nothing\n",
    "tokens of Whisper": lambda i: f"<|{29.98 * i:.2f}|> Thanks.<|{29.98 * (i + 1):.2f}|>",
    "JSON segments": lambda i: (
        f'{{"id": {i}, "start": {1.33 * i:.2f}, "end": {1.33 * i + 1.33:.2f}, "text": "so"}},\n'
    ),
    "columns": lambda i: f"{i},{1.33 * i:.2f},{1.33 * i + 1.33:.2f},none\n",
    "a list": lambda i: f"{1.33 * i:.2f}, ",
    "a dense list": lambda i: f"{1.33 * i:.2f},",
    "prices": lambda i: f"Item: ${900 + 13.37 * i:,.2f} only\n",
    "thousands": lambda i: f"Count {317 * i:,} of the same.\n",
    "fewer decimals": lambda i: f"x = {round(0.17 * i, 2):g} gives none\n",
    "decimal commas": lambda i: f"x = {0.17 * i:.2f} gives none\n".replace(".", ","),
    "up from below zero": lambda i: f"x = {-4 + 0.17 * i:.2f} gives none\n",
    "down below zero": lambda i: f"x = {3 - 0.17 * i:.2f} gives none\n",
    "midnight": lambda i: f"{clock((85_000 + 37 * i) % 86_400, decimals=0)} all is well here\n",
    "two lengths in turn": lambda i: f"[{60 * (i // 2) + 29.98 * (i % 2):.2f}] Thanks to all.\n",
    "versions": lambda i: f"- version 1.{i}: bugs\n",
    "versions of three parts": lambda i: f"- version 1.4.{i}: bugs\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_a_count_is_seen_from_its_beginning_wherever_it_is_cut(form: str) -> None:
    head = "Here it is:\n"
    rows = [FORMS[form](i) for i in range(N)]
    text = head + "".join(rows)
    early = len(fallback_tokens(head + "".join(rows[:2]))[0])
    cuts = range(len("".join(rows[-3:])))
    found = [end(text[: len(text) - cut]) for cut in cuts]
    assert [cut for cut in cuts if not found[cut]] == []
    assert max(loop.span.start for loop in found if loop) <= early
    assert scan(text).terminal


@pytest.mark.parametrize(
    ("form", "strides"),
    [
        ("segments of 29.98 s", {29.98}),
        ("an hour appears", {29.98}),
        ("prices", {13.37}),
        ("down below zero", {-0.17}),
        ("srt", {1, 2.75}),
        ("versions", {0, 1}),
    ],
)
def test_steps_are_those_of_the_numbers_as_they_are_written(form: str, strides: set[float]) -> None:
    start = 0 if form == "prices" else 10
    verdict = scan("".join(FORMS[form](i) for i in range(start, start + 200)))
    assert {round(stride, 9) for stride in verdict.strides or []} == strides


def test_the_first_stamp_belongs_to_the_loop() -> None:
    text = "".join(f"[{cue(i, 5, 5, '.')}] To one and all.\n" for i in range(900, 964))
    assert (scan(text).onset or 0) < 5


def rows_at_random(form: Callable[[random.Random, int], str], n: int = 80) -> str:
    rng = random.Random(3)
    return "".join(form(rng, i) for i in range(n))


WORDS = ("river", "stone", "garden", "winter", "bottle", "market", "silver", "candle")
NEGATIVES: dict[str, str] = {
    "measurements": rows_at_random(
        lambda r, i: f"{0.5 * i:.1f},{20 + r.gauss(0, 0.2):.2f},{r.random():.3f}\n"
    ),
    "a decay at equal times": rows_at_random(
        lambda r, i: f"t={0.02 * i:.2f}s v={math.exp(-i / 20):.3f}\n"
    ),
    "squares": rows_at_random(lambda r, i: f"| {0.1 * i:.1f} | {(0.1 * i) ** 2:.2f} |\n"),
    "sines": rows_at_random(lambda r, i: f"sin({0.1 * i:.1f}) = {math.sin(0.1 * i):.4f}\n"),
    "interest": rows_at_random(lambda r, i: f"Year {i}: ${1000 * 1.05**i:,.2f}\n"),
    "subtitles": rows_at_random(
        lambda r, i: f"{i + 1}\n{cue(i, 4, 3, ',')}\n{r.choice(WORDS)} {r.choice(WORDS)}\n\n"
    ),
    "music at irregular times": rows_at_random(
        lambda r, i: f"{i + 1}\n{clock(5 * i + 3 * r.random(), ',')} --> so\n[Music]\n\n"
    ),
    "log of varied messages": rows_at_random(
        lambda r, i: f"2024-05-01 {clock(i)} INFO {r.choice(WORDS)} took {r.random():.3f}s\n"
    ),
    "log of one message": rows_at_random(
        lambda r, i: f"2024-05-01 {clock(i + r.random())} INFO took {r.random():.3f}s\n"
    ),
    "departures": rows_at_random(
        lambda r, i: f"{clock(1020 * i, decimals=0)} platform {r.randrange(1, 12)}\n"
    ),
    "exchange rates": rows_at_random(
        lambda r, i: f"{r.choice(WORDS)}: {r.uniform(0.5, 150):.4f} ({r.uniform(-2, 2):+.2f}%)\n"
    ),
    "prices of many things": rows_at_random(lambda r, i: f"item: ${r.uniform(1, 3000):,.2f}\n"),
    "laps": rows_at_random(lambda r, i: f"Lap {i + 1}: 1:0{r.randrange(3, 6)}.{r.random():.3f}\n"),
    "ratings": rows_at_random(lambda r, i: f"Episode {i}: {r.choice((7.8, 7.9, 8.0, 8.1))}\n"),
    "addresses": rows_at_random(lambda r, i: f"10.{r.randrange(255)}.{r.randrange(255)}.7 GET\n"),
    "places": rows_at_random(
        lambda r, i: f"{48.1 + r.gauss(0, 0.01):.4f}, {11.5 + r.gauss(0, 0.01):.4f}\n"
    ),
    "loss": rows_at_random(
        lambda r, i: f"epoch {i}: loss={2 * math.exp(-i / 30) + r.gauss(0, 0.02):.4f}\n"
    ),
    "long division": rows_at_random(
        lambda r, i: (lambda a, b: f"{a} / {b} = {a // b}.{a % b}; {a} - {b * (a // b)}\n")(
            r.randrange(100, 9999), r.randrange(2, 99)
        )
    ),
    "shares": rows_at_random(
        lambda r, i: f"2024-05-{i % 28 + 1:02d},{100 + r.gauss(0, 3):.2f},{r.randrange(10**6):,}\n"
    ),
}


@pytest.mark.parametrize("shape", NEGATIVES)
def test_tables_and_logs_are_no_counts(shape: str) -> None:
    text = NEGATIVES[shape]
    assert not scan(text).looped
    assert [cut for cut in range(0, 60, 4) if end(text[: len(text) - cut])] == []


@pytest.mark.parametrize(
    ("form", "begun", "left"),
    [
        ("segments of 29.98 s", "[", "So much for that"),
        ("steps of 0.17", "t=11.", "so"),
        ("srt", "51\n0", "-"),
        ("prices", "Item: $1,", " and"),
    ],
)
def test_a_count_is_left_with_the_first_character_that_is_another(
    form: str, begun: str, left: str
) -> None:
    text = "".join(FORMS[form](i) for i in range(N)) + begun
    assert end(text)
    assert [n for n in range(1, len(left) + 1) if end(text + left[:n])] == []


def test_a_table_whose_last_digit_is_rounded_is_no_count() -> None:
    def table(slope: float) -> str:
        return "".join(f"V = {0.5 * i:.1f}, I = {slope * i:.3f}\n" for i in range(90))

    assert not end(table(0.3039))
    # Where every step is the same, no table can be told from a count.
    assert end(table(0.304))


def test_who_miscounts_once_counts_on() -> None:
    steps = [0.17 * i + 0.01 * (i > 30) for i in range(60)]
    loop = end("".join(f"t={step:.2f}s: nothing\n" for step in steps))
    assert loop
    assert loop.span.repeats == 59


def values(text: str, *, decimal_commas: bool = False) -> list[list[int]]:
    """Return whole part, fraction, its digits and parts of the finished numbers of a text."""
    items = Items()
    items.extend([text])
    items.parse()
    stamps = Stamps(items, decimal_commas=decimal_commas)
    reading = stamps.read()
    assert [list(row) for row in stamps.read().rows] == [list(row) for row in reading.rows]
    return [row[2:].tolist() for row in reading.rows[: reading.finished]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("01:02:03.250 ", [[3723, 250, 3, 3]]),
        ("59:58 1:00:00 ", [[3598, 0, 0, 2], [3600, 0, 0, 3]]),
        ("-0.02 0.05 ", [[0, -2, 2, 1], [0, 5, 2, 1]]),
        ("1,299.99 ", [[1299, 99, 2, 0]]),
        ("00:01:02,500 ", [[62, 500, 3, 3]]),
        ("1.2.3 ", [[1, 2, 1, 1], [3, 0, 0, 1]]),
        ("3:7 5:60 ", [[3, 0, 0, 1], [7, 0, 0, 1], [5, 0, 0, 1], [60, 0, 0, 1]]),
        ("12,5 ", [[12, 0, 0, 1], [5, 0, 0, 1]]),
        ("5.-3 ", [[5, 0, 0, 1], [-3, 0, 0, 1]]),
        ("2nd.5 ", [[2, 0, 0, 1], [5, 0, 0, 1]]),
        ("five.5 ", [[5, 0, 0, 1], [5, 0, 0, 1]]),
        ("1.0123456789 ", [[1, 0, 0, 1], [123456789, 0, 0, 1]]),
    ],
)
def test_what_belongs_to_one_number(text: str, expected: list[list[int]]) -> None:
    assert values(text) == expected


def test_a_comma_is_a_decimal_one_where_it_is_said() -> None:
    assert values("12,5 7,25 1,000 ", decimal_commas=True) == [
        [12, 5, 1, 1], [7, 25, 2, 1], [1000, 0, 0, 0],
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["5.", "5.3", "12:", "7,", "1:30:0"])
def test_a_number_that_may_go_on_is_not_finished(text: str) -> None:
    assert values("8 " + text)[0] == [8, 0, 0, 1]
    assert len(values("8 " + text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "999999999999999:59:59.999999999 " * 400,
        "999,999,999,999,999,999,999 " * 400,
        "1:30" * 3000,
        "1,000" * 3000,
        "0.5" * 3000,
        ":.," * 3000,
        "-0.5:30,000 " * 500 + "so",
    ],
)
def test_hostile_stamps_are_only_text(text: str) -> None:
    assert not scan(text + "So it is.").terminal
    items = Items()
    items.extend([text])
    items.parse()
    rows = Stamps(items, decimal_commas=True).read().rows
    assert int(np.abs(rows[:, 2]).max(initial=0)) <= 10**15
