"""Which detectors, with which parameters, measure a finished output and stop a stream."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from loopbench import detectors
from loopbench.detectors import Detector
from loopbench.types import Rule

CALLS = Rule(
    detector="toolcycle",
    parameters={"min_repeats": 8, "min_turns": 4, "max_cycle": 4, "min_alike": 16},
)
"""What counts as a cycle of tool calls in one output; `episodes.py` judges those of many turns.

Stricter than `toolcycle` by itself, which counts turns: one reply may well hold three equal calls.
"""

DOOM = (
    Rule(detector="suffix", parameters={"min_repeats": 4, "min_tokens": 128}),
    Rule(detector="counter", parameters={"min_repeats": 4, "min_tokens": 128}),
    CALLS,
)
"""What counts as a loop in a finished output, and decides about doom."""

CIRCULAR = Rule(
    detector="circular",
    parameters={
        "share": 0.36,
        "bits": 25.0,
        "window": 200,
        "recent": 900,
        "min_words": 300,
        "filled": 0.2,
    },
)
"""What counts as going round at the end of a finished output."""

MEASURE = (*DOOM, CIRCULAR)
"""Every rule whose verdicts a record keeps: together they decide about its outcome."""

STOP = (
    Rule(detector="suffix", parameters={"min_repeats": 8, "min_tokens": 256}),
    Rule(detector="counter", parameters={"min_repeats": 32, "min_tokens": 512}),
)
"""What stops a stream: stricter, because lists that were asked for end by themselves."""

STOP_CIRCULAR = Rule(detector="circular", parameters={**CIRCULAR.parameters, "lasting": 400})
"""What also stops a stream where that is asked for: many circular stretches are left again."""


def detectors_of(rules: Iterable[Rule]) -> list[Detector]:
    """Return the detectors that rules name.

    Raises
    ------
    ValueError
        For an unknown detector, or parameters that it cannot have.
    """
    return _measuring().copy() if rules is MEASURE else _made(rules)


def _made(rules: Iterable[Rule]) -> list[Detector]:
    return [detectors.get(rule.detector, **rule.parameters) for rule in rules]


@cache
def _measuring() -> list[Detector]:
    # They are stateless, and on a short output to make them takes as long as to use them.
    return _made(MEASURE)
