"""`loopbench calibrate`: read traces or runs, measure, and lay the numbers out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from loopbench import detectors
from loopbench.calibration.circular_fates import CircularFate, circular_fates
from loopbench.calibration.corpus import CorpusError, Trace, read_traces
from loopbench.calibration.escapes import Escape, escapes, flags
from loopbench.calibration.measures import (
    Calibration,
    Part,
    calibrate,
    call,
    either,
    part_of,
    summarise,
)
from loopbench.calibration.streams import FollowedOutput, streams_of
from loopbench.calibration.tables import (
    calibration_grid,
    category_grid,
    escape_grid,
    fate_grid,
    proposals,
)
from loopbench.judging.rules import DOOM, MEASURE, detectors_of
from loopbench.results.grid import Grid
from loopbench.results.store import read_audits, read_header, read_records

DOOM_ROW = " or ".join(rule.detector for rule in DOOM)
"""Name of the row of the rules that decide about doom, joined."""
STUCK_ROW = f"{DOOM_ROW} or circular"
"""Name of the row of all measuring rules, joined."""


class Measured(NamedTuple):
    """What was measured, as records, as tables, and as sentences under them."""

    result: Sequence[Calibration] | Mapping[str, Sequence[Escape] | Sequence[CircularFate]]
    grids: list[Grid]
    notes: list[str]


def detectors_on(
    paths: Sequence[Path], names: Sequence[str] = ("all",), part: Part | Literal["all"] = "held-out"
) -> Measured:
    """Measure detectors on files or folders of labelled traces.

    Parameters
    ----------
    paths
        Files, or folders of files.
    names
        Detectors; `all` stands for every one.
    part
        Which part of the traces.

    Raises
    ------
    loopbench.calibration.corpus.CorpusError
        If a file holds no traces, or none of that part.
    """
    traces = traces_in(paths, part)
    rows = calibrations(traces, detectors.names() if "all" in names else names)
    return Measured(rows, [calibration_grid(rows), category_grid(rows)], [])


def traces_in(paths: Sequence[Path], part: Part | Literal["all"] = "all") -> list[Trace]:
    """Return the labelled traces of files, and of all corpus files in folders.

    Raises
    ------
    loopbench.calibration.corpus.CorpusError
        If a file is no corpus file, or there are no traces of that part.
    """
    files = [
        file
        for path in paths
        for file in (sorted(path.glob("*.jsonl*")) if path.is_dir() else [path])
    ]
    traces = [trace for file in files for trace in read_traces(file)]
    chosen = [trace for trace in traces if part in ("all", part_of(trace))]
    if not chosen:
        where = ", ".join(map(str, paths))
        which = "" if part == "all" else f" of the {part} part"
        raise CorpusError(
            f"{where} holds no labelled traces{which}; name .jsonl or .jsonl.gz files of them, "
            "or a folder of such files."
        )
    return chosen


def calibrations(traces: Sequence[Trace], names: Sequence[str]) -> list[Calibration]:
    """Return every detector's numbers, after those of the rules that decide outcomes, joined."""
    calls = [call(detector, traces) for detector in detectors_of(MEASURE)]
    return [
        summarise(DOOM_ROW, 0, {}, either(calls[: len(DOOM)])),
        summarise(STUCK_ROW, 0, {}, either(calls)),
        *(calibrate(detectors.get(name), traces) for name in names),
    ]


def escapes_of(runs: Sequence[Path], most: float) -> Measured:
    """Measure how often flagged streams of runs leave their loop.

    Raises
    ------
    loopbench.errors.RunError
        If a path is no run.
    """
    streams: list[FollowedOutput] = []
    for run in runs:
        read_header(run, earlier=True)
        streams += streams_of(read_records(run), read_audits(run))
    told = [stream for stream in streams if stream.finish != "unknown"]
    whole = [stream for stream in told if stream.finish != "loop"]
    table = escapes(flags(whole))
    notes = proposals(table, most)
    if untold := len(streams) - len(told):
        notes.append(f"{untold} outputs ended nobody knows why, so they say nothing here.")
    if cut := len(told) - len(whole):
        notes.append(
            f"{cut} streams were stopped early and not audited, so they say nothing here: "
            "run with --no-early-stop to follow every stream."
        )
    fates = circular_fates(streams)
    grids = [escape_grid(table), *([fate_grid(fates)] if fates else [])]
    if not fates:
        notes.append("circular: no output was going round at 512 tokens or more.")
    return Measured({"escapes": table, "circular": fates}, grids, notes)
