"""One or several runs as one page: table, charts, traces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from loopbench.detectors import Detector
from loopbench.report.agreement import agreement_values
from loopbench.report.charts import Chart, inline_svg
from loopbench.report.inline import json_for_page, packaged, script_source
from loopbench.report.numbers import outcome_by_grade, starters, tokens
from loopbench.report.pages import render
from loopbench.report.runs import Loaded, Series
from loopbench.report.traces import traces
from loopbench.results.agreement import agreement
from loopbench.results.table import columns_for, footnotes, printable
from loopbench.types import ModelInfo


def run_page(
    runs: Sequence[Loaded],
    series: Sequence[Series],
    charts: Sequence[Chart],
    *,
    detectors: Sequence[Detector] = (),
    most_traces: int | None = None,
) -> str:
    """Return the page of some runs.

    Parameters
    ----------
    detectors
        Rules whose agreement is shown; none leaves that part out.
    most_traces
        How many outputs the viewer holds; all by default.
    """
    records = [record for one in series for record in one.records]
    shown = traces(series, most_traces)
    data = {"series": [one.label for one in series], "traces": shown}
    viewer = packaged("viewer.js")
    return render(
        "run.html",
        title=_title(series),
        subtitle=_subtitle(runs, len(records)),
        several=len(runs) > 1,
        **_table(series),
        charts=[
            {
                "name": chart.name,
                "title": chart.title,
                "caption": chart.caption,
                # Drawn by us: names in it were escaped when it was written as XML.
                "svg": Markup(inline_svg(chart)),
            }
            for chart in charts
        ],
        outcomes=outcome_by_grade(o for one in series for o in one.observations),
        tokens=[_tokens(one) for one in series],
        starters=starters(records),
        shown=len(shown),
        left_out=len(records) - len(shown),
        agreement=agreement_values(agreement(records if detectors else (), detectors)),
        provenance=[_provenance(run) for run in runs],
        data=json_for_page(data),
        viewer=viewer,
        viewer_source=script_source(viewer),
        viewer_style=packaged("agreement.css") + packaged("viewer.css"),
    )


def _title(series: Sequence[Series]) -> str:
    models = list(dict.fromkeys(printable(one.row.model) for one in series))
    shown = ", ".join(models[:3]) + (f" and {len(models) - 3} more" if len(models) > 3 else "")
    return f"Doom loops of {shown}"


def _subtitle(runs: Sequence[Loaded], outputs: int) -> str:
    names = ", ".join(printable(run.name) for run in runs)
    tasks = dict.fromkeys(part for run in runs for part in run.header.selection)
    return f"{names} · {', '.join(map(printable, tasks))} · {outputs} outputs"


def _table(series: Sequence[Series]) -> dict[str, Any]:
    rows = [one.row for one in series]
    columns = columns_for(rows)
    return {
        "columns": [column.title for column in columns],
        "rows": [
            {
                "run": printable(one.run),
                # An interval goes under its value: the table has many columns.
                "cells": [column.cell(one.row).partition(" [") for column in columns],
            }
            for one in series
        ],
        "notes": footnotes(rows),
    }


def _tokens(one: Series) -> dict[str, Any]:
    counts = tokens(one.observations)
    lost = counts.looping + counts.circling
    made = counts.useful + lost
    return {
        "label": one.label,
        "useful": counts.useful,
        "looping": counts.looping,
        "circling": counts.circling,
        "share": f"{100 * lost / made:.1f}" if made else "–",
        "saved": counts.saved,
    }


def _provenance(run: Loaded) -> dict[str, Any]:
    header = run.header
    facts = [
        ("made", f"{header.created} by LoopBench {header.loopbench_version}"),
        ("tasks", ", ".join(f"{name} v{version}" for name, version in header.tasks.items())),
        ("prompts", f"{header.samples} × {header.repeats}, {header.items_hash}"),
        ("measured by", "; ".join(f"{r.detector} {_plain(r.parameters)}" for r in header.measure)),
        (
            "stopped early by",
            "; ".join(f"{r.detector} {_plain(r.parameters)}" for r in header.stop) or "nothing",
        ),
        ("engine", _plain(header.engine)),
        *((f"model {model.name}", _model(model)) for model in header.models),
        *(
            ("sampling", _plain({f: getattr(s, f) for f in s.__struct_fields__}))
            for s in header.samplings
        ),
    ]
    return {
        "name": printable(run.name),
        "facts": [(printable(key), printable(value)) for key, value in facts],
    }


def _model(model: ModelInfo) -> str:
    return (
        f"{model.quantization}, {model.parameters:,} parameters, {model.architecture}, "
        f"{model.fingerprint}, template {model.template_hash or 'none'}, "
        f"{model.engine} {model.engine_version}"
    )


def _plain(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
