"""The charts of a report, drawn by matplotlib: for a page in its own colours, or as files."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree import ElementTree

from loopbench.report.numbers import FATES, Crossed, Tokens
from loopbench.results.summary import Rate
from loopbench.results.table import printable
from loopbench.statistics.incidence import Curve, Incidence
from loopbench.types import Outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, SOFT, LINE = "#1b1f24", "#59626d", "#d8dde3"
SERIES = ("#2463eb", "#c2410c", "#0d805c", "#9333ea", "#a16207", "#be185d")
GOOD, BAD, NONE = "#0d805d", "#c2410d", "#8a94a0"
_ON_PAGE = {
    INK: "currentColor",
    SOFT: "var(--soft)",
    LINE: "var(--line)",
    GOOD: "var(--good)",
    BAD: "var(--bad)",
    NONE: "var(--none)",
} | {colour: f"var(--s{i})" for i, colour in enumerate(SERIES)}
_STYLE: dict[Any, Any] = {
    "text.parse_math": False,  # a model's name may hold dollar signs
    "axes.formatter.use_mathtext": False,
    "svg.fonttype": "none",  # text stays text: it can be searched and read aloud
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": SOFT,
    "axes.edgecolor": LINE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
}
_SVG = "http://www.w3.org/2000/svg"
_LINK = "{http://www.w3.org/1999/xlink}href"
_WIDTH = 5.2
_LABEL = 30


class Chart(NamedTuple):
    """A drawn chart."""

    name: str
    """Also the name of its file."""
    title: str
    caption: str
    figure: Figure


class Plan(NamedTuple):
    """A chart that can be drawn."""

    name: str
    title: str
    caption: str
    draw: Callable[[], Figure]

    def drawn(self) -> Chart:
        """Draw it."""
        return Chart(self.name, self.title, self.caption, self.draw())


class Mark(NamedTuple):
    """Two rates in a chart, the second a part of the first, and the series they belong to."""

    series: int
    stuck: Rate
    doom: Rate


def require() -> None:
    """Make sure that charts can be drawn.

    Raises
    ------
    ValueError
        If matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ValueError(
            "Charts need matplotlib; install it with pip install 'loopbench-edge[plots]'."
        ) from error


def _drawn(height: float, draw: Callable[[Axes], None], series: Sequence[str] = ()) -> Figure:
    """Return a figure of one plot; `series` become its legend where there are several."""
    from matplotlib import rc_context
    from matplotlib.lines import Line2D

    from loopbench.report.figures import Drawn

    with rc_context(_STYLE):
        figure = Drawn(figsize=(_WIDTH, height), layout="constrained")
        axes = figure.add_subplot()
        draw(axes)
        axes.tick_params(length=0)
        if len(series) > 1:
            handles = [
                Line2D([], [], color=colour(i), lw=3, label=short(label))
                for i, label in enumerate(series)
            ]
            figure.legend(handles=handles, loc="outside lower left", ncols=1, fontsize=8)
            figure.set_figheight(height + 0.19 * len(series) + 0.1)
        with _any_glyph():
            figure.draw_without_rendering()
        # Laid out once: every further drawing would move things by a hair.
        figure.set_layout_engine("none")
    return figure


