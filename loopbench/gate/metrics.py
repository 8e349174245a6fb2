"""What each generation adds to a metric of the gate, by prompt. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from loopbench.gate.policy import Metric
from loopbench.judging.outcome import STUCK
from loopbench.results.observations import Seen


def value_of(one: Seen, metric: Metric) -> float | None:
    """Return what a generation adds to a metric.

    None if the metric is not about its task, or about its finish, which nobody knows.
    """
    if metric == "stuck":
        return None if one.may_be_stuck else float(one.outcome in STUCK)
    if metric in ("circular", "truncated") and not one.finish_known:
        return None
    if metric in ("doom", "circular", "truncated"):
        return float(one.outcome == metric)
    if not one.graded:
        return None
    if metric == "accuracy":
        return float(one.correct) if one.category == "reasoning" else None
    if metric == "agent_score":
        return float(one.correct) if one.category == "agents" else None
    category = {"extraction_f1": "extraction", "tool_score": "tools"}[metric]
    return min(1.0, max(0.0, one.score)) if one.category == category else None


def by_prompt(seen: Sequence[Seen], metric: Metric) -> dict[tuple[str, str], list[float]]:
    """Return the values of a metric by prompt, failed generations left out."""
    prompts: dict[tuple[str, str], list[float]] = {}
    for one in seen:
        value = None if one.outcome == "error" else value_of(one, metric)
        if value is not None:
            prompts.setdefault(one.prompt, []).append(value)
    return prompts
