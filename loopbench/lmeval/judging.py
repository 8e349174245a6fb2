"""Verdicts on responses, and the rates that lm-eval reports."""

from __future__ import annotations

import math
import statistics
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

from loopbench.detection import Detection, detect
from loopbench.detectors.parts.tokens import split_pieces
from loopbench.lmeval.output import Origin, Output
from loopbench.outcome import classify, stuck_level
from loopbench.types import Finish, Level, Outcome, Struct

RATES = ("doom_rate", "recovered_rate", "truncated_rate")
OUTCOME_OF = {"doom_rate": "doom", "recovered_rate": "recovered", "truncated_rate": "truncated"}
LEAST_BUDGET = 512
"""Loops often start later than 256 tokens, the default of lm-eval, and take some to confirm."""


class Judgement(Struct, frozen=True):
    """What is said about one response; the field `loopbench` of a logged sample."""

    outcome: Outcome | None
    """None: no loop was found, and whether the output ended by itself is not known."""
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


def judge(response: str) -> Judgement:
    """Judge one response, by its origin where it has one.

    Where the finish is not known, an output that is in a loop at its end counts as doomed
    and one that left a loop as recovered; without a loop nothing can be said.
    """
    origin = response.origin if isinstance(response, Output) else None
    if origin is None:
        return _judgement(detect(str(response)), None, "")
    return _judgement(_detection(origin), origin.finish, origin.raw_finish)


def _detection(origin: Origin) -> Detection:
    finish = origin.finish or "length"
    if origin.token_ids is None:
        return detect(origin.text, finish=finish)
    pieces: str | list[str] = origin.text
    if origin.token_chars is not None:
        pieces = split_pieces(origin.text, origin.token_chars)
    return detect(origin.token_ids, text=pieces, finish=finish)


def _judgement(detection: Detection, finish: Finish | None, raw: str) -> Judgement:
    outcome: Outcome | None = detection.outcome
    if finish is None and stuck_level(detection.verdicts) is None:
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
        A mean per name in `RATES`. `truncated_rate` has no value if the finish of any
        response is unknown.
    """
    documents: dict[Hashable, list[Judgement]] = {}
    for document, judgement in judged:
        if judgement.outcome != "error":
            documents.setdefault(document, []).append(judgement)
    known = all(j.finish is not None for found in documents.values() for j in found)
    return {
        name: _mean(documents, OUTCOME_OF[name], known or name != "truncated_rate")
        for name in RATES
    }


def _mean(documents: Mapping[Hashable, Sequence[Judgement]], outcome: str, known: bool) -> Mean:
    n = sum(map(len, documents.values()))
    if not n or not known:
        return Mean(None, None, n)
    values = [
        statistics.fmean(judgement.outcome == outcome for judgement in found)
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
