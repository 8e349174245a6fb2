"""Which charts outputs of files have, and what they are drawn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial

from loopbench.judging.outcome import STUCK
from loopbench.outputs.judged import JudgedOutput
from loopbench.outputs.summary import OutputsRow, group_of
from loopbench.outputs.table import names_of
from loopbench.report import charts
from loopbench.report.charts import Mark, Plan
from loopbench.report.numbers import Tokens
from loopbench.types import Outcome

MOST = 40
"""Lines of a chart; further groups are left out."""

Groups = Mapping[str, Sequence[JudgedOutput]]


def plans_of_outputs(outputs: Sequence[JudgedOutput], rows: Sequence[OutputsRow]) -> list[Plan]:
    """Return every chart that these outputs give, to be drawn one by one.

    Parameters
    ----------
    outputs
        The outputs.
    rows
        Their summary, whose lines are the lines of the charts.
    """
    lines = _lines(rows)
    labels = dict(zip((row.name for row in lines), names_of(lines), strict=True))
    some = "" if len(lines) == len(_parts(rows)) else f" The {MOST} highest rates."
    groups: dict[str, list[JudgedOutput]] = {label: [] for label in labels.values()}
    for one in outputs:
        name = group_of(one, rows[0].by)
        if one.outcome != "error" and name in labels:
            groups[labels[name]].append(one)
    found = [
        Plan(
            "loop-rate",
            "Stuck outputs",
            "Still in a loop at their last token (doom), or going round without saying anything "
            f"new (circular); the highest rates first.{some}",
            partial(
                charts.interval_chart,
                {labels[row.name]: [Mark(0, row.stuck_rate, row.doom_rate)] for row in lines},
            ),
        ),
        Plan(
            "outcomes",
            "How outputs ended",
            f"Shares of the outputs whose generation did not fail.{some}",
            partial(charts.share_chart, _outcomes(groups)),
        ),
    ]
    onsets = _onset_plan(groups)
    tokens = Plan(
        "tokens",
        "Where the tokens went",
        "In a loop, and going round: behind the first repetition of what an output is stuck in.",
        lambda: charts.token_chart([_tokens(some) for some in groups.values()], list(groups)),
    )
    return [*found, *([onsets] if onsets else []), tokens]


def _parts(rows: Sequence[OutputsRow]) -> Sequence[OutputsRow]:
    """Return the rows without that of all, which stands behind several."""
    return rows[:-1] if len(rows) > 1 else rows


def _lines(rows: Sequence[OutputsRow]) -> list[OutputsRow]:
    ranked = sorted(_parts(rows), key=lambda row: -(row.stuck_rate.value or 0.0))
    return ranked[:MOST]


def _outcomes(groups: Groups) -> dict[str, Mapping[Outcome, int]]:
    return {name: Counter(one.outcome for one in some) for name, some in groups.items()}


def _onset_plan(groups: Groups) -> Plan | None:
    # More series than colours cannot be told apart.
    together = [one for some in groups.values() for one in some]
    series = list(groups.values()) if len(groups) <= len(charts.SERIES) else [together]
    kinds = {
        word: [
            [one.onset for one in some if one.outcome == outcome and one.onset is not None]
            for some in series
        ]
        for word, outcome in (("doomed", "doom"), ("circular", "circular"))
    }
    kinds = {word: onsets for word, onsets in kinds.items() if any(onsets)}
    if not kinds:
        return None
    longest = max(one.tokens for one in together)
    labels = list(groups) if len(series) == len(groups) else ["all"]
    return Plan(
        "onset",
        "Where loops begin",
        "First token of the loop in which a doomed output ends. Of a circular one, where it is "
        "first seen to go round: that is never before its 100th word.",
        partial(charts.onset_chart, kinds, labels, longest),
    )


def _tokens(outputs: Sequence[JudgedOutput]) -> Tokens:
    lost = dict.fromkeys(STUCK, 0)
    for one in outputs:
        if one.outcome in STUCK:
            lost[one.outcome] += one.wasted
    made = sum(one.tokens for one in outputs)
    return Tokens(
        useful=made - sum(lost.values()),
        looping=lost["doom"],
        circling=lost["circular"],
        saved=0,
    )
