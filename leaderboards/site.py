"""The leaderboard as a static site and as a Markdown table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loopbench.gate.report import escaped
from loopbench.leaderboards.elsewhere import elsewhere
from loopbench.leaderboards.entries import Entry, Kept
from loopbench.report.inline import packaged, script_source
from loopbench.report.pages import render, write_page
from loopbench.results.summary import Rate, Row
from loopbench.results.table import percent, printable

_SIZES = ((200e6, "under 200M"), (500e6, "200M to 500M"), (1e9, "500M to 1B"), (3e9, "1B to 3B"))
_LARGER = "3B and more"
_RATES = (
    ("stuck %", "stuck_rate"),
    ("corr. stuck", "corrected_stuck_rate"),
    ("doom %", "doom_rate"),
    ("corr. doom", "corrected_doom_rate"),
    ("verb. %", "verbatim_rate"),
    ("count. %", "counter_rate"),
    ("circ. %", "circular_rate"),
    ("trunc. %", "truncated_rate"),
    ("accuracy %", "accuracy"),
    ("extract F1", "extraction_f1"),
    ("tools", "tool_score"),
)
_BRIEF = ("stuck_rate", "doom_rate", "circular_rate", "accuracy", "extraction_f1", "tool_score")
"""Those of the Markdown table."""


def build(entries: Sequence[Kept], out: Path, *, reports: bool = True) -> list[Path]:
    """Write the site: an index, a page per task, a report per entry, and the Markdown table.

    Parameters
    ----------
    entries
        Checked.
    out
        Folder of the site.
    reports
        Whether every entry gets a report.

    Raises
    ------
    ValueError
        If reports are asked for and matplotlib is not installed.
    OSError
        If the folder cannot be written.
    """
    if reports:
        from loopbench.report.charts import require

        require()
    shown = [kept.entry for kept in entries]
    names = sorted({row.group for entry in shown for row in entry.by_task})
    pages = {"index.html": page(shown, names, reports=reports)}
    pages |= {_task_file(name): page(shown, names, name, reports=reports) for name in names}
    pages["leaderboard.md"] = markdown(shown)
    for kept in entries if reports else ():
        pages[f"reports/{kept.entry.name}.html"] = _report(kept)
    for name, text in pages.items():
        write_page(out / name, text)
    return [out / name for name in pages]


def _report(kept: Kept) -> str:
    from loopbench import detectors
    from loopbench.report.run_charts import charts_of
    from loopbench.report.run_page import run_page
    from loopbench.report.runs import series_of

    series = series_of([kept.run])
    rules = [detectors.get(name) for name in detectors.names()]
    return run_page([kept.run], series, charts_of(series), detectors=rules)


def _task_file(name: str) -> str:
    # Task names come from records: nothing else may become part of a path.
    return "task-" + "".join(c if c.isalnum() or c in "_-" else "-" for c in name) + ".html"


def page(
    entries: Sequence[Entry], tasks: Sequence[str], task: str | None = None, *, reports: bool
) -> str:
    """Return the page of all tasks, or of one.

    Parameters
    ----------
    entries
        Checked.
    tasks
        Names of all tasks.
    task
        The one that is shown; None for all together.
    reports
        Whether every entry has a report.
    """
    script = packaged("leaderboard.js")
    lines = [
        _line(entry, row, reports=reports)
        for entry in entries
        for row in (entry.rows if task is None else entry.by_task)
        if task is None or row.group == task
    ]
    lines.sort(key=_rank)
    rates = [(title, field) for title, field in _RATES if _used(lines, field)]
    rules = {", ".join(line["rules"]) for line in lines}
    return render(
        "leaderboard.html",
        title="Doom-loop leaderboard" if task is None else f"Doom loops in {printable(task)}",
        task=task,
        tasks=[(name, _task_file(name)) for name in tasks],
        lines=lines,
        rates=rates,
        rules=rules.pop() if len(rules) == 1 else "",
        filters=[
            ("size", "size", _choices(lines, "size")),
            ("quantization", "quantisation", _choices(lines, "quantization")),
            ("temperature", "temperature", _choices(lines, "temperature")),
            ("suite", "suite", _choices(lines, "suite")),
        ],
        elsewhere=elsewhere() if task is None else [],
        entries=entries if task is None else [],
        style=packaged("leaderboard.css"),
        script=script,
        script_source=script_source(script),
    )


def _rank(line: dict[str, Any]) -> tuple[float, float, str, float]:
    return -line["stuck"], -line["doom"], line["model"], float(line["temperature"])


def _choices(lines: Sequence[dict[str, Any]], field: str) -> list[Any]:
    order = [name for _, name in _SIZES] + [_LARGER]
    values = {line[field] for line in lines}
    if field == "size":
        return [value for value in order if value in values]
    return sorted(values, key=float if field == "temperature" else str)


def _used(lines: Sequence[dict[str, Any]], field: str) -> bool:
    return any(line["cells"][field]["text"] for line in lines)


def _line(entry: Entry, row: Row, *, reports: bool) -> dict[str, Any]:
    info = next(m for m in entry.header.models if m.name == row.model)
    size = next((name for limit, name in _SIZES if info.parameters < limit), _LARGER)
    return {
        "entry": entry.name,
        "link": f"reports/{entry.name}.html" if reports else "",
        # The quantisation has a column of its own.
        "model": printable(row.model.removesuffix(f"-{row.quantization.lower()}")),
        "parameters": info.parameters,
        "millions": f"{info.parameters / 1e6:,.0f}M",
        "size": size,
        "quantization": printable(row.quantization),
        "temperature": f"{row.temperature:g}",
        "budget": row.budget,
        "suite": ", ".join(map(printable, entry.header.selection)),
        "rules": [f"{name} v{version}" for name, version in entry.detectors.items()],
        "n": row.n - row.n_error,
        "stuck": -1.0 if row.stuck_rate.value is None else row.stuck_rate.value,
        "doom": -1.0 if row.doom_rate.value is None else row.doom_rate.value,
        "cells": {field: _cell(getattr(row, field)) for _, field in _RATES},
    }


def _cell(rate: Rate) -> dict[str, Any]:
    if rate.value is None:
        return {"text": "", "limits": "", "sort": -1.0}
    text, _, limits = percent(rate).partition(" ")
    return {"text": text, "limits": limits, "sort": rate.value}


def markdown(entries: Sequence[Entry]) -> str:
    """Return the leaderboard as a Markdown table, and what others published under it."""
    head = ["model", "size", "quantisation", "T", "budget", "suite", "n"]
    head += [title for title, field in _RATES if field in _BRIEF]
    marks = "|---|---:|---|---:|---:|---|---:|" + "---:|" * len(_BRIEF)
    lines = ["| " + " | ".join(head) + " |", marks]
    rows = [_line(entry, row, reports=False) for entry in entries for row in entry.rows]
    for line in sorted(rows, key=_rank):
        cells = [line["model"], line["millions"], line["quantization"]]
        cells += [line["temperature"], str(line["budget"]), line["suite"], str(line["n"])]
        for field in _BRIEF:
            cell = line["cells"][field]
            cells.append(f"{cell['text']} {cell['limits']}" if cell["text"] else "–")
        lines.append("| " + " | ".join(map(escaped, cells)) + " |")
    lines += [
        "",
        "Percent with 95 % intervals. Stuck: doom and circular together.",
        "",
        "Reported elsewhere, under other definitions:",
    ]
    lines += ["", "| model | rate | definition | source |", "|---|---|---|---|"]
    for one in elsewhere():
        cells = [one.model, one.rate, one.definition, one.source]
        lines.append("| " + " | ".join(map(escaped, cells)) + " |")
    return "\n".join(lines) + "\n"
