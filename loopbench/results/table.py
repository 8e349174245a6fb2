"""From rows to text: terminal, Markdown, CSV and JSON. Pure."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from loopbench.judging.outcome import JUDGEMENT
from loopbench.results.grid import Grid
from loopbench.results.summary import Rate, Row

FORMATS = ("text", "md", "csv", "json")


def printable(text: str) -> str:
    """Return text without control and format characters.

    Names come from model files and folders, which may be hostile: no escape sequence or
    change of writing direction may reach a terminal.
    """
    return "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Cs"))


def mended(text: str) -> str:
    """Return text whose halves of characters, which no file can hold, are replaced."""
    return (
        text
        if text.isascii()
        else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )


def percent(rate: Rate) -> str:
    """Return a rate in percent with its interval; `–` where there is no data."""
    if rate.value is None or rate.low is None or rate.high is None:
        return "–"
    return f"{100 * rate.value:.1f} [{100 * rate.low:.1f}, {100 * rate.high:.1f}]"


def _point(rate: Rate) -> str:
    return "–" if rate.value is None else f"{100 * rate.value:.1f}"


def thousands(count: int) -> str:
    """Return a token count that is short enough for a column."""
    if abs(count) < 10_000:
        return str(count)
    return f"{count / 1e3:.0f}k" if abs(count) < 10_000_000 else f"{count / 1e6:.1f}M"


def _has_agents(rows: Sequence[Row]) -> bool:
    return any(row.agent_score.n for row in rows)


def _mean(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


class Column(NamedTuple):
    """A column of the printed table."""

    title: str
    cell: Callable[[Row], str]
    used: Callable[[Sequence[Row]], bool] = lambda rows: True
    """Whether these rows need it."""


def _differ(rows: Sequence[Row]) -> bool:
    return len({(row.engine, row.quantization) for row in rows}) > 1


def _untold(rows: Sequence[Row]) -> int:
    """Return how many outputs nobody knows why they ended."""
    return sum(row.n_unknown + row.stuck_unknown for row in rows)


COLUMNS = (
    Column("model", lambda r: printable(r.model)),
    Column("engine", lambda r: printable(r.engine), lambda rows: len({r.engine for r in rows}) > 1),
    Column("weights", lambda r: printable(r.quantization), lambda rows: _differ(rows)),
    Column("T", lambda r: f"{r.temperature:g}"),
    Column(
        "penalty",
        lambda r: f"{r.repetition_penalty:g}",
        lambda rows: len({r.repetition_penalty for r in rows}) > 1,
    ),
    Column("by", lambda r: printable(r.group), lambda rows: any(r.group != "all" for r in rows)),
    Column("n", lambda r: str(r.n)),
    Column("error", lambda r: str(r.n_error), lambda rows: any(r.n_error for r in rows)),
    Column("stuck %", lambda r: percent(r.stuck_rate)),
    Column("doom %", lambda r: percent(r.doom_rate)),
    Column("verb.", lambda r: _point(r.verbatim_rate)),
    Column("count.", lambda r: _point(r.counter_rate)),
    Column("circ.", lambda r: _point(r.circular_rate)),
    Column("recov.", lambda r: _point(r.recovered_rate)),
    Column("trunc.", lambda r: _point(r.truncated_rate)),
    Column("unkn.", lambda r: _point(r.unknown_rate), lambda rows: _untold(rows) > 0),
    Column(
        "flips %",
        lambda r: percent(r.flip_rate),
        lambda rows: any(r.flip_rate.n for r in rows),
    ),
    Column(
        "in think %",
        lambda r: percent(r.doom_in_thinking),
        lambda rows: any(r.doom_in_thinking.n for r in rows),
    ),
    Column(
        "think cut %",
        lambda r: percent(r.thinking_cut),
        lambda rows: any(r.think_budget for r in rows),
    ),
    Column(
        "schema",
        lambda r: "forced" if r.constrained else "–",
        lambda rows: any(r.constrained for r in rows),
    ),
    Column(
        "struct. %",
        lambda r: percent(r.structure_rate),
        lambda rows: any(r.structure_rate.value for r in rows),
    ),
    Column("onset", lambda r: "–" if r.median_onset is None else f"{r.median_onset:.0f}"),
    Column("accuracy %", lambda r: percent(r.accuracy)),
    Column("extract F1", lambda r: percent(r.extraction_f1)),
    Column("tools", lambda r: percent(r.tool_score)),
    Column("agents %", lambda r: percent(r.agent_score), _has_agents),
    Column("halluc. %", lambda r: percent(r.hallucinated_rate), _has_agents),
    Column("calls", lambda r: _mean(r.calls_per_episode), _has_agents),
    Column("tokens", lambda r: thousands(r.tokens_used)),
    Column("saved", lambda r: thousands(r.tokens_saved)),
    Column("tok/s", lambda r: "–" if r.tokens_per_second is None else f"{r.tokens_per_second:.0f}"),
    Column("budget", lambda r: str(r.budget)),
)


def columns_for(rows: Sequence[Row]) -> list[Column]:
    """Return the columns that these rows need."""
    return [column for column in COLUMNS if column.used(rows)]


def footnotes(rows: Sequence[Row]) -> list[str]:
    """Return what a reader must know to quote the numbers."""
    notes = [
        "Rates in percent with 95 % intervals. stuck: doom and circular together. doom: at its "
        "last token still in a loop, verbatim or counting; circular: at the budget, going round "
        "without saying anything new; recovered: left a verbatim loop, ended by itself; "
        "truncated: at the budget, still saying something new.",
    ]
    notes += _untold_notes(rows)
    if any(row.judgement < JUDGEMENT for row in rows):
        notes.append(
            "These outputs were judged when a count that an output left before it ended counted as "
            "recovered; such a list is clean today: judge them again with 'loopbench score'."
        )
    stuck = [
        sum(counts)
        for counts in zip(
            *((r.structure_runs, r.structure_calls, r.structure_copies) for r in rows), strict=True
        )
    ]
    if any(stuck):
        notes.append(
            "struct.: extraction and tool outputs that did not end and are stuck in their "
            f"structure, also too briefly for doom: {stuck[0]} in white space, brackets or other "
            f"signs, {stuck[1]} in the same calls, {stuck[2]} in copies of another block."
        )
    for name, split in sorted({(row.model, row.tokenization) for row in rows}):
        if split not in ("model", "unknown"):
            notes.append(
                f"{printable(name)}: the engine gives no token ids; loops are found in the "
                f"tokens of {printable(split)}, a split of the text."
            )
    penalties = len({row.repetition_penalty for row in rows}) > 1
    for row in rows:
        if not row.early_stopped or row.group != "all":
            continue
        kept = "all" if row.audited == row.early_stopped else f"{row.audited} of them"
        penalty = f" penalty={row.repetition_penalty:g}" if penalties else ""
        notes.append(
            f"{printable(row.model)} T={row.temperature:g}{penalty}: {row.early_stopped} streams "
            f"stopped early, {kept} run on to the budget, {row.escaped} left their loop "
            f"for an end or a circle ({percent(row.escape_rate)} %); corrected rates: doom "
            f"{percent(row.corrected_doom_rate)} %, stuck {percent(row.corrected_stuck_rate)} %."
        )
    return notes


def _untold_notes(rows: Sequence[Row]) -> list[str]:
    """Say what is not known where nobody knows why outputs ended."""
    untold, judged = _untold(rows), sum(row.n - row.n_error for row in rows)
    if not untold:
        return []
    notes = [
        "unkn.: not doomed, and nobody knows why it ended; one that goes round at its end may have "
        "ended by itself."
    ]
    if untold == judged:
        notes.append(
            "Of no output is it known why it ended, so there is no rate of circular, recovered and "
            "truncated."
        )
    else:
        notes.append(
            f"Of {untold} of {judged} outputs it is not known why they ended; circular, recovered "
            "and truncated are rates of the others."
        )
    if goes_round := sum(row.round_unknown for row in rows):
        notes.append(
            f"{goes_round} outputs go round at their end and may have ended there by themselves: "
            "they do not count as stuck."
        )
    unsure = sum(row.stuck_unknown for row in rows)
    if unsure:
        stuck = sum(round((row.stuck_rate.value or 0.0) * row.stuck_rate.n) for row in rows)
        notes.append(
            f"{unsure} of the {stuck} stuck outputs ended nobody knows why: they loop at their "
            "last token, but one that ended there by itself would not be stuck."
        )
    return notes


def render(rows: Sequence[Row], form: str) -> str:
    """Return the rows as Markdown, CSV or JSON.

    Raises
    ------
    ValueError
        For an unknown format.
    """
    if form == "json":
        return msgspec.json.format(msgspec.json.encode(rows)).decode() + "\n"
    if form == "csv":
        return _csv(rows)
    if form == "md":
        return _markdown(rows)
    raise ValueError(f"Unknown format {form!r}; use one of {', '.join(FORMATS)}.")


def _csv(rows: Sequence[Row]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    flat = [_flat(row) for row in rows]
    if flat:
        writer.writerow(flat[0])
        writer.writerows(line.values() for line in flat)
    return out.getvalue()


def _flat(row: Row) -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in msgspec.to_builtins(row).items():
        if isinstance(value, dict):
            flat.update(
                (f"{name}_{part}" if part != "value" else name, v) for part, v in value.items()
            )
        else:
            flat[name] = printable(value) if isinstance(value, str) else value
    return flat


def _markdown(rows: Sequence[Row]) -> str:
    columns = columns_for(rows)
    lines = [
        "| " + " | ".join(column.title for column in columns) + " |",
        "|" + "|".join("---" if i < 2 else "---:" for i in range(len(columns))) + "|",
    ]
    for row in rows:
        cells = (_escaped(column.cell(row)) for column in columns)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *map(_escaped, footnotes(rows))]) + "\n"


def _escaped(text: str) -> str:
    """Keep a name from ending its cell or starting a tag."""
    return re.sub(r"[\\|<]", r"\\\g<0>", text)


_KEYS = ("model", "engine", "weights", "T", "penalty", "by")
"""Columns that say which row it is: repeated in every part of a table that is cut."""


def grid_of(rows: Sequence[Row]) -> Grid:
    """Return the table for a terminal: an interval stands under its value."""
    columns = columns_for(rows)
    cells = [[column.cell(row).replace(" [", "\n[") for column in columns] for row in rows]
    keys = sum(column.title in _KEYS for column in columns)
    return Grid([column.title for column in columns], cells, keys=keys)
