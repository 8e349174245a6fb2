"""How an output ended: the five-way outcome from its finish reason and its verdicts."""

from __future__ import annotations

from collections.abc import Iterable

from loopbench.types import Finish, Level, Outcome, Verdict

DOOM_LEVELS: tuple[Level, ...] = ("verbatim", "counter")
"""Levels that make an output doomed, strictest first. Near loops are a column of their own."""


def classify(finish: Finish, verdicts: Iterable[Verdict]) -> Outcome:
    """Return the outcome of one output.

    Termination is part of the definition: no text tells a loop from a table or a list of
    squares that was asked for. A model that ends by itself is not doomed.
    """
    loops = [v for v in verdicts if v.level in DOOM_LEVELS]
    if finish == "error":
        return "error"
    if finish == "stop":
        return "recovered" if any(v.looped for v in loops) else "clean"
    if finish == "loop" or any(v.terminal for v in loops):
        return "doom"
    return "truncated"


def doom_level(verdicts: Iterable[Verdict]) -> Level | None:
    """Return the strictest level at which an output is in a loop at its end, if any."""
    terminal = {v.level for v in verdicts if v.terminal}
    return next((level for level in DOOM_LEVELS if level in terminal), None)
