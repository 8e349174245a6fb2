"""What a report counts beside the rows: onsets, fates, starters, waste. Pure."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import Literal, get_args

from loopbench.judging.outcome import DOOM_LEVELS, LEVELS, STUCK, stuck_level
from loopbench.statistics.incidence import Incidence, aalen_johansen
from loopbench.types import Outcome, Record, Struct, Verdict

OUTCOMES: tuple[Outcome, ...] = ("clean", "recovered", "doom", "circular", "truncated")

Fate = Literal["loop", "end", "circular", "cut"]
"""What can befall an output first: a loop, its own end, an end that goes round, the budget."""
FATES: tuple[Fate, ...] = get_args(Fate)


def shown_verdict(record: Record) -> Verdict | None:
    """Return the verdict whose loop stands for an output, if one found any.

    The strictest loop at the end of a stuck output; else the strictest anywhere, a circular
    stretch being the least strict.
    """
    at_end = stuck_level(record.verdicts) if record.outcome in STUCK else None
    for verdict in record.verdicts:
        if at_end and verdict.level == at_end and verdict.terminal:
            return verdict
    for level in LEVELS:
        for verdict in record.verdicts:
            if verdict.level == level and verdict.looped:
                return verdict
    return None


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


def onsets(records: Iterable[Record], outcome: Outcome = "doom") -> list[int]:
    """Return where the loops of the doomed outputs begin, or of the circular ones; in tokens."""
    verdicts = [shown_verdict(r) for r in records if r.outcome == outcome]
    return [v.onset for v in verdicts if v and v.onset is not None]


def fate(record: Record, largest: int) -> tuple[int, Fate | None]:
    """Return what befell an output first, and after how many tokens.

    A loop, verbatim or counting, even one that was left; else its own end, or the last token of
    what went round or was cut. At a budget below the `largest` it might have gone on: then its
    fate is not known (None).
    """
    start, made = first_loop(record), record.generation.output_tokens
    finish, circular = record.generation.finish, record.outcome == "circular"
    if start is not None:
        return start, "loop"
    if finish == "loop":
        return made, "circular" if circular else "loop"
    if finish == "stop":
        return made, "end"
    if record.sampling.max_new_tokens != largest:
        return made, None
    return made, "circular" if circular else "cut"


def incidence(records: Iterable[Record]) -> Incidence:
    """Return which shares of outputs have looped, ended and been given up after so many tokens.

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
    """Before any of the others."""
    looping: int
    """From the onset of the loop of a doomed output on."""
    circling: int
    """From where a circular output is seen to go round on."""
    saved: int
    """Not generated, because a stream was stopped."""


def tokens(records: Iterable[Record]) -> Tokens:
    """Count tokens before and after the onsets of stuck ends; audits are left out."""
    useful = saved = 0
    lost = dict.fromkeys(STUCK, 0)
    for record in records:
        if record.outcome == "error":
            continue
        made = record.generation.output_tokens
        verdict = shown_verdict(record) if record.outcome in STUCK else None
        onset = made if verdict is None or verdict.onset is None else min(verdict.onset, made)
        useful += onset
        if record.outcome in STUCK:
            lost[record.outcome] += made - onset
        if record.generation.finish == "loop":
            saved += record.sampling.max_new_tokens - made
    return Tokens(useful=useful, looping=lost["doom"], circling=lost["circular"], saved=saved)


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
