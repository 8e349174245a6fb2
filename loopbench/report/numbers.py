"""What a report counts beside the rows: onsets, fates, starters, waste. Pure."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import Literal, get_args

from loopbench.judging.outcome import STUCK
from loopbench.results.observations import Observation, shown_verdict
from loopbench.statistics.incidence import Incidence, aalen_johansen
from loopbench.types import Outcome, Record, Struct

OUTCOMES: tuple[Outcome, ...] = (
    "clean",
    "recovered",
    "doom",
    "circular",
    "truncated",
    "unknown",
)

Fate = Literal["loop", "end", "circular", "cut"]
"""What can befall an output first: a loop, its own end, an end that goes round, the budget."""
FATES: tuple[Fate, ...] = get_args(Fate)


def onsets(observations: Iterable[Observation], outcome: Outcome = "doom") -> list[int]:
    """Return where the loops of the doomed outputs begin, or of the circular ones; in tokens."""
    shown = (one.shown_onset for one in observations if one.seen.outcome == outcome)
    return [onset for onset in shown if onset is not None]


def fate(one: Observation, largest: int) -> tuple[int, Fate | None]:
    """Return what befell an output first, and after how many tokens.

    A loop, verbatim or counting, even one that was left; else its own end, or the last token of
    what went round or was cut. At a budget below the `largest` it might have gone on, and where
    nobody knows why it ended, too: then its fate is not known (None).
    """
    made, circular = one.seen.tokens, one.seen.outcome == "circular"
    if one.first_loop is not None:
        return one.first_loop, "loop"
    if one.finish == "loop":
        return made, "circular" if circular else "loop"
    if one.finish == "stop":
        return made, "end"
    if one.budget != largest:
        return made, None
    if one.finish == "unknown":
        return made, None
    return made, "circular" if circular else "cut"


def incidence(observations: Iterable[Observation]) -> Incidence:
    """Return which shares of outputs have looped, ended and been given up after so many tokens.

    Failed generations are left out. Where every output had the same budget, and it is known why
    each ended, nothing is censored, and the shares are plain counts. Under several budgets a loop
    that began shortly before a smaller one passes for censored, because it had no time to repeat
    itself.
    """
    judged = [one for one in observations if one.seen.outcome != "error"]
    largest = max((one.budget for one in judged), default=0)
    befell = [fate(one, largest) for one in judged]
    return aalen_johansen([at for at, _ in befell], [kind for _, kind in befell], FATES, largest)


class Tokens(Struct, frozen=True):
    """Where the tokens of a series went."""

    useful: int
    """Before any of the others."""
    looping: int
    """From the onset of the loop of a doomed output on."""
    circling: int
    """From where a circular output is seen to go round on."""
    saved: int
    """Not generated, because a stream was stopped."""


def tokens(observations: Iterable[Observation]) -> Tokens:
    """Count tokens before and after the onsets of stuck ends; audits are left out."""
    useful = saved = 0
    lost = dict.fromkeys(STUCK, 0)
    for one in observations:
        outcome, made = one.seen.outcome, one.seen.tokens
        if outcome == "error":
            continue
        onset = made if one.shown_onset is None else min(one.shown_onset, made)
        useful += onset
        if outcome in STUCK:
            lost[outcome] += made - onset
        if one.finish == "loop":
            saved += one.budget - made
    return Tokens(useful=useful, looping=lost["doom"], circling=lost["circular"], saved=saved)


class Crossed(Struct, frozen=True):
    """One line of outcome × correctness."""

    outcome: Outcome
    correct: int
    wrong: int
    ungraded: int


def outcome_by_grade(observations: Iterable[Observation]) -> list[Crossed]:
    """Count outcomes by whether the answer was right; `unknown` has a line where there is any."""
    cells = Counter((one.seen.outcome, one.correct) for one in observations)
    unknown = any(outcome == "unknown" for outcome, _ in cells)
    return [
        Crossed(
            outcome=outcome,
            correct=cells[outcome, True],
            wrong=cells[outcome, False],
            ungraded=cells[outcome, None],
        )
        for outcome in OUTCOMES
        if outcome != "unknown" or unknown
    ]


class Starter(Struct, frozen=True):
    """The first token of loops, and in how many outputs a loop began with it."""

    text: str
    count: int
    share: float
    """Of all loops."""


def starters(records: Iterable[Record], most: int = 12) -> list[Starter]:
    """Return the tokens with which the loops of doomed outputs begin, the frequent ones first.

    Circular ends are left out: where they begin is known to some tokens only.
    """
    counts: Counter[str] = Counter()
    for record in records:
        verdict = shown_verdict(record) if record.outcome == "doom" else None
        if verdict and verdict.onset is not None:
            counts[_token_at(record, verdict.onset)] += 1
    total = counts.total()
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [
        Starter(text=visible(text), count=count, share=count / total)
        for text, count in ranked[:most]
    ]


def _token_at(record: Record, onset: int) -> str:
    """Return a token's text; where it added none (part of a character), that of the next."""
    chars = record.generation.token_chars
    begin = sum(chars[:onset])
    size = next((count for count in chars[onset:] if count), 0)
    return record.generation.text[begin : begin + size]


def visible(text: str) -> str:
    """Return text whose spaces and control characters can be seen."""
    signs = {" ": "␣", "\n": "⏎", "\t": "⇥", "\r": "␍"}
    return "".join(
        signs.get(c, f"U+{ord(c):04X}" if unicodedata.category(c)[0] in "CZ" else c) for c in text
    )
