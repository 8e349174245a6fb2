"""Circular ends: what is said again, by the bits it carries, in any cut and any script."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopbench import detectors
from loopbench.detectors.circular import Circular, _Stream
from loopbench.detectors.parts.echoes import filled_in, share_of, size_of
from loopbench.detectors.parts.streaming import checkpoints
from loopbench.detectors.parts.tokens import fallback_tokens
from loopbench.detectors.parts.words import Hashes, Words
from loopbench.types import Verdict

CONSONANTS, VOWELS = "bdfgklmnprstvz", "aeiou"


def vocabulary(rng: random.Random, size: int) -> list[str]:
    """Return invented words."""
    syllables = [c + v for c in CONSONANTS for v in VOWELS]
    return ["".join(rng.sample(syllables, 3)) for _ in range(size)]


def sentences(rng: random.Random, words: list[str], size: int = 12) -> Iterator[str]:
    """Yield sentences that are all different."""
    while True:
        yield " ".join(rng.choices(words, k=size)).capitalize() + "."


def progress(words: int, seed: int = 1) -> str:
    rng = random.Random(seed)
    return " ".join(islice(sentences(rng, vocabulary(rng, 300)), words // 12)) + " "


def rounds(words: int, seed: int = 2, pool: int = 7) -> str:
    """Return a few sentences in drifting order, each with one word that changes."""
    rng = random.Random(seed)
    known = vocabulary(rng, 300)
    few = [sentence.split() for sentence in islice(sentences(rng, known), pool)]
    said = []
    for _ in range(words // 12):
        sentence = list(rng.choice(few))
        sentence[rng.randrange(3)] = rng.choice(known[:12])
        said.append(" ".join(sentence))
    return " ".join(said) + " "


def judged(text: str, **parameters: float) -> Verdict:
    ids, pieces = fallback_tokens(text)
    return detectors.get("circular", **parameters).scan(ids, pieces)


def test_a_few_sentences_in_drifting_order_are_circular() -> None:
    before = progress(500)
    verdict = judged(before + rounds(500))
    assert verdict.terminal
    assert verdict.level == "circular"
    assert verdict.score is not None
    assert verdict.score > 0.5
    # The stretch begins after the progress, and before the text has gone round a second time.
    onset = len(fallback_tokens(before)[0])
    assert verdict.onset is not None
    assert onset <= verdict.onset <= onset + 2 * 7 * 26
    # A sentence comes back after about as many as there are.
    assert verdict.period is not None
    assert 2 * 26 <= verdict.period <= 3 * 7 * 26
    assert not judged(before).looped
    assert judged(before).score == 0


def test_progress_of_the_same_form_is_not_circular() -> None:
    """Equal sentences whose contents differ: the bits lie in the contents."""
    rng = random.Random(3)
    names = vocabulary(rng, 200)
    rows = "".join(
        f"The house of {rng.choice(names)} in {rng.choice(names)} has {rng.randrange(2, 900)} "
        f"rooms and {rng.choice(names)} gardens.\n"
        for _ in range(80)
    )
    assert not judged(rows).looped


@pytest.mark.parametrize("row", ["T F T T F\n", "0 0 1 0 0 0\n", "a b a a b\n"])
def test_few_words_have_to_match_for_longer(row: str) -> None:
    """Rows over a small alphabet are equal by chance; the rule asks for as many bits of them."""
    rng = random.Random(4)
    signs = row.split()
    table = "".join(" ".join(rng.sample(signs, len(signs))) + "\n" for _ in range(400))
    words = len(table.split())
    assert words >= 300
    verdict = judged(table)
    assert not verdict.terminal
    assert verdict.score is not None


def test_one_word_over_and_over_has_no_variety() -> None:
    assert judged("so " * 2_000).score == 0
    assert size_of(_hashes(["so"] * 200), 25.0) is None


def _hashes(words: list[str]) -> Hashes:
    read = Words(keep=10_000)
    ids, pieces = fallback_tokens(" ".join(words) + " ")
    read.extend(np.array(ids, np.int64), "".join(pieces))
    return read.last(10_000)


def test_how_many_words_carry_the_bits_is_their_entropy() -> None:
    # 200 words, each of four types equally often: two bits each.
    size = size_of(_hashes(["ba", "be", "bi", "bo"] * 50), 25.0)
    assert size is not None
    assert (size.words, size.rest) == (12, 0.5)


def test_the_share_is_counted_by_hand() -> None:
    """Sixteen words of four bits each, twice; three bits are one word, which all stand before."""
    words = _hashes([f"b{a}d{b}" for a in "aeio" for b in "aeio"] * 2)
    assert share_of(words, 4.0, 16) == 1.0
    assert share_of(words[:16], 4.0, 15) == 0.0
    # Runs of two words: the last 16 begin one word earlier, where the first round ends.
    assert share_of(words, 8.0, 16) == 15 / 16


def test_breaks_that_only_exchange_words_are_counted_by_hand() -> None:
    """Ten words, each but the third the same in every line: one break a line, always the form's."""
    names = iter(_names(60))
    lines = [f"if he had {next(names)} then all of us would know" for _ in range(60)]
    assert filled_in(_hashes(" ".join(lines).split()), 8.0, 200) == 1.0
    assert filled_in(_hashes(lines[0].split() * 60), 8.0, 200) == 0.0


