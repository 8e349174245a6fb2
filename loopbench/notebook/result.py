"""What every loaded result can do, whether it is of a run or of files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from operator import index
from typing import TYPE_CHECKING, Any

from loopbench.naming import UnknownNameError
from loopbench.notebook import html
from loopbench.outputs.judged import JudgedOutput
from loopbench.outputs.table import Offenders
from loopbench.report.charts import Plan, require
from loopbench.results.grid import Grid

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class Shown:
    """One output to be read: its text with the loop marked.

    Parameters
    ----------
    output
        What is said about it.
    text
        Its text.
    """

    def __init__(self, output: JudgedOutput, text: str | None) -> None:
        self.output, self.text = output, text

    def _head(self) -> str:
        one = self.output
        loop = ""
        if one.level:
            loop = f", {one.level} from token {one.onset} on" + (
                f", period {one.period}, ×{one.repeats}" if one.repeats else ""
            )
        name = f" {one.id}" if str(one.id) != str(one.row) else ""
        model = f" of {one.model}" if one.model else ""
        return (
            f"Row {one.row}{name}{model}: {one.outcome}{loop}; {one.tokens} tokens, "
            f"finish {one.finish}."
        )

    def __repr__(self) -> str:
        from loopbench.results.table import printable

        return printable(self._head())

    def _repr_html_(self) -> str:
        one = self.output
        if self.text is None:
            return html.block(html.line(self._head()), html.line("It has no text."))
        return html.block(html.line(self._head()), html.marked(self.text, one.start, one.end))


class Result(ABC):
    """Outputs, how they ended, and what one does with that in a notebook.

    `outputs` has one row for each; its places are those of `to_pandas()`'s index.
    """

    def __len__(self) -> int:
        return len(self.outputs)

    @property
    @abstractmethod
    def outputs(self) -> list[JudgedOutput]:
        """One row for each output, with the same fields for runs and files."""

    @property
    @abstractmethod
    def levels(self) -> tuple[str, ...]:
        """What `to_pandas` can have one row of."""

    @property
    @abstractmethod
    def notes(self) -> list[str]:
        """What a reader must know to quote the numbers."""

    @abstractmethod
    def _title(self) -> str: ...

    @abstractmethod
    def _grid(self) -> Grid: ...

    @abstractmethod
    def _plans(self) -> list[Plan]: ...

    @abstractmethod
    def _outputs_frame(self) -> pd.DataFrame: ...

    @abstractmethod
    def _rows_frame(self, level: str) -> pd.DataFrame: ...

    @abstractmethod
    def _texts(self, places: Sequence[int]) -> list[str | None]:
        """Return the texts of outputs, whose places are in order."""

    @cached_property
    def worst(self) -> list[JudgedOutput]:
        """The stuck outputs that wasted most tokens."""
        found = Offenders()
        for one in self.outputs:
            found.add(one)
        return found.worst()

    def to_pandas(self, level: str = "output", *, text: bool = False) -> pd.DataFrame:
        """Return a table of pandas, with a type for every column.

        Parameters
        ----------
        level
            One row for each `output`, or for each of `levels`, such as `model`; a rate is then
            three columns, `stuck_rate`, `stuck_rate_low` and `stuck_rate_high`.
        text
            Add the whole text of every output. Files are read again for it.

        Raises
        ------
        ValueError
            For an unknown level.
        loopbench.errors.BackendError
            If pandas is not installed.
        """
        if level not in self.levels:
            raise UnknownNameError("level", level, self.levels)
        if level != "output":
            return self._rows_frame(level)
        frame = self._outputs_frame()
        if text:
            from loopbench.results.frames import frame_of

            texts = self._texts(range(len(self)))
            return frame.join(frame_of([("text", "string", texts)]))
        return frame

    def text(self, place: int) -> str | None:
        """Return the text of an output; None if it has none.

        Parameters
        ----------
        place
            Of the output in `outputs`, which is its index in `to_pandas()`.
        """
        (found,) = self._texts([self._place(place)])
        return found

    def show(self, place: int) -> Shown:
        """Return an output to be read: its text, with the loop marked.

        Parameters
        ----------
        place
            As for `text`.
        """
        at = self._place(place)
        return Shown(self.outputs[at], self.text(at))

    def _place(self, place: int) -> int:
        at = index(place)
        if not 0 <= at < len(self):
            raise IndexError(f"There are {len(self)} outputs, from 0 on; there is none at {at}.")
        return at

    @property
    def charts(self) -> list[str]:
        """Names of the charts that `plot` draws."""
        return [plan.name for plan in self._plans()]

    def plot(self, chart: str) -> Figure:
        """Return one of the report's charts as a figure of matplotlib.

        Parameters
        ----------
        chart
            One of `charts`.

        Raises
        ------
        ValueError
            For an unknown chart, or if matplotlib is not installed.
        """
        plans = {plan.name: plan for plan in self._plans()}
        if chart not in plans:
            raise UnknownNameError("chart", chart, plans)
        require()
        return plans[chart].drawn().figure

    def _problems(self) -> list[str]:
        return []

    def __repr__(self) -> str:
        return self._title()

    def _repr_html_(self) -> str:
        legend, *notes = self.notes
        several = len({one.file for one in self.outputs}) > 1
        return html.block(
            html.line(self._title()),
            html.table(self._grid()),
            html.offenders(self.worst, several),
            *(html.line(one, "opacity:.8") for one in [*notes, *self._problems()]),
            html.folded("What the columns mean", [legend]),
        )


def columns(made: dict[str, tuple[str, Sequence[Any]]]) -> pd.DataFrame:
    """Return a table of named columns, each with its type."""
    from loopbench.results.frames import frame_of

    return frame_of((name, dtype, values) for name, (dtype, values) in made.items())
