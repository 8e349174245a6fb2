"""One set of outputs under every detector: what each would have reported, and who agrees."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from loopbench.detectors import Detector
from loopbench.results.summary import NO_RATE, Rate
from loopbench.results.table import percent
from loopbench.statistics.intervals import wilson
from loopbench.types import Record, Struct

if TYPE_CHECKING:
    from rich.table import Table


class DetectorRate(Struct, frozen=True):
    """What one detector says about a set of outputs."""

    detector: str
    version: int
    looped_rate: Rate
    """Outputs in which it finds a loop anywhere, however they ended."""
    doom_rate: Rate
    """Outputs that are not known to have ended by themselves and at whose end it sees a loop."""


class Agreement(Struct, frozen=True):
    """Rates of several detectors on the same outputs, and how often pairs of them agree."""

    n: int
    rates: list[DetectorRate]
    agreement: list[list[float]]
    """Share of outputs on which two detectors say the same of doom; shape (d, d)."""
    kappa: list[list[float | None]]
    """Cohen's kappa of the same: agreement beyond chance; None where one never varies."""


def agreement(records: Iterable[Record], detectors: Sequence[Detector]) -> Agreement:
    """Judge outputs under several detectors.

    Failed generations are left out. An early-stopped stream is judged up to where it was
    stopped, so rules that need longer loops than the stopping rule see fewer of them.
    """
    looped: list[list[bool]] = []
    doomed: list[list[bool]] = []
    for record in records:
        if record.outcome == "error":
            continue
        generation = record.generation
        pieces = generation.pieces
        verdicts = [detector.scan(generation.token_ids, pieces) for detector in detectors]
        unfinished = generation.finish != "stop"
        looped.append([verdict.looped for verdict in verdicts])
        doomed.append([unfinished and verdict.terminal for verdict in verdicts])
    n = len(doomed)
    said = np.array(doomed, bool).reshape(n, len(detectors))
    anywhere = np.array(looped, bool).reshape(n, len(detectors))
    return Agreement(
        n=n,
        rates=[
            DetectorRate(
                detector=detector.name,
                version=detector.version,
                looped_rate=_rate(int(anywhere[:, i].sum()), n),
                doom_rate=_rate(int(said[:, i].sum()), n),
            )
            for i, detector in enumerate(detectors)
        ],
        agreement=[[_same(a, b) for b in said.T] for a in said.T] if n else [],
        kappa=[[cohen_kappa(a, b) for b in said.T] for a in said.T] if n else [],
    )


def _rate(hits: int, n: int) -> Rate:
    if n == 0:
        return NO_RATE
    value, low, high = wilson(hits, n)
    return Rate(value=value, low=low, high=high, n=n)


def _same(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float(np.mean(a == b))


def cohen_kappa(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float | None:
    """Return Cohen's kappa of two boolean judgements; None where it is undefined.

    Notes
    -----
    (observed − expected) / (1 − expected) agreement; J. Cohen, "A coefficient of agreement
    for nominal scales", Educational and Psychological Measurement 20 (1960).
    """
    expected = float(a.mean() * b.mean() + (1 - a.mean()) * (1 - b.mean()))
    return None if expected == 1 else (_same(a, b) - expected) / (1 - expected)


def agreement_table(result: Agreement) -> Table:
    """Return rates and pairwise agreement for a terminal, kappa in its upper half."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("detector", "looped anywhere %", "doomed %"):
        table.add_column(title, justify="left" if title == "detector" else "right")
    for rate in result.rates:
        table.add_column(rate.detector, justify="right")
    for i, rate in enumerate(result.rates):
        cells = [_cell(result, i, j) for j in range(len(result.rates))]
        table.add_row(
            f"{rate.detector} v{rate.version}",
            percent(rate.looped_rate),
            percent(rate.doom_rate),
            *cells,
        )
    table.caption = (
        f"{result.n} outputs. Below the diagonal: percent of outputs judged alike; "
        "above: Cohen's kappa."
    )
    return table


def _cell(result: Agreement, row: int, column: int) -> str:
    if not result.n or row == column:
        return "·"
    if row > column:
        return f"{100 * result.agreement[row][column]:.0f}"
    kappa = result.kappa[row][column]
    return "–" if kappa is None else f"{kappa:.2f}"
