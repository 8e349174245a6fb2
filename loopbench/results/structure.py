"""Loops inside structure: how an extraction or tool output is stuck, also below doom's length.

A grammar keeps a looping model to what it allows: white space between two values, brackets that
only open, one call after the other. Such an end adds nothing, but a budget may be too small for
it to reach the 128 tokens that doom asks for. It is a rate beside doom and no part of it: an
output may count in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, cast

from loopbench import detectors
from loopbench.detectors import Detector
from loopbench.detectors.parts.tokens import as_ids
from loopbench.types import Generation, Record

STRUCTURED = frozenset({"extraction", "tools"})
"""Categories whose outputs are structure."""
MIN_TOKENS = 64
MIN_CHARS = 200
"""A run has as many tokens, half of what doom asks for, or as many characters: some tokenisers pack
a screen of spaces into one token. The closing brackets of six levels are 49 characters."""
COPIES = 4

Structure = Literal["run", "calls", "copies"]
"""No letter and no digit; the same call or cycle of calls; the same block of anything."""


def structure_loop(record: Record) -> Structure | None:
    """Return in which loop of structure an output ends, the most special kind first.

    `run`: its last 64 tokens or 200 characters hold no letter and no digit. `calls`: the last
    three tool calls are equal, or the last ones are a cycle twice, or 16 differ in request ids
    alone (`toolcycle`). `copies`: it
    ends in four copies of one block over 64 tokens (`suffix`).

    Only outputs of extraction and tool tasks that are not known to have ended by themselves: what
    ends is no loop, however much white space it has.
    """
    generation = record.generation
    if record.category not in STRUCTURED or generation.finish in ("stop", "error"):
        return None
    if _is_run(generation):
        return "run"
    ids = cast("Sequence[int]", as_ids(generation.token_ids))
    calls, copies = _rules()
    if calls.scan(ids, generation.pieces).terminal:
        return "calls"
    return "copies" if copies.scan(ids).terminal else None


@lru_cache(maxsize=1)
def _rules() -> tuple[Detector, Detector]:
    return (
        detectors.get("toolcycle"),
        detectors.get("suffix", min_repeats=COPIES, min_tokens=MIN_TOKENS),
    )


def _is_run(generation: Generation) -> bool:
    text, at = generation.text, len(generation.text)
    while at and not text[at - 1].isalnum():
        at -= 1
    run = len(text) - at
    tokens = 0
    for chars in reversed(generation.token_chars):
        run -= chars
        if run < 0:
            break
        # Control tokens and the first bytes of a character add no text.
        tokens += chars > 0
    return tokens >= MIN_TOKENS or len(text) - at >= MIN_CHARS