@contextmanager
def _any_glyph() -> Iterator[None]:
    """Let pass what the font for measuring lacks: a browser has more fonts."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")
        yield


def colour(series: int) -> str:
    """Return the colour of a series."""
    return SERIES[series % len(SERIES)]


def short(label: str) -> str:
    """Return a label that fits beside a chart."""
    label = printable(label)
    return label if len(label) <= _LABEL else label[: _LABEL - 1] + "…"


def interval_chart(groups: Mapping[str, Sequence[Mark]], series: Sequence[str] = ()) -> Figure:
    """Draw rates in percent with their intervals, one line of the chart per group.

    A line over a band on one height: the part and the whole stay together, and both intervals
    can be seen.
    """

    def draw(axes: Axes) -> None:
        for y, marks in enumerate(groups.values()):
            for i, (index, *rates) in enumerate(marks):
                at = y + (i - (len(marks) - 1) / 2) * 0.7 / max(1, len(marks))
                for rate, (bar, point) in zip(rates, (_STUCK, _DOOM), strict=True):
                    if rate.value is None or rate.low is None or rate.high is None:
                        continue
                    limits = [100 * rate.low, 100 * rate.high]
                    axes.plot(limits, [at, at], color=colour(index), **bar)
                    axes.plot([100 * rate.value], [at], "o", color=colour(index), **point)
        axes.set_yticks(range(len(groups)), [short(label) for label in groups])
        axes.set_ylim(len(groups) - 0.5, -0.5)
        axes.set_xlim(-2, 102)
        axes.grid(axis="y", visible=False)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("% of outputs, with 95 % intervals")
        _kinds(axes)

    lines = sum(max(1, len(marks)) for marks in groups.values())
    height = 0.95 + 0.16 * len(groups) + 0.13 * lines
    return _drawn(max(1.4, height), draw, series)


_STUCK: tuple[dict[str, Any], dict[str, Any]] = (
    {"lw": 6, "alpha": 0.25, "solid_capstyle": "butt"},
    {"ms": 7.5, "mfc": "none", "mew": 1.2},
)
_DOOM: tuple[dict[str, Any], dict[str, Any]] = ({"lw": 1.5}, {"ms": 4})
"""How the bars and the points of the two rates look."""


def _kinds(axes: Axes) -> None:
    """Say which look is which rate."""
    from matplotlib.lines import Line2D

    labels = ("stuck: doom and circular", "doom")
    handles = [
        (Line2D([], [], color=SOFT, **bar), Line2D([], [], color=SOFT, marker="o", lw=0, **point))
        for bar, point in (_STUCK, _DOOM)
    ]
    axes.legend(
        handles, labels, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize=8, borderpad=0
    )


def temperature_chart(
    points: Mapping[str, Sequence[tuple[float, Mark]]],
) -> Figure:
    """Draw stuck and doom rates over temperature side by side, one line per model."""

    def draw(axes: Axes) -> None:
        figure = axes.figure
        grid = figure.add_gridspec(1, 2)
        axes.set_subplotspec(grid[0])
        other = figure.add_subplot(grid[1], sharey=axes)
        for panel, kind in ((axes, "stuck"), (other, "doom")):
            for i, marks in enumerate(points.values()):
                rates = [(t, getattr(mark, kind)) for t, mark in marks]
                _over_temperature(panel, rates, colour(i))
            panel.set(ylim=(-2, 102), xlabel="temperature", ylabel=f"{kind}, %")
        other.tick_params(length=0)

    return _drawn(2.4, draw, list(points))


def _over_temperature(axes: Axes, rates: Sequence[tuple[float, Rate]], tint: str) -> None:
    known = [(t, rate) for t, rate in rates if rate.value is not None]
    temperatures = [t for t, _ in known]
    values = [100 * (r.value or 0) for _, r in known]
    below = [100 * ((r.value or 0) - (r.low or 0)) for _, r in known]
    above = [100 * ((r.high or 0) - (r.value or 0)) for _, r in known]
    axes.errorbar(temperatures, values, yerr=(below, above), color=tint, marker="o", ms=4, lw=1.5)


def onset_chart(
    kinds: Mapping[str, Sequence[Sequence[int]]], series: Sequence[str], budget: int
) -> Figure:
    """Draw at which token stuck ends begin: a panel for each kind, the series on each other.

    Parameters
    ----------
    kinds
        Onsets in tokens, by kind of end and series.
    series
        Labels.
    budget
        Tokens at the right end of the axis.
    """
    from matplotlib.ticker import MaxNLocator

    def draw(axes: Axes) -> None:
        figure = axes.figure
        grid = figure.add_gridspec(len(kinds), 1)
        axes.set_subplotspec(grid[0])
        panels = [axes, *(figure.add_subplot(grid[i]) for i in range(1, len(kinds)))]
        edges = [budget * i / 32 for i in range(33)]
        for panel, (kind, onsets) in zip(panels, kinds.items(), strict=True):
            panel.hist(
                [list(values) for values in onsets],
                bins=edges,
                stacked=True,
                color=[colour(i) for i in range(len(onsets))],
                rwidth=0.9,
            )
            panel.grid(axis="x", visible=False)
            panel.set(xlim=(0, budget), ylabel=f"{kind} outputs")
            panel.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
            panel.tick_params(length=0)
        panels[-1].set_xlabel("onset, tokens")

    return _drawn(1.0 + 1.3 * len(kinds), draw, series)


def incidence_chart(fates: Sequence[Incidence], series: Sequence[str], budget: int) -> Figure:
    """Draw the shares that have looped and ended after so many tokens, and what did neither.

    Parameters
    ----------
    fates
        Of each series.
    series
        Labels.
    budget
        Tokens at the right end of the axis.
    """

    def draw(axes: Axes) -> None:
        figure = axes.figure
        grid = figure.add_gridspec(2, 2, height_ratios=(2, 1), width_ratios=(2, 1))
        axes.set_subplotspec(grid[0, :])
        ends, others = figure.add_subplot(grid[1, 0]), figure.add_subplot(grid[1, 1])
        alpha = min(0.15, 0.6 / max(1, len(fates)))  # many bands lie over each other
        for i, one in enumerate(fates):
            loop, end, circular, cut = (_percent(one.curves[kind]) for kind in FATES)
            axes.fill_between(
                one.times, loop.low, loop.high, step="post", color=colour(i), alpha=alpha, lw=0
            )
            axes.step(one.times, loop.share, where="post", color=colour(i), lw=1.6)
            ends.step(one.times, end.share, where="post", color=colour(i), lw=1)
            for at, curve, face in ((i - 0.2, circular, "none"), (i + 0.2, cut, colour(i))):
                others.plot([curve.low[-1], curve.high[-1]], [at, at], color=colour(i), lw=1)
                others.plot(curve.share[-1:], [at], "o", color=colour(i), mfc=face, ms=4)
        for panel, label in ((axes, "looped, %"), (ends, "ended without\na loop, %")):
            panel.set(xlim=(0, budget), ylim=(0, 102), xlabel="tokens", ylabel=label)
        others.set(
            xlim=(-2, 102), ylim=(len(fates) - 0.5, -0.5), yticks=[], xlabel="○ circular, ● cut, %"
        )
        others.spines["left"].set_visible(False)
        for panel in (ends, others):
            panel.tick_params(length=0)

    return _drawn(3.3, draw, series)


def _percent(curve: Curve) -> Curve:
    share, low, high = ([100 * v for v in some] for some in (curve.share, curve.low, curve.high))
    return Curve(share=share, low=low, high=high)


def outcome_chart(cells: Sequence[Crossed]) -> Figure:
    """Draw outcomes, split by whether the answer was right."""

    def draw(axes: Axes) -> None:
        left = [0] * len(cells)
        for kind, tint, label in (
            ("correct", GOOD, "right"),
            ("wrong", BAD, "wrong"),
            ("ungraded", NONE, "not graded"),
        ):
            counts = [getattr(cell, kind) for cell in cells]
            if any(counts):
                axes.barh(range(len(cells)), counts, left=left, color=tint, height=0.6, label=label)
            left = [a + b for a, b in zip(left, counts, strict=True)]
        _bars(axes, [cell.outcome for cell in cells], "outputs")

    return _drawn(2.25, draw)


_LOOKS: dict[Outcome, tuple[str, float]] = {
    "clean": (GOOD, 1.0),
    "recovered": (GOOD, 0.45),
    "truncated": (NONE, 1.0),
    "unknown": (NONE, 0.45),
    "circular": (BAD, 0.45),
    "doom": (BAD, 1.0),
}
"""Colours and strengths of outcomes, from the best on."""


def share_chart(counts: Mapping[str, Mapping[Outcome, int]]) -> Figure:
    """Draw how the outputs of each group ended, as shares of those that did not fail."""

    def draw(axes: Axes) -> None:
        totals = [sum(group.get(one, 0) for one in _LOOKS) for group in counts.values()]
        left = [0.0] * len(counts)
        for outcome, (tint, alpha) in _LOOKS.items():
            found = [group.get(outcome, 0) for group in counts.values()]
            shares = [100 * n / max(1, total) for n, total in zip(found, totals, strict=True)]
            if any(found):
                bars = range(len(counts))
                axes.barh(
                    bars, shares, left=left, color=tint, alpha=alpha, height=0.6, label=outcome
                )
            left = [a + b for a, b in zip(left, shares, strict=True)]
        _bars(axes, [short(label) for label in counts], "% of outputs", ncols=len(_LOOKS))
        axes.set_xlim(0, 100)

    return _drawn(1.15 + 0.28 * len(counts), draw)


def token_chart(counts: Sequence[Tokens], series: Sequence[str]) -> Figure:
    """Draw where the tokens went, and what early stopping did not make."""

    def draw(axes: Axes) -> None:
        left = [0] * len(counts)
        for kind, tint, alpha, label in (
            ("useful", GOOD, 1.0, "before"),
            ("looping", BAD, 1.0, "in a loop"),
            ("circling", BAD, 0.45, "going round"),
            ("saved", NONE, 1.0, "saved"),
        ):
            values = [getattr(one, kind) for one in counts]
            if any(values):
                bars = range(len(counts))
                axes.barh(bars, values, left=left, color=tint, alpha=alpha, height=0.6, label=label)
            left = [a + b for a, b in zip(left, values, strict=True)]
        _bars(axes, [short(label) for label in series], "tokens")

    return _drawn(1.15 + 0.28 * len(series), draw)


def _bars(axes: Axes, labels: Sequence[str], unit: str, ncols: int = 4) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(unit)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            loc="lower left", bbox_to_anchor=(0, 1), ncols=ncols, fontsize=8, borderpad=0,
            columnspacing=1, handlelength=1.2,
        )  # fmt: skip


def svg(figure: Figure, name: str) -> bytes:
    """Return a figure as a file of its own: deterministic, on white."""
    return _saved(figure, "svg", name, facecolor="white", metadata={"Date": None})


def png(figure: Figure, dpi: int = 200) -> bytes:
    """Return a figure as a PNG on white, at about twice the size of the page's."""
    return _saved(figure, "png", "", facecolor="white", dpi=dpi)


