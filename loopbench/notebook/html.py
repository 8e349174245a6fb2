"""What a notebook shows of results: small, complete in itself, in the colours of its theme. Pure.

Names and texts come from files and models and may be hostile: everything is escaped, nothing is
run or fetched.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Sequence

from loopbench.outputs.judged import JudgedOutput
from loopbench.outputs.table import told
from loopbench.results.grid import Grid
from loopbench.results.table import printable

BEFORE, LOOP, AFTER = 1_200, 600, 400
"""Characters of an output that are shown: in front of its loop, of the loop, and behind it."""
LINES = 15
"""Most lines of each."""
ROWS = 60
"""Most rows of a table that are shown."""
CELL = 120
"""Most characters of a cell: a name may be as long as a hostile file makes it."""
_TEXT = "text-align:left;white-space:pre-wrap;overflow-wrap:anywhere"
_TINT = "background:rgba(127,127,127,.18);border-radius:3px;padding:0 .25em"
_LOOPS = "background:rgba(234,88,12,.28);border-radius:2px"
_SOFT = "opacity:.7"


def escaped(text: str) -> str:
    """Return a line of text for a page, without what cannot be seen."""
    return html.escape(printable(text))


def block(*parts: str) -> str:
    """Return parts of HTML as one block."""
    return f'<div class="loopbench" style="max-width:100%">{"".join(parts)}</div>'


def line(text: str, style: str = "") -> str:
    """Return a sentence as a paragraph."""
    return f'<p style="margin:.4em 0;text-align:left;{style}">{escaped(text)}</p>'


def table(grid: Grid) -> str:
    """Return a table; an interval stands under its value.

    Of very many rows the first ones are shown, and the last, which may be that of all.
    """
    keys, cut = grid.keys, len(grid.rows) > ROWS
    shown = [*grid.rows[: ROWS - 1], grid.rows[-1]] if cut else grid.rows
    head = "".join(f"<th{_side(i, keys)}>{escaped(t)}</th>" for i, t in enumerate(grid.titles))
    rows = (
        "".join(f"<td{_side(i, keys)}>{_cell(c)}</td>" for i, c in enumerate(row)) for row in shown
    )
    more = line(f"{len(grid.rows) - ROWS} further rows are not shown.", _SOFT) if cut else ""
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return (
        '<div style="overflow-x:auto"><table style="margin:.3em 0">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{more}"
    )


def _side(column: int, keys: int) -> str:
    align = "left" if column < keys else "right"
    return f' style="text-align:{align};vertical-align:top"'


def _cell(text: str) -> str:
    value, bracket, interval = text.replace("\n", " ").partition(" [")
    if not (bracket and interval.endswith("]")) or len(text) > CELL:
        return escaped(text if len(text) <= CELL else text[: CELL - 1] + "…")
    return (
        f'{escaped(value)}<br><span style="{_SOFT};white-space:nowrap;font-size:85%">'
        f"[{escaped(interval)}</span>"
    )


def offenders(worst: Sequence[JudgedOutput], files: bool) -> str:
    """Return the outputs that wasted most, with the text that they repeat.

    Parameters
    ----------
    worst
        The outputs.
    files
        Whether their files are named too.
    """
    if not worst:
        return ""
    items = "".join(
        f'<li>{escaped(where)}<br><code style="{_TINT};{_TEXT}">{escaped(text.strip())}</code></li>'
        for where, text in (told(one, files) for one in worst)
    )
    return f'{line("Worst:")}<ol style="margin:0;text-align:left">{items}</ol>'


def folded(title: str, sentences: Sequence[str]) -> str:
    """Return sentences that are shown when they are asked for."""
    said = "".join(line(one, _SOFT) for one in sentences)
    return f'<details style="text-align:left"><summary>{escaped(title)}</summary>{said}</details>'


def marked(text: str, start: int | None, end: int | None) -> str:
    """Return a text with its loop marked, long stretches cut.

    Parameters
    ----------
    text
        The whole output.
    start, end
        Characters of its loop; None without one.
    """
    if start is None or end is None:
        start = end = len(text)
    before, loop, after = text[:start], text[start:end], text[end:]
    parts = [
        _cut(before, BEFORE, tail=bool(loop)),
        f'<span style="{_LOOPS}">{_cut(loop, LOOP)}</span>' if loop else "",
        _cut(after, AFTER),
    ]
    return f'<pre style="{_TEXT};margin:.3em 0">{"".join(parts)}</pre>'


def _cut(text: str, most: int, tail: bool = False) -> str:
    """Return the beginning or the end of a text, and how much more of it there is."""
    lines = text.splitlines(keepends=True)
    part = "".join(lines[-LINES:] if tail else lines[:LINES])
    part = part[-most:] if tail else part[:most]
    if part == text:
        return _seen(text)
    rest = f'<span style="{_SOFT}"> … {len(text) - len(part):,} more characters … </span>'
    return rest + _seen(part) if tail else _seen(part) + rest


def _seen(text: str) -> str:
    """Return text whose invisible characters are shown by their codes."""
    return html.escape(
        "".join(
            f"[U+{ord(c):04X}]"
            if c not in "\n\t" and unicodedata.category(c) in ("Cc", "Cf", "Cs")
            else c
            for c in text
        )
    )
