"""Verdicts on responses, and the rates that lm-eval reports."""

from __future__ import annotations

import math
import statistics
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

from loopbench.judging.detection import Detection, detect
from loopbench.judging.outcome import STUCK
from loopbench.lmeval.output import Origin, Response
from loopbench.pieces import cut
from loopbench.types import Finish, Level, Outcome, Struct

OUTCOMES_OF: dict[str, tuple[Outcome, ...]] = {
    "stuck_rate": STUCK,
    "doom_rate": ("doom",),
    "circular_rate": ("circular",),
    "recovered_rate": ("recovered",),
    "truncated_rate": ("truncated",),
}
"""What each rate counts."""
RATES = tuple(OUTCOMES_OF)
TEXT_RATES = ("stuck_rate", "doom_rate")
"""Rates that a text alone gives: a text that loops at its end is stuck, whatever its finish.

The others are rates of the responses whose finish is known; one that goes round at its end may
have ended by itself.
"""
LEAST_BUDGET = 512
"""Loops often start later than 256 tokens, the default of lm-eval, and take some to confirm."""


class Judgement(Struct, frozen=True):
    """What is said about one response; the field `loopbench` of a logged sample."""

    outcome: Outcome
    finish: Finish
    raw_finish: str
    level: Level | None
    detector: str | None
    period: int | None
    repeats: int | None
    onset: int | None
    tokens: int
    tokenization: str
    """`given` for the engine's ids, else the fallback that split the text."""


def judge_response(response: str) -> Judgement:
    """Judge one response, by its origin where it has one.

    Where the finish is not known, one that loops at its end is stuck, and any other `unknown`.
    """
    origin = response.origin if isinstance(response, Response) else None
    if origin is None:
        return _judgement(detect(str(response), finish="unknown"), "unknown", "")
    # Caches of lm-eval may hold origins of an earlier version, where it was None.
    finish: Finish = origin.finish or "unknown"
    return _judgement(_detection(origin, finish), finish, origin.raw_finish)


def _detection(origin: Origin, finish: Finish) -> Detection:
    if origin.token_ids is None:
        return detect(origin.text, finish=finish)
    pieces: str | Sequence[str] = origin.text
    if origin.token_chars is not None:
        pieces = cut(origin.text, origin.token_chars)
    return detect(origin.token_ids, text=pieces, finish=finish)


def _judgement(detection: Detection, finish: Finish, raw: str) -> Judgement:
    return Judgement(
        outcome=detection.outcome,
        finish=finish,
        raw_finish=raw,
        level=detection.level,
        detector=detection.detector,
        period=detection.period,
        repeats=detection.repeats,
        onset=detection.onset,
        tokens=detection.tokens,
        tokenization=detection.tokenization,
    )


class Mean(NamedTuple):
    """A rate with its standard error, as lm-eval reports means."""

    value: float | None
    """None where it cannot be known."""
    stderr: float | None
    """None for fewer than two documents."""
    n: int
    """Responses."""


def rates(judged: Iterable[tuple[Hashable, Judgement]]) -> dict[str, Mean]:
    """Return the loop rates of responses.

    Parameters
    ----------
    judged
        Document of each response, and what was said about it. Repeats of one document
        are averaged first: they are not independent. Failed responses count nowhere.

    Returns
    -------
    dict
        A mean per name in `RATES`. Those that are not in `TEXT_RATES` are means of the
        responses whose finish is known.
    """
    documents: dict[Hashable, list[Judgement]] = {}
    for document, judgement in judged:
        documents.setdefault(document, []).append(judgement)
    return {
        name: _mean([counted(name, found) for found in documents.values()], outcomes)
        for name, outcomes in OUTCOMES_OF.items()
    }


def counted(rate: str, judged: Iterable[Judgement]) -> list[Judgement]:
    """Return the responses of which a rate is taken: none that failed."""
    return [
        one
        for one in judged
        if one.outcome != "error" and (rate in TEXT_RATES or one.finish != "unknown")
    ]


def _mean(documents: Iterable[Sequence[Judgement]], outcomes: Sequence[Outcome]) -> Mean:
    kept = [found for found in documents if found]
    n = sum(map(len, kept))
    if not n:
        return Mean(None, None, n)
    values = [
        statistics.fmean(judgement.outcome in outcomes for judgement in found) for found in kept
    ]
    stderr = None
    if len(values) > 1:
        stderr = float(statistics.stdev(values)) / math.sqrt(len(values))
    return Mean(statistics.fmean(values), stderr, n)


def budget_of(gen_kwargs: Mapping[str, object], default: int) -> int:
    """Return the most tokens that generation arguments allow, by lm-eval's order of names."""
    for name in ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens"):
        value = gen_kwargs.get(name)
        if isinstance(value, int | float | str):
            return int(value)
    return default
