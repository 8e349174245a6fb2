"""Which charts a report has, and what they are drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from loopbench.report import charts
from loopbench.report.charts import Chart, Mark, Plan
from loopbench.report.numbers import incidence, onsets, outcome_by_grade, tokens
from loopbench.report.runs import Series
from loopbench.results.summary import Row


def charts_of(series: Sequence[Series]) -> list[Chart]:
    """Draw every chart that these series give."""
    return [plan.drawn() for plan in plans_of(series)]


def plans_of(series: Sequence[Series]) -> list[Plan]:
    """Return every chart that these series give, to be drawn one by one."""
    labels = [one.label for one in series]
    return [*_rates(series, labels), *_over_tokens(series, labels), *_counts(series, labels)]


def _rates(series: Sequence[Series], labels: Sequence[str]) -> list[Plan]:
    models = {label: [_mark(i, series[i].row)] for i, label in enumerate(labels)}
    found = [
        Plan(
            "loop-rate",
            "Stuck outputs",
            "Still in a loop at their last token (doom), or going round without saying anything "
            "new (circular).",
            partial(charts.interval_chart, models),
        )
    ]
    temperatures = {one.row.temperature for one in series}
    if len(temperatures) > 1:
        found.append(
            Plan(
                "loop-rate-temperature",
                "Stuck outputs by temperature",
                "One line per model; bars are 95 % intervals.",
                partial(charts.temperature_chart, _by_temperature(series)),
            )
        )
    for name, title, groups in (
        ("task", "Stuck outputs by task", _groups([one.by_task for one in series])),
        ("level", "Stuck outputs by level", _groups([one.by_level for one in series])),
        ("quantisation", "Stuck outputs by quantisation", _by_quantisation(series)),
    ):
        # One level or one quantisation says nothing that the first chart does not.
        if len(groups) > 1:
            found.append(
                Plan(
                    f"loop-rate-{name}",
                    title,
                    "The highest rates first.",
                    partial(charts.interval_chart, groups, labels),
                )
            )
    return found


def _mark(series: int, row: Row) -> Mark:
    return Mark(series, row.stuck_rate, row.doom_rate)


def _by_temperature(series: Sequence[Series]) -> dict[str, list[tuple[float, Mark]]]:
    points: dict[str, list[tuple[float, Mark]]] = {}
    for i, one in enumerate(series):
        points.setdefault(one.row.model, []).append((one.row.temperature, _mark(i, one.row)))
    return {name: sorted(marks, key=lambda pair: pair[0]) for name, marks in points.items()}


def _groups(rows: Sequence[Sequence[Row]]) -> dict[str, list[Mark]]:
    groups: dict[str, list[Mark]] = {}
    for i, some in enumerate(rows):
        for row in some:
            groups.setdefault(row.group, []).append(_mark(i, row))
    return _ranked(groups)


def _by_quantisation(series: Sequence[Series]) -> dict[str, list[Mark]]:
    groups: dict[str, list[Mark]] = {}
    for i, one in enumerate(series):
        groups.setdefault(one.row.quantization, []).append(_mark(i, one.row))
    return _ranked(groups)


def _ranked(groups: dict[str, list[Mark]]) -> dict[str, list[Mark]]:
    def mean(marks: list[Mark]) -> float:
        known = [mark.stuck.value for mark in marks if mark.stuck.value is not None]
        return sum(known) / len(known) if known else -1.0

    return dict(sorted(groups.items(), key=lambda pair: -mean(pair[1])))


def _over_tokens(series: Sequence[Series], labels: Sequence[str]) -> list[Plan]:
    budget = max(one.row.budget for one in series)
    found = [
        Plan(
            "incidence",
            "Loop, end or cut",
            "How many outputs have looped, and how many have ended without a loop, after so many "
            "tokens; the rest goes round at its last token, or is cut at the budget while it says "
            "something new. Aalen–Johansen estimates with 95 % limits.",
            lambda: charts.incidence_chart(
                [incidence(one.observations) for one in series], labels, budget
            ),
        )
    ]
    begins = {
        "doomed": [onsets(one.observations) for one in series],
        "circular": [onsets(one.observations, "circular") for one in series],
    }
    begins = {kind: values for kind, values in begins.items() if any(values)}
    if begins:
        found.append(
            Plan(
                "onset",
                "Where loops begin",
                "First token of the loop in which a doomed output ends. Of a circular one, where "
                "it is first seen to go round: that is never before its 100th word.",
                partial(charts.onset_chart, begins, labels, budget),
            )
        )
    return found


def _counts(series: Sequence[Series], labels: Sequence[str]) -> list[Plan]:
    return [
        Plan(
            "outcomes",
            "Outcome and correctness",
            "All series together; failed generations are left out.",
            lambda: charts.outcome_chart(
                outcome_by_grade(o for one in series for o in one.observations)
            ),
        ),
        Plan(
            "tokens",
            "Where the tokens went",
            "In a loop: from the onset of a doomed output’s loop on. Going round: from where a "
            "circular output is first seen to. Saved: not made at all.",
            lambda: charts.token_chart([tokens(one.observations) for one in series], labels),
        ),
    ]