def _saved(figure: Figure, form: str, salt: str, **options: object) -> bytes:
    from matplotlib import rc_context

    data = io.BytesIO()
    with rc_context(_STYLE | {"svg.hashsalt": salt}), _any_glyph():
        figure.savefig(data, format=form, **options)  # type: ignore[arg-type]
    return data.getvalue()


def inline_svg(chart: Chart) -> str:
    """Return a chart as an element of a page, in the page's colours.

    Its ids get the chart's name, so that charts on one page do not meddle with each other.
    """
    data = _saved(chart.figure, "svg", chart.name, transparent=True, metadata={"Date": None})
    ElementTree.register_namespace("", _SVG)
    root = ElementTree.fromstring(data)
    for parent in root.iter():
        for child in list(parent):
            if child.tag.endswith("}metadata"):
                parent.remove(child)
    for element in root.iter():
        _restyle(element, chart.name)
    del root.attrib["width"], root.attrib["height"]
    root.set("role", "img")
    root.set("aria-label", f"{chart.title}. {chart.caption}")
    return ElementTree.tostring(root, encoding="unicode")


def _restyle(element: ElementTree.Element, prefix: str) -> None:
    """Give ids a prefix and put the page's colours in place of the drawing's."""
    if element.tag == f"{{{_SVG}}}style":
        # Its rule is for every path of the page; what it says is set on the charts' class.
        element.text = ""
    for key, value in list(element.attrib.items()):
        if key == "id":
            element.set(key, f"{prefix}-{value}")
        elif key == _LINK and value.startswith("#"):
            # Without its prefix: a page knows no other name for that namespace than xlink.
            del element.attrib[key]
            element.set("href", f"#{prefix}-{value[1:]}")
        elif key in ("style", "clip-path", "fill", "stroke"):
            changed = value.replace("url(#", f"url(#{prefix}-").replace("'DejaVu Sans'", "inherit")
            for drawn, shown in _ON_PAGE.items():
                changed = changed.replace(drawn, shown)
            element.set(key, changed)


def write_charts(charts: Sequence[Chart], folder: Path) -> list[Path]:
    """Write every chart as SVG and as PNG; return the paths.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    from loopbench.results.store import write_atomically

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for chart in charts:
        for path, data in (
            (folder / f"{chart.name}.svg", svg(chart.figure, chart.name)),
            (folder / f"{chart.name}.png", png(chart.figure)),
        ):
            write_atomically(path, data)
            paths.append(path)
    return paths
