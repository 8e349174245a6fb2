"""Outputs as the trace viewer needs them: text, and where its loop repeats. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from loopbench.report.runs import Series
from loopbench.results.observations import shown_verdict
from loopbench.types import Record, Verdict

_NUMBER_END = re.compile(r"[-+]?\d+\Z")
_LONGEST_NUMBER = 40


def traces(series: Sequence[Series], most: int | None = None) -> list[dict[str, Any]]:
    """Return the outputs of all series in the viewer's form; at most the first `most`."""
    found: list[dict[str, Any]] = []
    for index, one in enumerate(series):
        for record in one.records:
            if most is not None and len(found) >= most:
                return found
            found.append(trace(record, index))
    return found


def trace(record: Record, series: int) -> dict[str, Any]:
    """Return one output; positions are in UTF-16 units, as a browser counts."""
    generation = record.generation
    shown: dict[str, Any] = {
        "series": series,
        "task": record.task,
        "level": record.level,
        "sample": record.sample_id,
        "repeat": record.repeat,
        "outcome": record.outcome,
        "correct": record.grade.correct,
        "score": record.grade.score,
        "problem": record.grade.problem,
        "finish": generation.finish,
        "tokens": generation.output_tokens,
        "prompt": record.prompt,
        "text": generation.text,
        "error": generation.error,
    }
    verdict = shown_verdict(record)
    if verdict and verdict.onset is not None:
        shown["loop"] = _loop(record, verdict)
    return shown


def _loop(record: Record, verdict: Verdict) -> dict[str, Any]:
    generation = record.generation
    onset = verdict.onset or 0
    ends = [span.end for span in verdict.spans if span.start == onset]
    starts = [0, *accumulate(generation.token_chars)]
    last = len(starts) - 1
    stop = min(max(ends, default=last), last)
    begin, end = starts[min(onset, last)], starts[stop]
    period = verdict.period or 0
    cuts = [begin, end]
    if verdict.level == "verbatim" and period:
        # Equal tokens add equal text: one length says where all blocks begin.
        size = starts[min(onset + period, last)] - begin
        cuts = [*range(begin, end, size), end] if size else cuts
    elif verdict.level == "counter" and verdict.template:
        cuts = template_cuts(generation.text, begin, end, verdict.template)
    elif verdict.level == "circular" and period:
        # Rounds differ: the last one alone is cut off, for that is where a round was measured.
        cuts = [begin, starts[stop - period], end] if stop - period > onset else cuts
    return {
        "kind": verdict.level,
        "onset": onset,
        "period": verdict.period,
        "repeats": verdict.repeats,
        "score": verdict.score,
        "left": not verdict.terminal,
        "detector": f"{verdict.detector} v{verdict.version}",
        "cuts": _in_utf16(generation.text, cuts),
    }


def template_cuts(text: str, begin: int, end: int, template: str) -> list[int]:
    """Return where the blocks of a counter loop begin, and its end.

    Blocks grow with their numbers, so they are found by the template's longest literal. They
    begin with the template, or with the number that ends it where it is a line's mark.

    Parameters
    ----------
    begin, end
        The looping stretch of `text`, in characters.
    template
        One block with its numbers as `{}`.
    """
    literals = [part for part in template.split("{}") if part]
    if not literals:
        return [begin, end]
    longest = max(literals, key=len)
    each = sum(part.count(longest) for part in literals)
    places, at = [], text.find(longest, begin, end)
    while at >= 0:
        places.append(at)
        at = text.find(longest, at + len(longest), end)
    cuts = [_block_start(text, begin, place) for place in places[::each]]
    return sorted({begin, *cuts, end})


def _block_start(text: str, begin: int, place: int) -> int:
    """Step back over a number just before `place`: "57" belongs to ". Lily lies."."""
    before = _NUMBER_END.search(text, max(begin, place - _LONGEST_NUMBER), place)
    return before.start() if before else place


def _in_utf16(text: str, places: Sequence[int]) -> list[int]:
    """Turn rising character positions into positions in UTF-16 units."""
    if text.isascii():
        return list(places)
    result, at, units = [], 0, 0
    for place in places:
        units += sum(2 if c > "\uffff" else 1 for c in text[at:place])
        at = place
        result.append(units)
    return result
