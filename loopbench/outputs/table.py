"""The summary and the worst offenders as text. Pure."""

from __future__ import annotations

import heapq
import os
from collections.abc import Sequence
from pathlib import PurePath

from loopbench.outputs.judged import DOUBTFUL, JudgedOutput
from loopbench.outputs.summary import SHORT_BUDGET, OutputsRow
from loopbench.results.grid import Grid
from loopbench.results.summary import Rate
from loopbench.results.table import percent, printable, thousands

OFFENDERS = 5
"""How many are shown."""
_NAME = 36
"""Characters of the longest name in the table."""
_SHOWN = 160
"""Characters of a repeated text that are shown."""


def summary_grid(rows: Sequence[OutputsRow], ends_only: bool = False) -> Grid:
    """Return the summary as a table.

    Parameters
    ----------
    rows
        What was counted.
    ends_only
        Whether only ends were looked at: nothing is known of recovery then.
    """
    several = len(rows) > 1 or rows[0].by != "all"
    untold = any(row.n_unknown + row.stuck_unknown for row in rows)
    failed = any(row.n_error for row in rows)
    unread = any(row.n_unread for row in rows)
    columns = [
        *([(rows[0].by, names_of(rows))] if several else []),
        ("n", [str(row.n) for row in rows]),
        *([("error", [str(row.n_error) for row in rows])] if failed else []),
        *([("unread", [str(row.n_unread) for row in rows])] if unread else []),
        # Each interval under its rate, so that the table fits into a hundred columns.
        ("stuck %", [percent(row.stuck_rate).replace(" [", "\n[") for row in rows]),
        ("doom %", [percent(row.doom_rate).replace(" [", "\n[") for row in rows]),
        ("verb.", [_point(row.verbatim_rate) for row in rows]),
        ("count.", [_point(row.counter_rate) for row in rows]),
        ("circ.", [_point(row.circular_rate) for row in rows]),
        *([] if ends_only else [("recov.", [_point(row.recovered_rate) for row in rows])]),
        ("trunc.", [_point(row.truncated_rate) for row in rows]),
        *([("unkn.", [_point(row.unknown_rate) for row in rows])] if untold else []),
        ("wasted", [f"{thousands(row.wasted)}/{thousands(row.tokens)}" for row in rows]),
    ]
    titles, cells = zip(*columns, strict=True)
    return Grid(titles, [*zip(*cells, strict=True)], "\n".join(notes(rows)), keys=1)


def names_of(rows: Sequence[OutputsRow]) -> list[str]:
    """Return what rows are called: of files only what tells them apart."""
    names = [row.name for row in rows]
    if rows[0].by == "file":
        paths = [PurePath(row.name) for row in rows if row.by == "file"]
        alike = len({path.is_absolute() for path in paths}) == 1
        common = len(os.path.commonpath([path.parent for path in paths])) if alike else 0
        names = [
            row.name[common:].lstrip("/") if common and row.by == "file" else row.name
            for row in rows
        ]
    return [_short(printable(name)) for name in names]


def _short(name: str) -> str:
    """Return a name that leaves room for the numbers: its beginning and its end."""
    return name if len(name) <= _NAME else f"{name[: _NAME // 2 - 1]}…{name[-_NAME // 2 :]}"


def _point(rate: Rate) -> str:
    return "–" if rate.value is None else f"{100 * rate.value:.1f}"


