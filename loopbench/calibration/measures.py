"""How well detectors do on labelled traces. Pure: traces and detectors in, numbers out.

A trace is *called* by a detector if it did not end by itself and the detector sees a loop at
its last token: the same question that decides about doom.
"""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

from loopbench import detectors
from loopbench.calibration.corpus import Label, Trace
from loopbench.detectors import Detector
from loopbench.results.summary import NO_RATE, Rate
from loopbench.statistics.intervals import clustered_rate
from loopbench.types import Struct, Verdict

Part = Literal["development", "held-out"]

DOOM_LABELS: tuple[Label, ...] = ("verbatim", "counter")
"""Labels whose traces count as doomed; circular ones are judged in a column of their own."""
STUCK_LABELS: tuple[Label, ...] = (*DOOM_LABELS, "circular")
"""Labels whose traces were getting nowhere."""


class Spread(Struct, frozen=True):
    """Median and quartiles of some tokens; all None without a value."""

    n: int
    low: float | None
    median: float | None
    high: float | None


class Calibration(Struct, frozen=True):
    """One detector on a set of labelled traces.

    Precision, recall and F1 are about doom: traces labelled `verbatim` or `counter` are to be
    called, those labelled `none` are not, and circular ones are left aside. Those of `stuck`
    take circular traces for ones that are to be called, too.
    Intervals are 95 %, clustered by prompt or by kind of constructed text.
    """

    detector: str
    version: int
    parameters: dict[str, float]
    n: int
    precision: Rate
    recall: Rate
    f1: Rate
    stuck_precision: Rate
    """Of the called traces: those labelled `verbatim`, `counter` or `circular`."""
    stuck_recall: Rate
    stuck_f1: Rate
    recall_verbatim: Rate
    recall_counter: Rate
    recall_circular: Rate
    false_positives: Rate
    """Unfinished traces labelled `none` that are called."""
    onset_error: Spread
    """Reported less labelled onset of rightly called traces, in tokens."""
    delay: Spread
    """Tokens from the labelled onset to where its watcher fires, of rightly called traces."""
    by_category: dict[str, tuple[int, int]]
    """Of the unfinished traces labelled `none`: how many are called, of how many."""


class Called(NamedTuple):
    """What one detector says about one trace."""

    trace: Trace
    verdict: Verdict
    called: bool
    fired: int | None
    """Token count at which its watcher fires on the stream."""


def unit_of(trace: Trace) -> str:
    """Return what traces that are not independent share: a prompt, or one way to construct."""
    return trace.category if trace.source == "constructed" else trace.prompt_id


def part_of(trace: Trace) -> Part:
    """Return the part a trace belongs to; all traces of one unit share it.

    Thresholds are chosen on the development part, and the held-out part is reported.
    """
    digest = hashlib.sha256(f"part:{unit_of(trace)}".encode()).digest()
    return "development" if digest[0] < 128 else "held-out"


def call(detector: Detector, traces: Iterable[Trace], *, watch: bool = True) -> list[Called]:
    """Judge every trace; with `watch`, also stream it to see when the watcher fires.

    Parameters
    ----------
    detector
        Judges.
    traces
        Labelled.
    watch
        Whether they are streamed, too.
    """
    result = []
    for trace in traces:
        verdict = detector.scan(trace.token_ids, trace.pieces)
        fired = detector.watch().push(trace.token_ids, trace.pieces) if watch else None
        result.append(
            Called(
                trace=trace,
                verdict=verdict,
                called=trace.finish != "stop" and verdict.terminal,
                fired=fired.end if fired else None,
            )
        )
    return result


def calibrate(detector: Detector, traces: Sequence[Trace]) -> Calibration:
    """Return how one detector does on these traces."""
    calls = call(detector, traces)
    return summarise(detector.name, detector.version, parameters_of(detector), calls)


def summarise(
    name: str, version: int, parameters: dict[str, float], calls: Sequence[Called]
) -> Calibration:
    """Return the numbers of a detector, or of several that were joined by `either`.

    Parameters
    ----------
    name, version, parameters
        Of the detector.
    calls
        What it said of each trace.
    """
    doomed = [c for c in calls if c.trace.label in DOOM_LABELS]
    none = [c for c in calls if c.trace.label == "none" and c.trace.finish != "stop"]
    right = [c for c in doomed if c.called]
    onsets = [(c, c.trace.onset) for c in right if c.trace.onset is not None]
    return Calibration(
        detector=name,
        version=version,
        parameters=parameters,
        n=len(calls),
        precision=_rate([c for c in calls if c.called and c.trace.label != "circular"], _is_doomed),
        recall=_rate(doomed, _is_called),
        f1=_f1([c for c in calls if c.trace.label != "circular"], DOOM_LABELS),
        stuck_precision=_rate([c for c in calls if c.called], _is_stuck),
        stuck_recall=_rate([c for c in calls if _is_stuck(c)], _is_called),
        stuck_f1=_f1(calls, STUCK_LABELS),
        recall_verbatim=_rate([c for c in doomed if c.trace.label == "verbatim"], _is_called),
        recall_counter=_rate([c for c in doomed if c.trace.label == "counter"], _is_called),
        recall_circular=_rate([c for c in calls if c.trace.label == "circular"], _is_called),
        false_positives=_rate(none, _is_called),
        onset_error=spread(
            [c.verdict.onset - onset for c, onset in onsets if c.verdict.onset is not None]
        ),
        delay=spread([c.fired - onset for c, onset in onsets if c.fired is not None]),
        by_category=_by_category(none),
    )


