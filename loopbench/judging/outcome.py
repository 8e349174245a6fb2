"""How an output ended: its outcome, from its finish reason and its verdicts. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from loopbench.types import Finish, Level, Outcome, Verdict

JUDGEMENT = 2
"""Version of the rule that names outcomes, for a run's header; raised when a name gets another
meaning.

1: a count that an output left before it ended by itself made it `recovered`.
"""

DOOM_LEVELS: tuple[Level, ...] = ("verbatim", "counter")
"""Levels that make an output doomed, strictest first: almost none of these ends by itself."""

LEVELS: tuple[Level, ...] = (*DOOM_LEVELS, "circular")
"""All levels, strictest first."""

STUCK: tuple[Outcome, ...] = ("doom", "circular")
"""Outcomes that were getting nowhere at their last token."""


def classify(finish: Finish, verdicts: Iterable[Verdict]) -> Outcome:
    """Return the outcome of one output.

    Termination is part of the definition: no text tells a loop from a table or a list of
    squares that was asked for. A model that ends by itself is neither doomed nor circular, and
    a count that it left is a list: only a verbatim loop is something to recover from.

    Where nobody knows why an output ended, its end alone speaks: a verbatim loop or a count
    there is doom, since almost none of these ends by itself. Everything else is `unknown`, also
    what goes round: of 175 outputs of reasoning models that had ended by themselves, 57 did so
    at their end, where the answer says once more what the thinking had said.
    """
    verdicts = list(verdicts)
    found = {v.level for v in verdicts if v.looped}
    if finish == "error":
        return "error"
    if finish == "stop":
        return "recovered" if "verbatim" in found else "clean"
    level = stuck_level(verdicts)
    if finish == "unknown":
        return "doom" if level in DOOM_LEVELS else "unknown"
    if level is None and finish == "loop":
        # Tokens that came after the stop can hide the end of the loop it was stopped for.
        level = next((level for level in LEVELS if level in found), "verbatim")
    if level is None:
        return "truncated"
    return "doom" if level in DOOM_LEVELS else "circular"


def stuck_level(verdicts: Iterable[Verdict]) -> Level | None:
    """Return the strictest level at which an output is stuck at its end, if any."""
    terminal = {v.level for v in verdicts if v.terminal}
    return next((level for level in LEVELS if level in terminal), None)


def circled(verdicts: Iterable[Verdict]) -> bool | None:
    """Return whether an output went round for a while and left that again.

    None where no rule looked for circular stretches.
    """
    looked = [v for v in verdicts if v.level == "circular"]
    return any(len(v.spans) > v.terminal for v in looked) if looked else None
