"""`loopbench.compare`: checkpoints prompt by prompt, from results that are loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from loopbench.comparison import report
from loopbench.comparison.outcomes import Change, Comparison, entries
from loopbench.comparison.outcomes import compare as compare_entries
from loopbench.comparison.outputs import Side, compare_outputs
from loopbench.notebook import html
from loopbench.notebook.files import OutputsResult
from loopbench.notebook.loading import Place, load
from loopbench.notebook.result import columns
from loopbench.notebook.runs import RunsResult
from loopbench.outputs.judged import JudgedOutput
from loopbench.results.observed import observe

if TYPE_CHECKING:
    import pandas as pd


class Compared:
    """Comparisons of checkpoints with the first of them.

    Parameters
    ----------
    comparisons
        One for each further checkpoint, and for each temperature.
    """

    def __init__(self, comparisons: Sequence[Comparison]) -> None:
        self.comparisons = list(comparisons)

    @property
    def sentences(self) -> list[str]:
        """What each comparison shows, with the numbers that show it."""
        return [report.sentence(one) for one in self.comparisons]

    def to_pandas(self) -> pd.DataFrame:
        """Return one row for each measure that was compared, and for each task."""
        from loopbench.results.frames import rows_frame

        changes = [(one, change) for one in self.comparisons for change in one.changes]
        sides = columns(
            {
                "before": ("string", [one.first for one, _ in changes]),
                "after": ("string", [one.second for one, _ in changes]),
                "temperature": ("Float64", [one.temperature for one, _ in changes]),
            }
        )
        return sides.join(rows_frame(Change, [change for _, change in changes]))

    def __repr__(self) -> str:
        return "\n".join(self.sentences)

    def _repr_html_(self) -> str:
        return html.block(
            *(
                html.line(report.title(one), "font-weight:bold")
                + html.table(report.grid_of(one))
                + html.line(report.sentence(one))
                + html.folded(
                    "Which prompts, and what else differs", report.details(one, everything=True)
                )
                for one in self.comparisons
            )
        )


def compare(*results: RunsResult | OutputsResult | Place) -> Compared:
    """Compare checkpoints prompt by prompt: every other one with the first.

    Runs must have measured the same. Outputs of files are paired by their prompts where the files
    hold them, else by their ids, else by their rows; a result of several models is split by model.

    Parameters
    ----------
    *results
        What `load` returned, or what it takes.

    Raises
    ------
    ValueError
        If there are not two checkpoints, or nothing tells which outputs belong together.

    Examples
    --------
    >>> import loopbench
    >>> loopbench.compare("before.jsonl", "after.jsonl")  # doctest: +SKIP
    """
    loaded = [load(one) if isinstance(one, str | Path) else one for one in results]
    runs = [one for one in loaded if isinstance(one, RunsResult)]
    files = [one for one in loaded if isinstance(one, OutputsResult)]
    if runs and files:
        raise ValueError("Runs are compared with runs, and files of outputs with files.")
    if runs:
        observed = [
            (run.place, observe(run.loaded.header, run.loaded.observations))
            for result in runs
            for run in result.runs
        ]
        return Compared(compare_entries(entries(observed)))
    sides = _sides(files)
    if len(sides) < 2:
        raise ValueError("A comparison needs two checkpoints: two files, or one of two models.")
    first, *others = sides
    return Compared([compare_outputs(first, other) for other in others])


def _sides(results: Sequence[OutputsResult]) -> list[Side]:
    """Return the outputs of each model of each result, with labels that tell them apart."""
    parts: list[list[JudgedOutput]] = []
    for result in results:
        models: dict[str | None, list[JudgedOutput]] = {}
        for one in result.outputs:
            models.setdefault(one.model, []).append(one)
        parts += models.values()
    labels = [""] * len(parts)
    # Each is as short as it may be: the model, the file, its whole path, a number.
    for form in (_model, _file, _path):
        made = [form(some) for some in parts]
        alike = Counter(labels)
        labels = [
            new if alike[old] > 1 or not old else old for old, new in zip(labels, made, strict=True)
        ]
    alike = Counter(labels)
    return [
        Side(f"{label} · {number}" if alike[label] > 1 else label, some)
        for number, (label, some) in enumerate(zip(labels, parts, strict=True), 1)
    ]


def _model(outputs: Sequence[JudgedOutput]) -> str:
    return outputs[0].model or _names(outputs, name=True)


def _file(outputs: Sequence[JudgedOutput]) -> str:
    model = outputs[0].model
    return f"{model} ({_names(outputs, name=True)})" if model else _names(outputs, name=True)


def _path(outputs: Sequence[JudgedOutput]) -> str:
    model = outputs[0].model
    return f"{model} ({_names(outputs)})" if model else _names(outputs)


def _names(outputs: Sequence[JudgedOutput], name: bool = False) -> str:
    files = dict.fromkeys(Path(one.file).name if name else one.file for one in outputs)
    first, *rest = files
    return f"{first} and {len(rest)} more" if rest else first
