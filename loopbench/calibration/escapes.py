"""How often a stream leaves the loop it was flagged for, by how strict the flag is.

Needs streams that went on after the flag: runs with `--no-early-stop`, or audited ones. Pure:
streams in, numbers out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from loopbench import detectors
from loopbench.calibration.streams import FollowedOutput
from loopbench.judging.outcome import DOOM_LEVELS
from loopbench.results.summary import NO_RATE, Rate
from loopbench.statistics.intervals import clustered_rate
from loopbench.types import Level, LoopSpan, Struct

REPEATS = (4, 6, 8, 12, 16, 24, 32, 48, 64)
"""Repeats at which streams are flagged."""
STOP_TOKENS: dict[Level, int] = {"verbatim": 256, "counter": 512}
"""Length that the looping stretch must also have, as when streams are stopped."""
BANDS = ((1, 1), (2, 15), (16, 63), (64, 10**9))
"""Periods in tokens that are told apart."""

By = Literal["all", "model", "temperature", "period", "level"]
_DETECTOR: dict[Level, str] = {"verbatim": "suffix", "counter": "counter"}


class Flag(NamedTuple):
    """The first place at which a stream is flagged by one kind of loop with k repeats."""

    stream: FollowedOutput
    kind: Level
    repeats: int
    span: LoopSpan

    @property
    def escaped(self) -> bool:
        """The stream ended by itself, or at the budget without a loop at its end."""
        return self.stream.outcome != "doom"


class Escape(Struct, frozen=True):
    """P(escape | flagged at k repeats) for one group of streams."""

    kind: Level
    repeats: int
    by: By
    group: str
    rate: Rate
    """Escaped of the flagged streams, clustered by prompt."""
    tokens_saved: float | None
    """Mean tokens between the flag and the end of those that did not escape."""


def flags(streams: Sequence[FollowedOutput], repeats: Sequence[int] = REPEATS) -> list[Flag]:
    """Stream every output under every strictness and note where it is flagged first."""
    found = []
    for kind in DOOM_LEVELS:
        for k in repeats:
            rule = detectors.get(_DETECTOR[kind], min_repeats=k, min_tokens=STOP_TOKENS[kind])
            for stream in streams:
                span = rule.watch().push(stream.token_ids, stream.pieces)
                if span:
                    found.append(Flag(stream, kind, k, span))
    return found


def escapes(found: Sequence[Flag]) -> list[Escape]:
    """Return P(escape | k repeats) over all streams, and by model, temperature, period, level."""
    result = []
    groupings: tuple[By, ...] = ("all", "model", "temperature", "period", "level")
    for by in groupings:
        cells: dict[tuple[Level, int, str], list[Flag]] = {}
        for flag in found:
            group = _group(flag, by)
            cells.setdefault((flag.kind, flag.repeats, group), []).append(flag)
        order = sorted(cells, key=lambda c: (DOOM_LEVELS.index(c[0]), _rank(c[2], by), c[1]))
        for kind, k, group in order:
            result.append(_escape(kind, k, by, group, cells[kind, k, group]))
    return result


def proposal(table: Sequence[Escape], kind: Level, most: float = 0.05) -> Escape | None:
    """Return the least strict k whose escape rate is at most `most`, and stays so above it.

    The point estimate decides: small runs cannot bring an upper limit under a few percent,
    and the audit of every run measures what is left. None if no k does.

    Parameters
    ----------
    table
        Escapes by repeats.
    kind
        Level of the loops.
    most
        The share of streams that may escape.
    """
    chosen = None
    rows = [row for row in table if row.kind == kind and row.by == "all"]
    for row in sorted(rows, key=lambda row: -row.repeats):
        if row.rate.value is None or row.rate.value > most:
            break
        chosen = row
    return chosen


def band_of(period: int) -> str:
    """Return the name of the band of periods that this one falls into."""
    low, high = next(band for band in BANDS if band[0] <= period <= band[1])
    return f"{low}" if low == high else f"{low}+" if high == BANDS[-1][1] else f"{low}–{high}"


def _rank(group: str, by: str) -> tuple[float, str]:
    """Order groups by size where they have one: temperatures and bands of periods."""
    number = re.match(r"[\d.]+", group) if by in ("temperature", "period") else None
    return (float(number.group()) if number else 0.0, group)


def _group(flag: Flag, by: str) -> str:
    seen = flag.stream.seen
    groups = {
        "all": "all",
        "model": seen.model,
        "temperature": f"{seen.temperature:g}",
        "period": band_of(flag.span.period),
        "level": seen.level,
    }
    return groups[by]


def _escape(kind: Level, repeats: int, by: By, group: str, cell: Sequence[Flag]) -> Escape:
    clusters: dict[tuple[str, str], list[bool]] = {}
    for flag in cell:
        clusters.setdefault(flag.stream.seen.prompt, []).append(flag.escaped)
    value, low, high = clustered_rate(list(clusters.values()))
    kept = [len(f.stream.token_ids) - f.span.end for f in cell if not f.escaped]
    return Escape(
        kind=kind,
        repeats=repeats,
        by=by,
        group=group,
        rate=Rate(value=value, low=low, high=high, n=len(cell)) if cell else NO_RATE,
        tokens_saved=sum(kept) / len(kept) if kept else None,
    )
