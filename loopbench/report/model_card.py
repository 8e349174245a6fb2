"""Rows for a model card: Hugging Face evaluation results and a Markdown table. Pure.

The front matter follows the `model-index` of the Hub's model-card specification: one result
per task and metric, values in percent, the interval and the settings under `args`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from loopbench.report.runs import Loaded, Series
from loopbench.results.summary import Rate, Row
from loopbench.results.table import printable, render

_METRICS = (
    ("stuck_rate", "stuck_rate", "Stuck: doom loop or circular end"),
    ("doom_rate", "doom_loop_rate", "Doom-loop rate"),
    ("truncated_rate", "truncated_rate", "Truncated, still saying something new"),
    ("accuracy", "accuracy", "Reasoning accuracy"),
    ("extraction_f1", "f1", "Extraction F1"),
    ("tool_score", "tool_score", "Tool-use score"),
)


def model_card(runs: Sequence[Loaded], series: Sequence[Series]) -> str:
    """Return front matter with the evaluation results, and the table under it."""
    headers = {run.name: run.header for run in runs}
    index = [
        {
            "name": model,
            "results": [
                result
                for one in series
                if one.row.model == model
                for result in _results(one, headers[one.run].selection, headers[one.run].items_hash)
            ],
        }
        for model in dict.fromkeys(one.row.model for one in series)
    ]
    lines = ["---", "model-index:", *_yaml(index, 0), "---", "", "## Doom loops", ""]
    return "\n".join(lines) + "\n" + render([one.row for one in series], "md")


def _results(one: Series, selection: Sequence[str], items: str) -> Iterator[dict[str, Any]]:
    for row, task in [(one.row, "all"), *((row, row.group) for row in one.by_task)]:
        metrics = [
            _metric(getattr(row, field), row, kind, f"{name} (T={row.temperature:g})")
            for field, kind, name in _METRICS
            if getattr(row, field).value is not None
        ]
        if not metrics:
            continue
        suite = ", ".join(selection)
        yield {
            "task": {"type": "text-generation", "name": "Text generation"},
            "dataset": {
                "name": f"LoopBench {suite}" + (f": {task}" if task != "all" else ""),
                "type": "loopbench",
                "config": task,
                "split": "test",
                "revision": items,
            },
            "metrics": metrics,
        }


def _metric(rate: Rate, row: Row, kind: str, name: str) -> dict[str, Any]:
    return {
        "type": kind,
        "name": name,
        "value": _percent(rate.value),
        "args": {
            "interval_95": [_percent(rate.low), _percent(rate.high)],
            "n": rate.n,
            "temperature": row.temperature,
            "max_new_tokens": row.budget,
            "quantization": row.quantization,
        },
    }


def _percent(value: float | None) -> float:
    return round(100 * (value or 0.0), 2)


def _yaml(value: Any, depth: int) -> Iterator[str]:
    """Yield block YAML; scalars are JSON, which YAML reads alike and nothing can break out of."""
    pad = "  " * depth
    if isinstance(value, list):
        for item in value:
            first, *rest = _yaml(item, depth + 1)
            yield f"{pad}- {first.lstrip()}"
            yield from rest
        return
    for key, item in value.items():
        if isinstance(item, dict) or (
            isinstance(item, list) and item and isinstance(item[0], dict)
        ):
            yield f"{pad}{key}:"
            yield from _yaml(item, depth + 1)
        else:
            yield f"{pad}{key}: {_scalar(item)}"


def _scalar(value: Any) -> str:
    return json.dumps(printable(value) if isinstance(value, str) else value)
