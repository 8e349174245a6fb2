"""What a report counts beside the rows: onsets, fates, starters, waste. Pure."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import Literal, get_args

from loopbench.outcome import DOOM_LEVELS, stuck_level
from loopbench.statistics.incidence import Incidence, aalen_johansen
from loopbench.types import Outcome, Record, Struct, Verdict

OUTCOMES: tuple[Outcome, ...] = ("clean", "recovered", "doom", "truncated")

Fate = Literal["loop", "end", "cut"]
"""What can befall an output first: a loop, its own end, the budget."""
FATES: tuple[Fate, ...] = get_args(Fate)


def shown_verdict(record: Record) -> Verdict | None:
    """Return the verdict whose loop stands for an output, if one found any.

    The strictest loop at the end of a doomed output; else the strictest loop anywhere; else a
    near loop at the end.
    """
    at_end = stuck_level(record.verdicts) if record.outcome == "doom" else None
    for verdict in record.verdicts:
        if at_end and verdict.level == at_end and verdict.terminal:
            return verdict
    for level in DOOM_LEVELS:
        for verdict in record.verdicts:
            if verdict.level == level and verdict.looped:
                return verdict
    return next((v for v in record.verdicts if v.level == "circular" and v.terminal), None)


def first_loop(record: Record) -> int | None:
    """Return the token at which an output first looped, verbatim or counting."""
    starts = [
        start
        for verdict in record.verdicts
        if verdict.level in DOOM_LEVELS and verdict.looped
        for start in (*(span.start for span in verdict.spans), verdict.onset)
        if start is not None
    ]
    return min(starts, default=None)


def onsets(records: Iterable[Record]) -> list[int]:
    """Return where the loops of the doomed outputs begin, in tokens."""
    verdicts = [shown_verdict(r) for r in records if r.outcome == "doom"]
    return [v.onset for v in verdicts if v and v.onset is not None]


def fate(record: Record, largest: int) -> tuple[int, Fate | None]:
    """Return what befell an output first, and after how many tokens.

    A loop, verbatim or counting, even one that was left; else its own end, or the budget. What
    was cut at a budget below the `largest` might have gone on: its fate is not known (None).
    """
    start, made = first_loop(record), record.generation.output_tokens
    if start is not None or record.generation.finish == "loop":
        return made if start is None else start, "loop"
    if record.generation.finish == "stop":
        return made, "end"
    return made, "cut" if record.sampling.max_new_tokens == largest else None


def incidence(records: Iterable[Record]) -> Incidence:
    """Return which shares of outputs have looped, ended and been cut after so many tokens.

    Failed generations are left out. Where every output had the same budget nothing is censored,
    and the shares are plain counts. Under several budgets a loop that began shortly before a
    smaller one passes for censored, because it had no time to repeat itself.
    """
    judged = [record for record in records if record.outcome != "error"]
    largest = max((record.sampling.max_new_tokens for record in judged), default=0)
    befell = [fate(record, largest) for record in judged]
    return aalen_johansen([at for at, _ in befell], [kind for _, kind in befell], FATES, largest)


class Tokens(Struct, frozen=True):
    """Where the tokens of a series went."""

    useful: int
    """Before a loop, or in outputs that never looped."""
    wasted: int
    """From the onset of the loop of a doomed output on."""
    saved: int
    """Not generated, because a looping stream was stopped."""


def tokens(records: Iterable[Record]) -> Tokens:
    """Count tokens before and after the onset of loops; audits are left out."""
    useful = wasted = saved = 0
    for record in records:
        if record.outcome == "error":
            continue
        made = record.generation.output_tokens
        verdict = shown_verdict(record) if record.outcome == "doom" else None
        onset = made if verdict is None or verdict.onset is None else min(verdict.onset, made)
        useful += onset
        wasted += made - onset
        if record.generation.finish == "loop":
            saved += record.sampling.max_new_tokens - made
    return Tokens(useful=useful, wasted=wasted, saved=saved)


class Crossed(Struct, frozen=True):
    """One line of outcome × correctness."""

    outcome: Outcome
    correct: int
    wrong: int
    ungraded: int


def outcome_by_grade(records: Iterable[Record]) -> list[Crossed]:
    """Count outcomes by whether the answer was right."""
    cells = Counter((r.outcome, r.grade.correct) for r in records)
    return [
        Crossed(
            outcome=outcome,
            correct=cells[outcome, True],
            wrong=cells[outcome, False],
            ungraded=cells[outcome, None],
        )
        for outcome in OUTCOMES
    ]


class Starter(Struct, frozen=True):
    """The first token of loops, and in how many outputs a loop began with it."""

    text: str
    count: int
    share: float
    """Of all loops."""


def starters(records: Iterable[Record], most: int = 12) -> list[Starter]:
    """Return the tokens with which the loops of doomed outputs begin, the frequent ones first."""
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
