"""How many of these looped: rows of counts and rates. Pure."""

from __future__ import annotations

import copy
from array import array
from collections import Counter
from collections.abc import Callable
from typing import Literal

import msgspec

from loopbench.outputs.judged import JudgedOutput
from loopbench.results.summary import NO_RATE, Rate
from loopbench.statistics.intervals import rate_of_clusters
from loopbench.types import Struct

By = Literal["all", "file", "model", "task", "group"]
BY: tuple[By, ...] = ("all", "file", "model", "task", "group")
_STRANGE = 3
SHORT_BUDGET = 512
"""Tokens: loops often start later than 256, and take some to confirm."""


class OutputsRow(Struct, frozen=True):
    """One line of the summary. Rates are fractions, with 95 % intervals by prompt."""

    name: str
    """Of the file, model, task or group; `all` otherwise."""
    by: By
    n: int
    """Outputs, those whose generation failed included."""
    n_error: int
    n_unread: int
    """Rows that could not be read; they are in no rate."""
    n_unknown: int
    """Outputs with the outcome `unknown`: not doomed, and nobody knows why they ended."""
    unknown_rate: Rate
    stuck_rate: Rate
    """Doom and circular, of all outputs that did not fail."""
    doom_rate: Rate
    verbatim_rate: Rate
    counter_rate: Rate
    circular_rate: Rate
    """Of those whose finish is known, like the two below: else it is not known whether an
    output that goes round at its end was cut, or had ended."""
    recovered_rate: Rate
    truncated_rate: Rate
    stuck_unknown: int
    """Stuck outputs of which nobody knows why they ended: their end alone says so."""
    round_unknown: int
    """Outputs that go round at their end, and may have ended by themselves: not stuck."""
    doubtful: int
    """Stuck counts of fewer than 512 tokens: a list that the budget cut looks the same."""
    tokens: int
    wasted: int
    """Tokens behind the first repetition of the loops that outputs are stuck in."""
    budget: int | None
    """The largest, where the file says it."""
    least_budget: int | None
    budget_default: bool
    """Some budget is the default of the tool that wrote the file."""
    tokenization: list[str]
    strange: list[str]
    """Some of the words of the files for why outputs ended that are not known here."""


_COUNTED: tuple[Callable[[JudgedOutput], bool], ...] = (
    lambda one: one.stuck,
    lambda one: one.outcome == "doom",
    lambda one: one.outcome == "doom" and one.level == "verbatim",
    lambda one: one.outcome == "doom" and one.level == "counter",
    lambda one: one.outcome == "unknown",
)
_KNOWN: tuple[Callable[[JudgedOutput], bool], ...] = (
    lambda one: one.outcome == "circular",
    lambda one: one.outcome == "recovered",
    lambda one: one.outcome == "truncated",
)


class _Clusters:
    """How many outputs of each prompt are so: a few bytes a prompt."""

    def __init__(self, counted: tuple[Callable[[JudgedOutput], bool], ...]) -> None:
        self._counted = counted
        self._places: dict[int, int] = {}
        self._sizes = array("I")
        self._hits = [array("I") for _ in counted]

    def add(self, one: JudgedOutput) -> None:
        # Without a name of its own, an output has only its place.
        who = one.prompt or (one.task, str(one.id), one.file if isinstance(one.id, int) else "")
        place = self._places.setdefault(hash(who), len(self._places))
        if place == len(self._sizes):
            self._sizes.append(0)
            for hits in self._hits:
                hits.append(0)
        self._sizes[place] += 1
        for hits, holds in zip(self._hits, self._counted, strict=True):
            hits[place] += holds(one)

    def rates(self) -> list[Rate]:
        n = sum(self._sizes)
        if not n:
            return [NO_RATE] * len(self._counted)
        intervals = [rate_of_clusters(hits, self._sizes) for hits in self._hits]
        return [Rate(value=i.value, low=i.low, high=i.high, n=n) for i in intervals]