def _names(count: int) -> list[str]:
    return [f"{a}o{b}i" for a in "bcdfghjk" for b in "lmnprstv"][:count]


def test_a_form_that_is_filled_in_goes_on() -> None:
    """An elimination: each of the places is new, and what is said of it is the same."""
    form = (
        "Could the thief have used the {0}? If so, the guard would have seen him, unless the guard "
        "was asleep. The guard was awake at the time, so the thief did not use the {0}. "
    )
    asked = "".join(form.format(name) for name in _names(30))
    assert not judged(asked).terminal
    assert judged(asked).score == 0
    assert judged(asked, filled=1.0).terminal


def test_words_count_and_not_how_they_are_written() -> None:
    text = progress(400) + rounds(400)
    plain = judged(text)
    loud = judged(text.upper().replace(". ", " !!\n\n* "))
    assert plain.terminal
    assert loud.terminal
    assert loud.score == plain.score


def test_a_word_that_the_cut_went_through_is_not_looked_at() -> None:
    text = (progress(400) + rounds(400)).rstrip(". ")
    assert judged(text[:-1]).score == judged(text[:-2]).score


def test_only_what_was_said_lately_is_said_again() -> None:
    rng = random.Random(5)
    old = progress(240, seed=8)
    new = " ".join(islice(sentences(rng, vocabulary(rng, 300)), 60)) + " "
    assert not judged(old + new + old).terminal  # 720 and 240 words ago are more than 900
    assert judged(old + new[: len(new) // 3] + old).terminal


def test_short_outputs_are_not_judged() -> None:
    few = judged(rounds(290))
    assert (few.terminal, few.score) == (False, None)
    assert judged(rounds(320)).terminal


def test_a_stretch_that_was_left_is_told_if_it_lasted() -> None:
    left = judged(progress(300) + rounds(900) + progress(700, seed=9))
    assert left.looped
    assert not left.terminal
    assert len(left.spans) == 1
    assert left.onset == left.spans[0].start
    # One passage that is checked again, word by word, is no stretch.
    passage = progress(180, seed=10)
    assert not judged(progress(300) + passage + passage + progress(700, seed=11)).looped


def test_a_stop_waits_until_a_stretch_has_lasted() -> None:
    ids, pieces = fallback_tokens(progress(400) + rounds(1_200))
    at_once, later = (
        detectors.get("circular", lasting=words).watch().push(ids, pieces) for words in (0, 400)
    )
    assert at_once is not None
    assert later is not None
    words = len("".join(pieces[at_once.end : later.end]).split())
    assert 399 <= words <= 440  # the next checkpoint; a word at the end may go on
    assert later.start == at_once.start


@pytest.mark.parametrize("script", ["漢", "あ", "ก"])
def test_scripts_without_spaces_are_read_in_characters(script: str) -> None:
    rng = random.Random(6)
    signs = [chr(ord(script) + k) for k in range(40)]
    new = "".join(rng.choices(signs, k=1_000))
    few = ["".join(rng.choices(signs, k=25)) for _ in range(6)]
    circular = "".join(rng.choice(few) for _ in range(40))
    assert not judged(new).looped
    assert judged(new + circular).terminal


def test_ids_stand_for_words_where_there_is_no_text() -> None:
    ids, _ = fallback_tokens(progress(900) + rounds(900))
    detector = detectors.get("circular")
    assert detector.scan(ids).terminal
    assert not detector.scan(fallback_tokens(progress(1_800))[0]).looped
    # Control tokens at the beginning add no text; what follows does.
    pieces = [""] * 5 + fallback_tokens(progress(900) + rounds(900))[1]
    with_control = detector.scan([7, 8, 9, 7, 8, *ids], pieces)
    assert with_control.score == judged(progress(900) + rounds(900)).score


@given(cuts=st.lists(st.integers(0, 4_000), max_size=30), seed=st.integers(0, 5))
@settings(max_examples=settings().max_examples // 5)
def test_how_tokens_cut_the_words_changes_nothing(cuts: list[int], seed: int) -> None:
    """One and the same text in other pieces: the same share, and the same end."""
    text = progress(300, seed) + "ΟΔΟΣ straße 12.5 " + rounds(300, seed + 1)
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[a:b] for a, b in pairwise(edges)]
    verdict = detectors.get("circular").scan(list(range(len(pieces))), pieces)
    whole = judged(text)
    assert (verdict.score, verdict.terminal) == (whole.score, whole.terminal)


def test_memory_does_not_grow_with_the_stream() -> None:
    ids, pieces = fallback_tokens(progress(3_000) + rounds(3_000))
    watcher = detectors.get("circular", share=1.0).watch()
    watcher.push(ids, pieces)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(5):
            watcher.push(ids, pieces)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    # Of 60,000 tokens; what is held back until the next checkpoint is among it.
    assert grown < 60_000


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("share", 0, "share must be above 0"),
        ("share", 1.5, "share must be above 0 and at most 1, got 1.5"),
        ("bits", 0, "bits must be positive, got 0"),
        ("window", 1, "window must be >= 2, got 1"),
        ("recent", 200, "recent must be above the window of 200, got 200"),
        ("min_words", 200, "min_words must be above the window of 200, got 200"),
        ("filled", 0, "filled must be above 0 and at most 1, got 0"),
        ("lasting", -1, "lasting must be >= 0, got -1"),
    ],
)
def test_parameters_that_make_no_rule_are_refused(name: str, value: float, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        detectors.get("circular", **{name: value})


@pytest.mark.slow
def test_another_process_says_the_same() -> None:
    """Words are told apart by hashes that differ from process to process."""
    code = (
        "import sys; sys.path.insert(0, 'tests/detectors')\n"
        "from test_circular import judged, progress, rounds\n"
        "print(judged(progress(400) + rounds(400)))"
    )
    root = Path(__file__).parent.parent.parent
    said = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(said) == 1


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Progress and rounds of many lengths in turn, so that stretches begin and end anywhere."""
    parts = []
    for k in range(draw(st.integers(1, 5))):
        words = draw(st.integers(60, 900))
        make = rounds if draw(st.booleans()) else progress
        parts.append(make(words, draw(st.integers(0, 9)) + 10 * k))
    return "".join(parts)


@given(text=texts(), lasting=st.sampled_from([0, 100, 400]))
def test_the_batch_face_finds_what_a_look_at_every_checkpoint_finds(
    text: str, lasting: int
) -> None:
    """The whole is not looked at everywhere; this looks everywhere."""
    rule = Circular(lasting=lasting)
    ids, pieces = fallback_tokens(text)
    stream = _Stream(rule)
    stretches: list[list[int]] = []  # words when first seen, token of its end, words at the end
    inside = False
    at = 0
    for end in checkpoints(len(ids), rule.spacing).tolist():
        stream.extend(np.array(ids[at:end], np.int64), pieces[at:end])
        at = end
        stream.tail()
        was, inside = inside, stream._first is not None
        if inside and not was:
            stretches.append([stream._words.count, 0, 0])
        if inside:
            stretches[-1][1] = end
        if was and not inside:
            stretches[-1][2] = stream._words.count
    verdict = rule.scan(ids, pieces)
    last = [s for s in stretches if inside and s is stretches[-1]]
    left = [s for s in stretches if s not in last and s[2] - s[0] >= 400]
    terminal = [s for s in last if stream._words.count - s[0] >= lasting]
    assert [span.end for span in verdict.spans] == [s[1] for s in (*left, *terminal)]
    assert verdict.terminal == bool(terminal)
