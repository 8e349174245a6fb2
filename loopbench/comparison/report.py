"""Comparisons as a table, Markdown and JSON, and the sentence that sums one up. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, get_args

import msgspec

from loopbench.comparison.outcomes import LEVEL, Change, Comparison, Moved
from loopbench.gate.report import escaped
from loopbench.results.grid import Grid
from loopbench.results.table import printable
from loopbench.types import Outcome

if TYPE_CHECKING:
    from rich.table import Table

SHOWN = 10
"""Prompts listed unless all are asked for."""
_TITLES = ("task", "measure", "first %", "second %", "difference [95 %]", "pairs", "p", "Holm")
_NOUNS = {
    "doom": "doom-loop rate",
    "stuck": "stuck rate",
    "circular": "circular rate",
    "truncated": "truncated rate",
    "accuracy": "accuracy",
    "extraction_f1": "extraction F1",
    "tool_score": "tool score",
    "agent_score": "agent score",
}


def sentence(comparison: Comparison) -> str:
    """Return what the comparison shows, with the numbers that show it."""
    head = comparison.changes[0]
    first, second = printable(comparison.first), printable(comparison.second)
    says = {
        "more": f"{second} loops more often than {first}",
        "less": f"{second} loops less often than {first}",
        "undecided": f"No difference in doom loops is shown between {first} and {second}",
    }[comparison.word]
    stuck = next(change for change in comparison.changes if change.measure == "stuck")
    parts = [
        f"{says}{_at(comparison, ' at ')}: {_rates(head)} on {head.pairs} prompts, "
        f"{p_text(head.p)}",
        f"stuck (doom or circular) {_rates(stuck)}, {p_text(stuck.p_holm)} (Holm), "
        f"more often on {len(comparison.started)} prompts and less often on "
        f"{len(comparison.stopped)}",
    ]
    notable = [
        f"{printable(change.task) if change.task != 'all' else _NOUNS[change.measure]} "
        f"{100 * change.difference:+.1f} pp"
        for change in comparison.changes
        if change not in (head, stuck) and change.p_holm <= LEVEL
    ]
    if notable:
        parts.append(f"also beyond noise (Holm): {', '.join(notable)}")
    return "; ".join(parts) + "."


def _at(comparison: Comparison, before: str) -> str:
    """Name the temperature where it is known."""
    known = comparison.temperature is not None
    return f"{before}T={comparison.temperature:g}" if known else ""


def p_text(p: float) -> str:
    """Return a p-value as it is quoted."""
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"


def _rates(change: Change) -> str:
    return f"{100 * change.first:.1f} → {100 * change.second:.1f} %, {_points(change)} pp"


def _points(change: Change) -> str:
    return f"{100 * change.difference:+.1f} [{100 * change.low:+.1f}, {100 * change.high:+.1f}]"


def _cells(change: Change) -> tuple[str, ...]:
    return (
        printable(change.task),
        _NOUNS[change.measure],
        f"{100 * change.first:.1f}",
        f"{100 * change.second:.1f}",
        _points(change),
        str(change.pairs),
        p_text(change.p)[2:].lstrip("= "),
        p_text(change.p_holm)[2:].lstrip("= "),
    )


def rich_table(comparison: Comparison) -> Table:
    """Return the changes for a terminal."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True)
    for i, title in enumerate(_TITLES):
        justify: Literal["left", "right"] = "left" if i < 2 else "right"
        table.add_column(
            title.replace(" [", "\n["), justify=justify, overflow="fold", no_wrap=i > 1
        )
    for change in comparison.changes:
        # An interval goes under its value: that fits eighty columns.
        table.add_row(*(Text(cell.replace(" [", "\n[")) for cell in _cells(change)))
    return table


def grid_of(comparison: Comparison) -> Grid:
    """Return the changes as a table of text cells."""
    return Grid(_TITLES, [_cells(change) for change in comparison.changes], keys=2)


def title(comparison: Comparison) -> str:
    """Return what is compared, and under which budget."""
    budget = "" if comparison.budget is None else f", budget {comparison.budget}"
    sides = f"{printable(comparison.first)} → {printable(comparison.second)}"
    return f"{sides}{_at(comparison, ', ')}{budget}"


def details(comparison: Comparison, *, everything: bool = False) -> list[str]:
    """Return the lines below a table: prompts that changed, and notes."""
    lines = [
        f"{words} ({len(moved)}): {_listed(moved, everything)}"
        for words, moved in (
            ("stuck more often", comparison.started),
            ("stuck less often", comparison.stopped),
            ("stuck in another way", comparison.otherwise),
        )
        if moved
    ]
    if comparison.notes:
        lines.append(f"Note: {'; '.join(map(printable, comparison.notes))}.")
    return lines


def _listed(moved: Sequence[Moved], everything: bool) -> str:
    shown = moved if everything else moved[:SHOWN]
    names = [
        f"{printable(f'{one.task}/{one.sample}')} ({_ends(one.first)} → {_ends(one.second)})"
        for one in shown
    ]
    rest = len(moved) - len(shown)
    return ", ".join(names) + (f" and {rest} more (--all)" if rest else "")


def _ends(outcomes: Sequence[Outcome]) -> str:
    """Name the outcomes, how often each where there are several."""
    if len(outcomes) == 1:
        return outcomes[0]
    counts = Counter(outcomes)
    return ", ".join(f"{counts[kind]} {kind}" for kind in get_args(Outcome) if counts[kind])


def markdown(comparisons: Sequence[Comparison], *, everything: bool = False) -> str:
    """Return the comparisons for a page or a pull request."""
    lines: list[str] = []
    for comparison in comparisons:
        lines += [
            f"### {escaped(title(comparison))}",
            "",
            "| " + " | ".join(_TITLES) + " |",
            "|---|---|" + "---:|" * (len(_TITLES) - 2),
        ]
        lines += [
            "| " + " | ".join(map(escaped, _cells(change))) + " |" for change in comparison.changes
        ]
        for line in [*details(comparison, everything=everything), sentence(comparison)]:
            lines += ["", escaped(line)]
        lines.append("")
    return "\n".join(lines)


def json_text(comparisons: Sequence[Comparison]) -> str:
    """Return everything, with each comparison's sentence."""
    return msgspec.json.format(
        msgspec.json.encode(
            [
                {**msgspec.to_builtins(comparison), "sentence": sentence(comparison)}
                for comparison in comparisons
            ]
        )
    ).decode()