class Tally:
    """Counts outputs one by one; what it keeps does not grow with their texts.

    Parameters
    ----------
    name, by
        Of its row.
    """

    def __init__(self, name: str = "all", by: By = "all") -> None:
        self._name, self._by = name, by
        self._all, self._known = _Clusters(_COUNTED), _Clusters(_KNOWN)
        self._counts: Counter[str] = Counter()
        self._budgets: set[int] = set()
        self._tokenization: set[str] = set()
        self._strange: set[str] = set()

    def add(self, one: JudgedOutput) -> None:
        """Count an output."""
        self._counts["n"] += 1
        if one.outcome == "error":
            self._counts["n_error"] += 1
            return
        self._all.add(one)
        if one.finish == "unknown":
            self._counts["n_unknown"] += one.outcome == "unknown"
            self._counts["stuck_unknown"] += one.stuck
            self._counts["round_unknown"] += not one.stuck and one.at_end == "circular"
            if one.raw_finish and len(self._strange) < _STRANGE:
                self._strange.add(one.raw_finish[:40])
        else:
            self._known.add(one)
        self._counts["doubtful"] += one.doubtful
        self._counts["tokens"] += one.tokens
        self._counts["wasted"] += one.wasted
        self._counts["budget_default"] += one.budget_default
        self._tokenization.add(one.tokenization)
        if one.budget is not None:
            self._budgets = {one.budget, *self._budgets}
            if len(self._budgets) > 2:
                self._budgets = {min(self._budgets), max(self._budgets)}

    def unread(self) -> None:
        """Count a row that could not be read."""
        self._counts["n_unread"] += 1

    def renamed(self, name: str, by: By) -> Tally:
        """Return a copy under another name."""
        copied = copy.deepcopy(self)
        copied._name, copied._by = name, by
        return copied

    def row(self) -> OutputsRow:
        """Return what was counted."""
        stuck, doom, verbatim, counter, unknown = self._all.rates()
        circular, recovered, truncated = self._known.rates()
        counts = self._counts
        return OutputsRow(
            name=self._name,
            by=self._by,
            n=counts["n"],
            n_error=counts["n_error"],
            n_unread=counts["n_unread"],
            n_unknown=counts["n_unknown"],
            unknown_rate=unknown,
            stuck_rate=stuck,
            doom_rate=doom,
            verbatim_rate=verbatim,
            counter_rate=counter,
            circular_rate=circular,
            recovered_rate=recovered,
            truncated_rate=truncated,
            stuck_unknown=counts["stuck_unknown"],
            round_unknown=counts["round_unknown"],
            doubtful=counts["doubtful"],
            tokens=counts["tokens"],
            wasted=counts["wasted"],
            budget=max(self._budgets, default=None),
            least_budget=min(self._budgets, default=None),
            budget_default=bool(counts["budget_default"]),
            tokenization=sorted(self._tokenization),
            strange=sorted(self._strange),
        )


def group_of(one: JudgedOutput, by: By) -> str:
    """Return the name of the line that an output belongs to."""
    return "all" if by == "all" else str(getattr(one, by) or "–")


class _Split:
    """Tallies by one property; while all outputs share it, the total is theirs."""

    def __init__(self, by: By) -> None:
        self._by = by
        self.names: dict[str, None] = {}
        self.tallies: dict[str, Tally] = {}

    def of(self, name: str, total: Tally, count: Callable[[Tally], None]) -> None:
        """Count something under a name; `total` is what was counted before."""
        if name not in self.names:
            if len(self.names) == 1:
                (first,) = self.names
                self.tallies[first] = total.renamed(first, self._by)
            self.names[name] = None
            if len(self.names) > 1:
                self.tallies[name] = Tally(name, self._by)
        if self.tallies:
            count(self.tallies[name])


class Summary:
    """Tallies of everything, and by file, model, task and group at once.

    What distinguishes outputs is known at their end only: `rows` then shows it by the first
    of group, file, model and task of which there are several.
    """

    def __init__(self) -> None:
        self.total = Tally()
        self._by: dict[By, _Split] = {by: _Split(by) for by in BY[1:]}

    @property
    def files(self) -> int:
        """How many files there are."""
        return len(self._by["file"].names)

    def add(self, one: JudgedOutput) -> None:
        """Count an output everywhere where it belongs."""
        for by, split in self._by.items():
            split.of(str(getattr(one, by) or "–"), self.total, lambda tally: tally.add(one))
        self.total.add(one)

    def unread(self, file: str) -> None:
        """Count a row of a file that could not be read."""
        self._by["file"].of(file, self.total, Tally.unread)
        self.total.unread()

    def rows(self, by: By | None = None) -> list[OutputsRow]:
        """Return a row for each of what there are several of, and one for all behind them.

        Parameters
        ----------
        by
            What to split by; None for the first of group, file, model and task that tells
            outputs apart.
        """
        total = self.total.row()
        if by is None:
            order: tuple[By, ...] = ("group", "file", "model", "task")
            by = next((one for one in order if len(self._by[one].names) > 1), None)
        if by is None or by == "all":
            return [total]
        split = self._by[by]
        if not split.names:
            return [total]
        if len(split.names) < 2:
            return [msgspec.structs.replace(total, name=name, by=by) for name in split.names]
        return [*(tally.row() for tally in split.tallies.values()), total]
