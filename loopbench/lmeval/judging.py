"""Verdicts on responses, and the rates that lm-eval reports."""

from __future__ import annotations

import math
import statistics
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

from loopbench.judging.detection import Detection, detect
from loopbench.judging.outcome import DOOM_LEVELS, STUCK, classify, stuck_level
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
TEXT_RATES = ("doom_rate", "recovered_rate")
"""Rates that a text alone gives; the others have no value where any finish is unknown.

Almost no loop ends by itself, but outputs that go round do: whether one was circular is known
only where it is known that it did not end, and with it whether it was stuck.
"""
LEAST_BUDGET = 512
"""Loops often start later than 256 tokens, the default of lm-eval, and take some to confirm."""


class Judgement(Struct, frozen=True):
    """What is said about one response; the field `loopbench` of a logged sample."""

    outcome: Outcome | None
    """None: how it ended is not known, and no verbatim or counter loop was found."""
    finish: Finish | None
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

    Where the finish is not known, an output that is in a verbatim or a counter loop at its
    end counts as doomed and one that left such a loop as recovered. Of any other nothing can
    be said, also of one that goes round at its end: it may have ended by itself.
    """
    origin = response.origin if isinstance(response, Response) else None
    if origin is None:
        return _judgement(detect(str(response)), None, "")
    return _judgement(_detection(origin), origin.finish, origin.raw_finish)


def _detection(origin: Origin) -> Detection:
    finish = origin.finish or "length"
    if origin.token_ids is None:
        return detect(origin.text, finish=finish)
    pieces: str | Sequence[str] = origin.text
    if origin.token_chars is not None:
        pieces = cut(origin.text, origin.token_chars)
    return detect(origin.token_ids, text=pieces, finish=finish)


def _judgement(detection: Detection, finish: Finish | None, raw: str) -> Judgement:
    outcome: Outcome | None = detection.outcome
    if finish is None and stuck_level(detection.verdicts) not in DOOM_LEVELS:
        looped = classify("stop", detection.verdicts) == "recovered"
        outcome = "recovered" if looped else None
    return Judgement(
        outcome=outcome,
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
        A mean per name in `RATES`. Only `TEXT_RATES` have a value if the finish of any
        response is unknown.
    """
    documents: dict[Hashable, list[Judgement]] = {}
    for document, judgement in judged:
        if judgement.outcome != "error":
            documents.setdefault(document, []).append(judgement)
    known = all(j.finish is not None for found in documents.values() for j in found)
    return {
        name: _mean(documents, outcomes, known or name in TEXT_RATES)
        for name, outcomes in OUTCOMES_OF.items()
    }


def _mean(
    documents: Mapping[Hashable, Sequence[Judgement]], outcomes: Sequence[Outcome], known: bool
) -> Mean:
    n = sum(map(len, documents.values()))
    if not n or not known:
        return Mean(None, None, n)
    values = [
        statistics.fmean(judgement.outcome in outcomes for judgement in found)
        for found in documents.values()
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