def either(calls: Sequence[Sequence[Called]]) -> list[Called]:
    """Join detectors: a trace is called if any calls it; the first that does speaks for it.

    Parameters
    ----------
    calls
        What each detector says about the same traces in the same order.
    """
    joined = []
    for votes in zip(*calls, strict=True):
        speaker = next((vote for vote in votes if vote.called), votes[0])
        fired = [vote.fired for vote in votes if vote.fired is not None]
        joined.append(speaker._replace(fired=min(fired, default=None)))
    return joined


def parameters_of(detector: Detector) -> dict[str, float]:
    """Return the numeric parameters of a detector, whatever it calls them."""
    fields = getattr(detector, "__dataclass_fields__", {})
    values = {name: getattr(detector, name) for name in fields}
    return {name: value for name, value in values.items() if isinstance(value, int | float)}


def spread(values: Sequence[float]) -> Spread:
    """Return median and quartiles (linear interpolation) of some values."""
    if not values:
        return Spread(n=0, low=None, median=None, high=None)
    if len(values) == 1:
        return Spread(n=1, low=values[0], median=values[0], high=values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(n=len(values), low=low, median=median, high=high)


def _is_doomed(called: Called) -> bool:
    return called.trace.label in DOOM_LABELS


def _is_stuck(called: Called) -> bool:
    return called.trace.label in STUCK_LABELS


def _is_called(called: Called) -> bool:
    return called.called


def _rate(calls: Sequence[Called], true: Callable[[Called], bool]) -> Rate:
    if not calls:
        return NO_RATE
    clusters: dict[str, list[bool]] = {}
    for c in calls:
        clusters.setdefault(unit_of(c.trace), []).append(true(c))
    value, low, high = clustered_rate(list(clusters.values()))
    return Rate(value=value, low=low, high=high, n=len(calls))


def _f1(calls: Sequence[Called], labels: Sequence[Label]) -> Rate:
    """Return F1 of calling the traces with these labels, with its interval.

    Notes
    -----
    F1 = 2 J / (1 + J) with J = TP / (TP + FP + FN), which is a plain proportion: of the traces
    that are labelled so or called, those that are both. The map is monotone, so the clustered
    Wilson limits of J give those of F1.
    """
    either = [c for c in calls if c.called or c.trace.label in labels]
    jaccard = _rate(either, lambda c: c.called and c.trace.label in labels)
    if jaccard.value is None or jaccard.low is None or jaccard.high is None:
        return NO_RATE
    value, low, high = (2 * j / (1 + j) for j in (jaccard.value, jaccard.low, jaccard.high))
    return Rate(value=value, low=low, high=high, n=len(either))


def _by_category(none: Sequence[Called]) -> dict[str, tuple[int, int]]:
    cells: dict[str, tuple[int, int]] = {}
    for c in none:
        called, of = cells.get(c.trace.category, (0, 0))
        cells[c.trace.category] = (called + c.called, of + 1)
    return dict(sorted(cells.items()))


def lowest_silent(
    name: str, parameter: str, values: Sequence[float], traces: Sequence[Trace]
) -> float | None:
    """Return the lowest value of a ratio rule's threshold that gives no false alarm.

    Outputs that end in two or three exact copies of something are not held against it: they
    are labelled `none` because a loop needs more, and say nothing new all the same.

    Parameters
    ----------
    values
        Candidates in ascending order; a higher one must call fewer traces.

    Returns
    -------
    float or None
        None if even the highest gives one.
    """
    copies = detectors.get("suffix", min_repeats=2)
    none = [
        trace
        for trace in traces
        if trace.label == "none"
        and trace.finish != "stop"
        and not copies.scan(trace.token_ids).terminal
    ]
    for value in values:
        detector = detectors.get(name, **{parameter: value})
        if not any(c.called for c in call(detector, none, watch=False)):
            return value
    return None


def sweep(
    name: str, grid: Sequence[dict[str, float]], traces: Sequence[Trace]
) -> list[Calibration]:
    """Return how a detector does under several sets of parameters.

    Parameters
    ----------
    name
        Of the detector.
    grid
        Parameters, set by set.
    traces
        Labelled.
    """
    return [calibrate(detectors.get(name, **parameters), traces) for parameters in grid]