def notes(rows: Sequence[OutputsRow]) -> list[str]:
    """Return what a reader must know to quote the numbers; the last row is that of all."""
    total = rows[-1]
    said = [
        "Rates in percent, with 95 % intervals. stuck: still in a loop at its last token, and did "
        "not end by itself. doom: a loop that repeats word for word (verb.) or counts on (count.); "
        "circ.: goes round in other words; recov.: looped and left it; trunc.: cut while it still "
        "said something new; wasted: tokens behind the first repetition, of all."
    ]
    untold = total.n_unknown + total.stuck_unknown
    if untold:
        judged = total.n - total.n_error
        said.append(
            f"unkn.: not doomed, and nobody knows why it ended. {untold} of {judged} outputs have "
            "no finish (a field such as finish_reason; --finish-field names another): "
            f"{total.stuck_unknown} of them end in a loop and count as stuck, "
            f"{total.round_unknown} go round at their end and may have ended by themselves. circ., "
            "recov. and trunc. are rates of the others."
        )
    if total.strange:
        words = ", ".join(printable(word) for word in total.strange)
        said.append(f"Words for a finish that are not known here, and taken for none: {words}.")
    if total.n_error:
        said.append(f"error: {total.n_error} whose generation failed; they are in no rate.")
    if total.n_unread:
        said.append(f"{_many(total.n_unread, 'row')} could not be read and are in no rate.")
    if total.least_budget is not None and total.least_budget < SHORT_BUDGET:
        default = ", its tool's default" if total.budget_default else ""
        said.append(
            f"The smallest budget is {total.least_budget} tokens{default}: most loops begin later, "
            f"and lists are cut in the middle. Measure with {SHORT_BUDGET} or more."
        )
    if total.doubtful:
        said.append(
            f"{total.doubtful} of the counts are doubtful: cut within {DOUBTFUL} tokens, a list "
            "that was asked for looks the same."
        )
    splits = [name for name in total.tokenization if name != "given"]
    if splits:
        said.append(f"Tokens are those of {printable(', '.join(splits))}, a split of the text.")
    return said


def _many(count: int, what: str) -> str:
    return f"{count} {what}" + ("s" if count != 1 else "")


def one_line(row: OutputsRow) -> str:
    """Return the most important numbers as a sentence."""
    unread = f", {_many(row.n_unread, 'row')} not read" if row.n_unread else ""
    if row.n == row.n_error:
        return f"{_many(row.n, 'output')}, all of them failed{unread}."
    return f"{_many(row.n, 'output')}, stuck {percent(row.stuck_rate)} %, of them doom " + (
        f"{percent(row.doom_rate)} %{unread}."
    )


class Offenders:
    """The stuck outputs that wasted most."""

    def __init__(self, most: int = OFFENDERS) -> None:
        self._most = most
        self._heap: list[tuple[int, int, JudgedOutput]] = []
        self._added = 0

    def add(self, one: JudgedOutput) -> None:
        """Consider an output."""
        if one.stuck:
            self._added += 1
            heapq.heappush(self._heap, (one.wasted, -self._added, one))
            if len(self._heap) > self._most:
                heapq.heappop(self._heap)

    def lines(self, files: bool) -> list[str]:
        """Return two lines for each, the worst first.

        Parameters
        ----------
        files
            Whether their files are named too.
        """
        return [line for one in self.worst() for line in told(one, files)]

    def worst(self) -> list[JudgedOutput]:
        """Return them, the worst first."""
        return [one for _, _, one in sorted(self._heap, reverse=True)]


def told(one: JudgedOutput, files: bool) -> tuple[str, str]:
    """Return what a stuck output wasted, and what it repeats.

    Parameters
    ----------
    one
        The output.
    files
        Whether its file is named too.
    """
    where = f"{printable(one.file)} row {one.row}" if files else f"row {one.row}"
    name = f" ({printable(str(one.id))})" if str(one.id) != str(one.row) else ""
    kind = "goes round" if one.level == "circular" else f"{one.level} ×{one.repeats}"
    doubt = ", doubtful" if one.doubtful else ""
    unknown = ", finish unknown" if one.finish == "unknown" else ""
    text = shown_text(one.template if one.level == "counter" else one.excerpt)
    return (
        f"{where}{name}: {kind}, {thousands(one.wasted)} of {thousands(one.tokens)} tokens "
        f"wasted{doubt}{unknown}",
        f"    {text}",
    )


def shown_text(text: str | None) -> str:
    """Return a repeated text on one line, with what cannot be seen written out."""
    if not text:
        return "(no text)"
    seen = printable(text.replace("\n", "⏎").replace("\t", "⇥"))
    if not seen.strip():
        seen = f"{seen.replace(' ', '␣')}"
    return seen[:_SHOWN] + ("…" if len(seen) > _SHOWN else "")
