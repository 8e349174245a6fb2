"""What a report counts beside the rows: onsets, survival, starters, waste. Pure."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from loopbench.outcome import DOOM_LEVELS, doom_level
from loopbench.types import Outcome, Record, Struct, Verdict

OUTCOMES: tuple[Outcome, ...] = ("clean", "recovered", "doom", "truncated")


def shown_verdict(record: Record) -> Verdict | None:
    """Return the verdict whose loop stands for an output, if one found any.

    The strictest loop at the end of a doomed output; else the strictest loop anywhere; else a
    near loop at the end.
    """
    at_end = doom_level(record.verdicts) if record.outcome == "doom" else None
    for verdict in record.verdicts:
        if at_end and verdict.level == at_end and verdict.terminal:
            return verdict
    for level in DOOM_LEVELS:
        for verdict in record.verdicts:
            if verdict.level == level and verdict.looped:
                return verdict
    return next((v for v in record.verdicts if v.level == "near" and v.terminal), None)


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


class Survival(Struct, frozen=True):
    """Share of outputs that have not looped yet, as a step function of tokens."""

    tokens: list[float]
    share: list[float]
    low: list[float]
    high: list[float]
    events: int
    censored: int


def survival(records: Iterable[Record]) -> Survival:
    """Return the Kaplan–Meier estimate of the share still not looping after t tokens.

    The event is the first verbatim or counter loop. Outputs that ended, or hit the budget,
    without one are censored at their length; failed generations are left out. Limits are
    log-log Greenwood limits at 95 %.
    """
    import warnings

    from scipy.stats import CensoredData, ecdf

    looped: list[int] = []
    ended: list[int] = []
    for record in records:
        if record.outcome == "error":
            continue
        start = first_loop(record)
        if start is None:
            ended.append(record.generation.output_tokens)
        else:
            looped.append(start)
    last = float(max([*looped, *ended], default=0))
    if not looped:
        return Survival(
            tokens=[0, last], share=[1, 1], low=[1, 1], high=[1, 1], events=0, censored=len(ended)
        )
    estimate = ecdf(CensoredData(uncensored=looped, right=ended)).sf
    with warnings.catch_warnings():
        # Where nothing is left at risk, scipy says that its limits are undefined.
        warnings.simplefilter("ignore")
        limits: Any = estimate.confidence_interval(0.95, method="log-log")
    share = [1.0, *map(float, estimate.probabilities)]
    return Survival(
        tokens=[0.0, *map(float, estimate.quantiles)],
        share=share,
        low=_known([1.0, *map(float, limits.low.probabilities)], share),
        high=_known([1.0, *map(float, limits.high.probabilities)], share),
        events=len(looped),
        censored=len(ended),
    )


def _known(limits: Sequence[float], share: Sequence[float]) -> list[float]:
    """Replace undefined limits by the estimate."""
    return [s if limit != limit else limit for limit, s in zip(limits, share, strict=True)]


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
