"""`loopbench.detect`: judge one output, without a model or a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast, get_args

from loopbench.detectors import Detector
from loopbench.detectors.parts.splitting import split
from loopbench.detectors.parts.tokens import FALLBACK, without_end
from loopbench.judging.ends import ends, ends_of_text
from loopbench.judging.monitor import scan_all
from loopbench.judging.outcome import DOOM_LEVELS, STUCK, classify, stuck_level
from loopbench.judging.rules import MEASURE, detectors_of
from loopbench.naming import UnknownNameError
from loopbench.types import Finish, Level, Outcome, Rule, Struct, Verdict


class Detection(Struct, frozen=True):
    """What the detectors say about one output."""

    outcome: Outcome
    at_end: Level | None
    """The strictest loop that the output ends in, whatever the outcome; None without one."""
    level: Level | None
    """Level of the reported loop: that which it is stuck in, or recovered from; else None."""
    detector: str | None
    period: int | None
    repeats: int | None
    onset: int | None
    """First token of the loop."""
    tokens: int
    tokenization: str
    """`given`, or the name of the fallback that split the text."""
    verdicts: list[Verdict]


def detect(
    ids_or_text: str | Sequence[int],
    *,
    text: str | Sequence[str] | None = None,
    finish: Finish = "length",
    rules: Sequence[Rule] = MEASURE,
    ends_only: bool = False,
) -> Detection:
    """Judge one output.

    Parameters
    ----------
    ids_or_text
        Token ids, or the text where no ids are known; text is split by a declared
        fallback tokenisation, and periods then count its tokens.
    text
        The text of the ids, or one string per id. Counter loops are invisible without.
    finish
        Why the output ended. Only one that did not end by itself can be stuck; the
        default assumes that it hit its budget.
    rules
        Detectors to use; the measuring defaults unless given.
    ends_only
        Only say how the output ended, several times as fast: verdicts then hold no loop but one
        at the end, and no output has `recovered`. The end is judged as it always is. Only the
        onset and the period of a circular end are approximate, since they take its history.

    Raises
    ------
    TypeError, ValueError
        If the ids are not integers, `text` does not have one string per id, or `finish`
        is not one of the four.

    Examples
    --------
    >>> detect("so " * 100).outcome
    'doom'
    >>> detect("so " * 100, finish="stop").outcome
    'recovered'
    """
    if finish not in get_args(Finish):
        # A misspelt "stop" would turn every recovered output into a doomed one.
        raise UnknownNameError("finish", finish, get_args(Finish))
    if isinstance(ids_or_text, str):
        if text is not None:
            raise ValueError("give token ids with their text, or a text alone, not two texts")
        ids_or_text, tokenization = without_end(ids_or_text), FALLBACK
    else:
        ids_or_text, tokenization = list(ids_or_text), "given"
    verdicts, tokens = _judged(detectors_of(rules), ids_or_text, text, finish, ends_only)
    outcome = classify(finish, verdicts)
    if ends_only and outcome == "recovered":
        outcome = "clean"  # of what it left before nothing is known, so it is told of none
    shown = reported(outcome, verdicts)
    return Detection(
        outcome=outcome,
        at_end=stuck_level(verdicts),
        level=shown.level if shown else None,
        detector=shown.detector if shown else None,
        period=shown.period if shown else None,
        repeats=shown.repeats if shown else None,
        onset=shown.onset if shown else None,
        tokens=tokens,
        tokenization=tokenization,
        verdicts=verdicts,
    )


def _judged(
    detectors: Sequence[Detector],
    ids_or_text: str | Sequence[int],
    text: str | Sequence[str] | None,
    finish: Finish,
    ends_only: bool,
) -> tuple[list[Verdict], int]:
    """Return the verdicts on an output, and its number of tokens."""
    if ends_only:
        if isinstance(ids_or_text, str):
            verdicts, tokens = ends_of_text(detectors, ids_or_text)
        else:
            verdicts, tokens = ends(detectors, ids_or_text, text), len(ids_or_text)
        # What a stream was stopped for may be hidden by the tokens that came after the stop.
        if finish != "loop" or stuck_level(verdicts):
            return verdicts, tokens
    if isinstance(ids_or_text, str):
        ids, pieces = split(ids_or_text)
        # An array is as good as a sequence to whatever scans, and need not be made again.
        return scan_all(detectors, cast("Sequence[int]", ids), pieces), len(ids)
    return scan_all(detectors, ids_or_text, text), len(ids_or_text)


def reported(outcome: Outcome, verdicts: Sequence[Verdict]) -> Verdict | None:
    """Return the verdict that explains an outcome: on the end, or on what was recovered from.

    What an output passed through on its way to another outcome explains nothing: it is in the
    verdicts.
    """
    if outcome in STUCK:
        levels = DOOM_LEVELS if outcome == "doom" else ("circular",)
        found = [v for level in levels for v in verdicts if v.level == level and v.looped]
        # A stream that was stopped may have gone on for some tokens behind its loop.
        return next((v for v in found if v.terminal), found[0] if found else None)
    if outcome == "recovered":
        return next(v for v in verdicts if v.level == "verbatim" and v.looped)
    return None
