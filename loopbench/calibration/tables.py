"""Calibrations and escapes as tables. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from loopbench.calibration.circular_fates import LATER, CircularFate
from loopbench.calibration.escapes import STOP_TOKENS, Escape, proposal
from loopbench.calibration.measures import Calibration, Spread
from loopbench.judging.outcome import DOOM_LEVELS
from loopbench.results.grid import Grid
from loopbench.results.summary import Rate
from loopbench.results.table import percent, printable


def calibration_grid(rows: Sequence[Calibration]) -> Grid:
    """Return one line per detector, best F1 first."""
    order = sorted(rows, key=lambda row: -(row.f1.value or 0.0))
    n = rows[0].n if rows else 0
    return Grid(
        titles=(
            "rule",
            "F1 %",
            "precision %",
            "recall %",
            "stuck F1 %",
            "verbatim",
            "counter",
            "circular",
            "false alarms",
            "onset error",
            "delay",
        ),
        rows=[
            (
                _name(row),
                percent(row.f1),
                percent(row.precision),
                percent(row.recall),
                percent(row.stuck_f1),
                _count(row.recall_verbatim),
                _count(row.recall_counter),
                _count(row.recall_circular),
                _count(row.false_positives),
                _spread(row.onset_error),
                _spread(row.delay),
            )
            for row in order
        ],
        note=(
            f"{n} traces. Called: did not end by itself, and the rule sees a loop at the last "
            "token. F1, precision and recall are about verbatim and counter loops, stuck F1 about "
            "circular ends too, with 95 % intervals clustered by prompt or kind of constructed "
            "text; verbatim, counter and circular: called of so many with that label; false "
            "alarms: called of the unfinished ones that still say something new. Onset error "
            "(reported less labelled) and delay (from onset to where the watcher fires) in "
            "tokens: median [quartiles] of the rightly called."
        ),
    )


def category_grid(rows: Sequence[Calibration]) -> Grid:
    """Return false alarms by category of text, for the detectors that have any."""
    loud = [row for row in rows if row.false_positives.value]
    categories = sorted({category for row in rows for category in row.by_category})
    lines = []
    for category in categories:
        of = max(row.by_category.get(category, (0, 0))[1] for row in rows)
        cells = [row.by_category.get(category, (0, 0))[0] for row in loud]
        lines.append((category, str(of), *(str(cell) if cell else "·" for cell in cells)))
    total = [str(sum(called for called, _ in row.by_category.values())) for row in loud]
    of_all = sum(int(line[1]) for line in lines)
    return Grid(
        titles=("unfinished, no loop", "n", *(row.detector for row in loud)),
        # Where nothing was called there is nothing to tell apart.
        rows=[*(lines if loud else []), ("all", str(of_all), *total)],
        note="False alarms by kind of text. Rules that are not shown have none.",
    )


def sweep_grid(rows: Sequence[Calibration]) -> Grid:
    """Return one line per set of parameters, in the order given."""
    return Grid(
        titles=("rule", "parameters", "recall of its kind", "false alarms"),
        rows=[
            (
                row.detector,
                ", ".join(f"{name} {value:g}" for name, value in row.parameters.items()),
                _count(row.recall_counter if row.detector == "counter" else row.recall_verbatim),
                _count(row.false_positives),
            )
            for row in rows
        ],
        note="Loops of the rule's own kind that are called, and false alarms, of so many.",
    )


def escape_grid(table: Sequence[Escape]) -> Grid:
    """Return P(escape | k repeats), one line per group, one column per k."""
    ks = sorted({row.repeats for row in table})
    lines: dict[tuple[str, str, str], dict[int, Escape]] = {}
    for row in table:
        lines.setdefault((row.kind, row.by, row.group), {})[row.repeats] = row
    return Grid(
        titles=("loop", "by", "group", *(f"k={k}" for k in ks)),
        rows=[
            (kind, by, printable(group), *(_escape(cells.get(k)) for k in ks))
            for (kind, by, group), cells in lines.items()
        ],
        note=(
            "Streams that left their loop within the budget, of those flagged at k repeats "
            f"(verbatim over at least {STOP_TOKENS['verbatim']} tokens, counter over "
            f"{STOP_TOKENS['counter']}), and the 95 % interval of that share in percent, "
            "clustered by prompt."
        ),
    )


def fate_grid(fates: Sequence[CircularFate]) -> Grid:
    """Return what became of circular outputs, one line per model, temperature and budget."""
    lines: dict[tuple[str, float, int], dict[int, CircularFate]] = {}
    for fate in fates:
        times = fate.later // fate.budget
        lines.setdefault((fate.model, fate.temperature, fate.budget), {})[times] = fate
    return Grid(
        titles=("model", "T", "budget", "circular", *(f"ended by {k}x %" for k in LATER),
                *(f"doom, circ., trunc. at {k}x" for k in LATER)),
        rows=[
            (
                printable(model),
                f"{temperature:g}",
                str(budget),
                _of_reached(cells),
                *(percent(cells[k].ended) if k in cells else "–" for k in LATER),
                *(
                    f"{cells[k].doom}, {cells[k].circular}, {cells[k].truncated}"
                    if k in cells
                    else "–"
                    for k in LATER
                ),
            )
            for (model, temperature, budget), cells in lines.items()
        ],
        note=(
            "circular: outputs that go round at the budget, of those that have not ended there. "
            "Of them, the percent that ended by themselves within two and four times the budget, "
            "with 95 % intervals clustered by prompt, and what the others were by then."
        ),
    )  # fmt: skip


def _of_reached(cells: Mapping[int, CircularFate]) -> str:
    first = cells[min(cells)]
    return f"{first.n}/{first.reached}"


def proposals(table: Sequence[Escape], most: float) -> list[str]:
    """Return one sentence per kind of loop: the k that this run supports."""
    sentences = []
    for kind in DOOM_LEVELS:
        chosen = proposal(table, kind, most)
        flagged = max((r.rate.n for r in table if r.kind == kind and r.by == "all"), default=0)
        if chosen:
            sentences.append(
                f"{kind}: stop from {chosen.repeats} repeats; {percent(chosen.rate)} % of "
                f"{chosen.rate.n} flagged streams escaped."
            )
        elif flagged:
            sentences.append(
                f"{kind}: no number of repeats keeps escapes at {100 * most:g} % or less; "
                "do not stop these loops early."
            )
        else:
            sentences.append(f"{kind}: no stream was flagged, nothing can be said.")
    return sentences


def _escape(row: Escape | None) -> str:
    if row is None or row.rate.value is None or row.rate.low is None or row.rate.high is None:
        return "–"
    return f"{_count(row.rate)} [{100 * row.rate.low:.1f}, {100 * row.rate.high:.1f}]"


def _name(row: Calibration) -> str:
    return f"{row.detector} v{row.version}" if row.version else row.detector


def _count(rate: Rate) -> str:
    return "–" if rate.value is None else f"{round(rate.value * rate.n)}/{rate.n}"


def _spread(spread: Spread) -> str:
    if spread.median is None or spread.low is None or spread.high is None:
        return "–"
    return f"{spread.median:.0f} [{spread.low:.0f}, {spread.high:.0f}]"
