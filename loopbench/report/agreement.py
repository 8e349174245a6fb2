"""The agreement matrix as a page."""

from __future__ import annotations

from typing import Any

from loopbench.report.inline import packaged
from loopbench.report.pages import render
from loopbench.results.agreement import Agreement
from loopbench.results.table import percent


def agreement_page(result: Agreement, source: str) -> str:
    """Return the page: what each detector would report, and who agrees with whom.

    Parameters
    ----------
    source
        What was judged, as shown under the title.
    """
    return render(
        "agreement.html",
        title="What each rule would have reported",
        source=source,
        style=packaged("agreement.css"),
        agreement=agreement_values(result),
    )


def agreement_values(result: Agreement) -> dict[str, Any]:
    """Return what the template of rates and matrix shows."""
    return {
        "n": result.n,
        "rates": [
            {
                "name": f"{rate.detector} v{rate.version}",
                "looped": percent(rate.looped_rate),
                "doomed": percent(rate.doom_rate),
                "share": rate.doom_rate.value or 0.0,
            }
            for rate in result.rates
        ],
        "names": [rate.detector for rate in result.rates],
        "cells": [
            [_cell(result, i, j) for j in range(len(result.rates))]
            for i in range(len(result.rates))
        ],
    }


def _cell(result: Agreement, row: int, column: int) -> dict[str, str | float]:
    if not result.n or row == column:
        return {"text": "·", "weight": 0.0, "kind": "same"}
    if row > column:
        share = result.agreement[row][column]
        return {"text": f"{100 * share:.0f}", "weight": max(0.0, 2 * share - 1), "kind": "share"}
    kappa = result.kappa[row][column]
    if kappa is None:
        return {"text": "–", "weight": 0.0, "kind": "kappa"}
    return {"text": f"{kappa:.2f}", "weight": max(0.0, kappa), "kind": "kappa"}
