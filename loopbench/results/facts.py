"""What a table needs of the records of a run, in some forty bytes each. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Iterable
from functools import cached_property
from hashlib import blake2b
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from loopbench.judging.outcome import STUCK, stuck_level
from loopbench.results.structure import Structure, structure_loop
from loopbench.types import Category, Level, Outcome, Record

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
    """Went round on the way, and left that again."""
    stopped: bool
    score: float
    correct: bool
    graded: bool
    """A judgement was meant to be possible; prompts without an answer only count loops."""
    in_thinking: bool | None
    thinking_cut: bool | None
    hallucinated: bool
    calls: float
    structure: Structure | None
    """How an extraction or tool output is stuck in its structure."""


class Length(NamedTuple):
    """Tokens of an output."""

    tokens: int
    last_tokens: int
    """Of the stream that was stopped: of an episode's last turn."""


class Fact(NamedTuple):
    """What a row needs of one record."""

    key: str
    sample_id: str
    origin: Origin
    ending: Ending
    length: Length
    onset: int | None
    seconds: float


def fact_of(record: Record) -> Fact:
    """Reduce a record."""
    doomed = record.outcome == "doom"
    level = stuck_level(record.verdicts) if record.outcome in STUCK else None
    onset = next((v.onset for v in record.verdicts if v.level == level), None) if level else None
    generation, sampling, grade = record.generation, record.sampling, record.grade
    last = record.turns[-1] if record.turns else generation
    return Fact(
        key=record.key,
        sample_id=record.sample_id,
        origin=Origin(
            model=record.model,
            temperature=sampling.temperature,
            penalty=sampling.repetition_penalty,
            budget=sampling.max_new_tokens,
            task=record.task,
            level=record.level,
            category=record.category,
        ),
        ending=Ending(
            category=record.category,
            outcome=record.outcome,
            doom=level if doomed else None,
            circled=bool(record.circled),
            stopped=generation.finish == "loop",
            score=grade.score or 0.0,
            correct=bool(grade.correct),
            graded=grade.score is not None,
            in_thinking=record.loop_in_thinking if doomed else None,
            thinking_cut=_thinking_cut(record),
            hallucinated=grade.parts.get("hallucinated", 0.0) > 0,
            calls=grade.parts.get("calls", 0.0),
            structure=structure_loop(record),
        ),
        length=Length(generation.output_tokens, last.output_tokens),
        onset=onset,
        seconds=generation.seconds,
    )


def _thinking_cut(record: Record) -> bool | None:
    parts = [turn.thinking for turn in record.turns or ()] or [record.generation.thinking]
    finishes = [part.finish for part in parts if part and part.finish != "none"]
    return "budget" in finishes if finishes else None


def digest(*names: str) -> int:
    """Return 64 bits that tell names apart, in place of the names."""
    text = "\0".join(names).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little")


class _Coded(Generic[T]):
    """Values of which few differ, as numbers."""

    def __init__(self) -> None:
        self.values: list[T] = []
        self._codes: dict[T, int] = {}
        self._column = array("I")

    def append(self, value: T) -> None:
        code = self._codes.setdefault(value, len(self.values))
        if code == len(self.values):
            self.values.append(value)
        self._column.append(code)

    @property
    def column(self) -> NDArray[np.uint32]:
        return np.frombuffer(self._column, np.uint32)


class Facts:
    """The facts of all records by key; a key that occurs twice counts as it came last.

    Keys and prompts are kept as digests: of ten million, two are alike with a probability of
    three in a million.
    """

    def __init__(self, facts: Iterable[Fact] = ()) -> None:
        self._keys, self._prompts = array("Q"), array("Q")
        self._onsets, self._seconds = array("q"), array("d")
        self._origins, self._endings = _Coded[Origin](), _Coded[Ending]()
        self._lengths = _Coded[Length]()
        for fact in facts:
            self.add(fact)

    def add(self, fact: Fact) -> None:
        """Append the facts of one record."""
        self._keys.append(digest(fact.key))
        self._prompts.append(digest(fact.origin.task, fact.sample_id))
        self._onsets.append(-1 if fact.onset is None else fact.onset)
        self._seconds.append(fact.seconds)
        self._origins.append(fact.origin)
        self._endings.append(fact.ending)
        self._lengths.append(fact.length)

    def grouped(self, group: Callable[[Origin], T]) -> dict[T, Cell]:
        """Return the records by a property of their origin, in their order."""
        numbers: dict[T, int] = {}
        of_origin = [numbers.setdefault(group(o), len(numbers)) for o in self._origins.values]
        if not numbers:
            return {}
        index = _last_of_each(np.frombuffer(self._keys, np.uint64))
        groups = np.array(of_origin, np.int64)[self._origins.column[index]]
        order = np.argsort(groups, kind="stable")
        ends = np.cumsum(np.bincount(groups, minlength=len(numbers)))
        parts = np.split(index[order], ends[:-1])
        # A place whose records all came again elsewhere has none.
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
    """Some of the facts, in their order."""

    def __init__(self, facts: Facts, index: Ints) -> None:
        self._facts = facts
        self._index = index

    def __len__(self) -> int:
        return len(self._index)

    def where(self, test: Callable[[Ending], bool]) -> Cell:
        """Return the facts with such an ending."""
        return Cell(self._facts, self._index[self.flags(test)])

    def flags(self, test: Callable[[Ending], bool]) -> Flags:
        """Return which facts have such an ending."""
        return self.values(test).astype(np.bool_)

    def kinds(self, of: Callable[[Ending], T]) -> set[T]:
        """Return what is asked of the endings, each answer once."""
        present = np.unique(self._facts._endings.column[self._index]).tolist()
        return {of(self._facts._endings.values[code]) for code in present}

    def values(self, value: Callable[[Ending], float]) -> NDArray[np.float64]:
        """Return a number of each fact's ending."""
        known = np.array([value(ending) for ending in self._facts._endings.values], np.float64)
        return known[self._facts._endings.column[self._index]]

    def total(self, value: Callable[[Length], int]) -> int:
        """Return the sum of what is asked of the lengths."""
        lengths = self._facts._lengths
        counts = np.bincount(lengths.column[self._index], minlength=len(lengths.values))
        return sum(n * value(one) for n, one in zip(counts.tolist(), lengths.values, strict=True))

    @cached_property
    def prompts(self) -> Ints:
        """The number of each fact's prompt, counted from 0 as they appear."""
        digests = np.frombuffer(self._facts._prompts, np.uint64)[self._index]
        _, first, number = np.unique(digests, return_index=True, return_inverse=True)
        return np.argsort(np.argsort(first))[number]

    @property
    def keys(self) -> NDArray[np.uint64]:
        """The digest of each fact's key."""
        return np.frombuffer(self._facts._keys, np.uint64)[self._index]

    @property
    def seconds(self) -> float:
        """The sum of the streams' times."""
        return float(sum(np.frombuffer(self._facts._seconds, np.float64)[self._index].tolist()))

    @property
    def onsets(self) -> Ints:
        """Onsets of those that have one."""
        onsets = np.frombuffer(self._facts._onsets, np.int64)[self._index]
        return onsets[onsets >= 0]
