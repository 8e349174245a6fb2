"""A heat map of doom rates over the cells of a grid, drawn by matplotlib (extra `plots`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from loopbench.results.summary import Row
from loopbench.results.table import printable

_AXES: tuple[tuple[str, Callable[[Row], str]], ...] = (
    ("model", lambda row: printable(row.model)),
    ("penalty", lambda row: f"{row.repetition_penalty:g}"),
    ("level", lambda row: printable(row.group)),
    ("temperature", lambda row: f"{row.temperature:g}"),
)
"""From the slowest to the fastest: the last one that varies goes along x, the others along y."""


class HeatMap(NamedTuple):
    """Doom rates by column and line, in percent; None where a cell has no outputs."""

    x_title: str
    x: list[str]
    y_title: str
    y: list[str]
    values: list[list[float | None]]
    """One list per line, one entry per column."""
    texts: list[list[str]]
    """The rate with its interval and number of outputs."""


def heat_map(rows: Sequence[Row]) -> HeatMap:
    """Arrange the rows of a table.

    Raises
    ------
    ValueError
        If there are none.
    """
    if not rows:
        raise ValueError("There is nothing to draw: the run has no records yet.")
    varying = [axis for axis in _AXES if len({axis[1](row) for row in rows}) > 1] or [_AXES[-1]]
    *slow, fast = varying
    x = list(dict.fromkeys(fast[1](row) for row in rows))
    places = {(_line(slow, row), fast[1](row)): row for row in rows}
    y = list(dict.fromkeys(_line(slow, row) for row in rows))
    cells = [[places.get((line, column)) for column in x] for line in y]
    return HeatMap(
        x_title=fast[0],
        x=x,
        y_title=" · ".join(name for name, _ in slow),
        y=[" · ".join(line) for line in y],
        values=[[_percent(row) for row in line] for line in cells],
        texts=[[_text(row) for row in line] for line in cells],
    )


def _line(slow: Sequence[tuple[str, Callable[[Row], str]]], row: Row) -> tuple[str, ...]:
    return tuple(text(row) for _, text in slow)


def _percent(row: Row | None) -> float | None:
    return None if row is None or row.doom_rate.value is None else 100 * row.doom_rate.value


def _text(row: Row | None) -> str:
    if row is None or row.doom_rate.value is None:
        return "–"
    rate = row.doom_rate
    low, high = rate.low or 0.0, rate.high or 0.0
    return f"{100 * row.doom_rate.value:.1f}\n[{100 * low:.1f}, {100 * high:.1f}]\nn={rate.n}"


def draw(plan: HeatMap, path: Path) -> None:
    """Write the heat map; the file's ending picks the format.

    Raises
    ------
    ValueError
        If matplotlib is missing or does not know the ending.
    OSError
        If the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ValueError(
            "--heatmap needs matplotlib: pip install 'loopbench-edge[plots]'"
        ) from error
    size = (2.5 + 1.3 * len(plan.x), 1.6 + 0.7 * len(plan.y))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    shown = [[float("nan") if v is None else v for v in line] for line in plan.values]
    image = axes.imshow(shown, cmap="OrRd", vmin=0, vmax=100, aspect="auto")
    axes.set_xticks(range(len(plan.x)), [_plain(text) for text in plan.x])
    axes.set_yticks(range(len(plan.y)), [_plain(text) for text in plan.y])
    axes.set_xlabel(plan.x_title)
    axes.set_ylabel(plan.y_title)
    for i, (texts, values) in enumerate(zip(plan.texts, plan.values, strict=True)):
        for j, (text, value) in enumerate(zip(texts, values, strict=True)):
            colour = "white" if (value or 0.0) > 60 else "black"
            axes.text(j, i, text, ha="center", va="center", fontsize=7, color=colour)
    figure.colorbar(image, ax=axes, label="doom loops, % (95 % interval)")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def _plain(text: str) -> str:
    """Keep a name from being read as a formula."""
    return text.replace("$", r"\$")
