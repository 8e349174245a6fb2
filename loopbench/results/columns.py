"""The observations of a run in columns, some forty bytes for each. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Iterable
from functools import cached_property
from hashlib import blake2b
from operator import attrgetter
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from loopbench.results.observations import Observation, Seen
from loopbench.results.structure import Structure
from loopbench.types import Category, Finish, Level, Outcome

T = TypeVar("T", bound=Hashable)
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Origin(NamedTuple):
    """Where a record comes from: few differ in a run."""

    model: str
    temperature: float
    penalty: float
    budget: int
    task: str
    level: str
    category: Category


class Ending(NamedTuple):
    """How an output ended and what it was worth: few differ in a run."""

    category: Category
    outcome: Outcome
    doom: Level | None
    circled: bool
    finish: Finish
    score: float
    correct: bool
    graded: bool
    in_thinking: bool | None
    thinking_cut: bool | None
    hallucinated: bool
    calls: float
    structure: Structure | None
    may_be_stuck: bool

    @property
    def stopped(self) -> bool:
        """Whether the stream was stopped early."""
        return self.finish == "loop"

    @property
    def told(self) -> bool:
        """Whether it is known why the output ended."""
        return self.finish != "unknown"


class Length(NamedTuple):
    """Tokens of an output, and of its last turn."""

    tokens: int
    last_tokens: int


def _fields_of(kind: type[tuple[Any, ...]]) -> Callable[[Observation], tuple[Any, ...]]:
    """Return what reads such a tuple's fields of an observation; a plain tuple is made faster."""
    fields: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]
    return attrgetter(*(f"seen.{f}" if f in Seen.__struct_fields__ else f for f in fields))


_ORIGIN, _ENDING, _LENGTH = map(_fields_of, (Origin, Ending, Length))


def digest(*names: str) -> int:
    """Return 64 bits that tell names apart, in place of the names."""
    text = "\0".join(names).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little")


class _Coded(Generic[T]):
    """Values of which few differ, as numbers."""

    def __init__(self, make: Callable[[Iterable[Any]], T]) -> None:
        self.values: list[T] = []
        self._make = make
        self._codes: dict[tuple[Any, ...], int] = {}
        self._column = array("I")

    def append(self, fields: tuple[Any, ...]) -> None:
        code = self._codes.setdefault(fields, len(self.values))
        if code == len(self.values):
            self.values.append(self._make(fields))
        self._column.append(code)

    @property
    def column(self) -> NDArray[np.uint32]:
        return np.frombuffer(self._column, np.uint32)


class Columns:
    """All observations by key; a key that occurs twice counts as it came last.

    Keys and prompts are kept as digests: of ten million, two are alike with a probability of
    three in a million.
    """

    def __init__(self, observations: Iterable[Observation] = ()) -> None:
        self._keys, self._prompts = array("Q"), array("Q")
        self._onsets, self._seconds = array("q"), array("d")
        self._origins, self._endings = _Coded(Origin._make), _Coded(Ending._make)
        self._lengths = _Coded(Length._make)
        for one in observations:
            self.add(one)

    def add(self, one: Observation) -> None:
        """Append an observation."""
        self._keys.append(digest(one.key))
        self._prompts.append(digest(*one.seen.prompt))
        self._onsets.append(-1 if one.onset is None else one.onset)
        self._seconds.append(one.seconds)
        self._origins.append(_ORIGIN(one))
        self._endings.append(_ENDING(one))
        self._lengths.append(_LENGTH(one))

    def grouped(self, group: Callable[[Origin], T]) -> dict[T, Cell]:
        """Return the observations by a property of their origin, in their order."""
        numbers: dict[T, int] = {}
        of_origin = [numbers.setdefault(group(o), len(numbers)) for o in self._origins.values]
        if not numbers:
            return {}
        index = _last_of_each(np.frombuffer(self._keys, np.uint64))
        groups = np.array(of_origin, np.int64)[self._origins.column[index]]
        order = np.argsort(groups, kind="stable")
        ends = np.cumsum(np.bincount(groups, minlength=len(numbers)))
        parts = np.split(index[order], ends[:-1])
        # A place whose observations all came again elsewhere has none.
        return {
            name: Cell(self, part) for name, part in zip(numbers, parts, strict=True) if part.size
        }


def _last_of_each(keys: NDArray[np.uint64]) -> Ints:
    """Return where each key stands last, in the order in which the keys stand first."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    new = np.append(True, ordered[1:] != ordered[:-1])[: len(keys)]
    if new.all():
        return np.arange(len(keys))
    first, last = order[new], order[np.append(new[1:], True)]
    return np.asarray(last[np.argsort(first)])


class Cell:
    """Some of the observations, in their order."""

    def __init__(self, columns: Columns, index: Ints) -> None:
        self._columns = columns
        self._index = index

    def __len__(self) -> int:
        return len(self._index)

    def where(self, test: Callable[[Ending], bool]) -> Cell:
        """Return those with such an ending."""
        return Cell(self._columns, self._index[self.flags(test)])

    def flags(self, test: Callable[[Ending], bool]) -> Flags:
        """Return which have such an ending."""
        return self.values(test).astype(np.bool_)

    def kinds(self, of: Callable[[Ending], T]) -> set[T]:
        """Return what is asked of the endings, each answer once."""
        present = np.unique(self._columns._endings.column[self._index]).tolist()
        return {of(self._columns._endings.values[code]) for code in present}

    def values(self, value: Callable[[Ending], float]) -> NDArray[np.float64]:
        """Return a number of each ending."""
        known = np.array([value(ending) for ending in self._columns._endings.values], np.float64)
        return known[self._columns._endings.column[self._index]]

    def total(self, value: Callable[[Length], int]) -> int:
        """Return the sum of what is asked of the lengths."""
        lengths = self._columns._lengths
        counts = np.bincount(lengths.column[self._index], minlength=len(lengths.values))
        return sum(n * value(one) for n, one in zip(counts.tolist(), lengths.values, strict=True))

    @cached_property
    def prompts(self) -> Ints:
        """The number of each prompt, counted from 0 as they appear."""
        digests = np.frombuffer(self._columns._prompts, np.uint64)[self._index]
        _, first, number = np.unique(digests, return_index=True, return_inverse=True)
        return np.argsort(np.argsort(first))[number]

    @property
    def keys(self) -> NDArray[np.uint64]:
        """The digest of each key."""
        return np.frombuffer(self._columns._keys, np.uint64)[self._index]

    @property
    def seconds(self) -> float:
        """The sum of the streams' times."""
        return float(sum(np.frombuffer(self._columns._seconds, np.float64)[self._index].tolist()))

    @property
    def onsets(self) -> Ints:
        """Onsets of those that have one."""
        onsets = np.frombuffer(self._columns._onsets, np.int64)[self._index]
        return onsets[onsets >= 0]
