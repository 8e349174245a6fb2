"""Base of the tasks whose items are given: a published evaluation set, or a user's file."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property

from loopbench.types import Category, Grade, Sample

ALL = "all"
"""The level that holds every item."""


class FixedTask(ABC):
    """Items that a seed puts in another order, and nothing more.

    There is a test split only: published evaluation items have no business in training.
    """

    name: str
    version: int = 1
    category: Category
    description: str
    default_level = ALL

    @abstractmethod
    def read(self) -> Sequence[Sample]:
        """Return every item; called once, when the first is needed."""

    @abstractmethod
    def grade(self, sample: Sample, text: str) -> Grade:
        """See `Task.grade`."""

    @abstractmethod
    def oracle(self, sample: Sample) -> str:
        """See `Task.oracle`."""

    @property
    @abstractmethod
    def origin(self) -> str:
        """Which data these are: package and version, revision, or hash of a file."""

    @cached_property
    def items(self) -> Sequence[Sample]:
        """Every item, in the order of the data."""
        return self.read()

    @property
    def levels(self) -> tuple[str, ...]:
        """`all`, and the levels that the items name."""
        return (ALL, *sorted({sample.level for sample in self.items} - {ALL}))

    def size(self, level: str) -> int:
        """Return the number of items of a level."""
        return len(self._of(level))

    def samples(
        self, n: int, *, level: str = ALL, seed: int = 0, split: str = "test"
    ) -> Iterator[Sample]:
        """Yield `n` items in the order of the seed; the first `m` of `n` are `samples(m)`.

        Parameters
        ----------
        n, level, seed, split
            See `loopbench.tasks.base.Task.samples`; by default items of all levels.

        Raises
        ------
        ValueError
            If there are fewer, for an unknown level, or for another split than `test`.
        """
        if split != "test":
            raise ValueError(f"{self.name} is an evaluation set: it has a test split only.")
        if level not in self.levels:
            known = ", ".join(self.levels)
            raise ValueError(f"Unknown level {level!r} of task {self.name!r}. Known: {known}.")
        found = self._of(level)
        if not 0 <= n <= len(found):
            raise ValueError(f"{self.name}:{level} has {len(found)} items, {n} were asked for.")
        ordered = sorted(found, key=lambda sample: _rank(self.name, seed, sample.id))
        return iter(ordered[:n])

    def _of(self, level: str) -> Sequence[Sample]:
        return [sample for sample in self.items if level in (ALL, sample.level)]


def _rank(task: str, seed: int, item: str) -> bytes:
    return hashlib.sha256(f"order:{task}:{seed}:{item}".encode("utf-8", "replace")).digest()
