"""The task contract: seeded samples, a grader, and the answer that the grader must accept."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from loopbench.tasks.rng import SPLITS, item_rng, split_of
from loopbench.types import Category, Grade, Sample

_PATIENCE = 2_000
"""Draws in a row that bring nothing new before a level counts as exhausted."""


@runtime_checkable
class Task(Protocol):
    """A source of prompts with a grader that evaluation and training share."""

    name: str
    version: int
    category: Category
    description: str
    """One line for `loopbench ls tasks`."""

    @property
    def levels(self) -> tuple[str, ...]:
        """Difficulties from easy to hard, further kinds of items after them."""
        ...

    def samples(
        self, n: int, *, level: str, seed: int = 0, split: str = "test"
    ) -> Iterator[Sample]:
        """Yield `n` distinct samples; the first `m` of `n` are those of `samples(m)`.

        Parameters
        ----------
        n
            Number of samples.
        level
            One of `levels`.
        seed
            Another seed gives other samples, or another order of fixed ones.
        split
            `train`, `validation` or `test`; no problem is in two of them.

        Raises
        ------
        ValueError
            If `level` is not one of `levels`.
        """
        ...

    def grade(self, sample: Sample, text: str) -> Grade:
        """Judge an output in time linear in its length; never raises on model text."""
        ...

    def oracle(self, sample: Sample) -> str:
        """Return an output that `grade` must accept in full."""
        ...


@runtime_checkable
class AgentTask(Task, Protocol):
    """A task of category `agents`: its questions are answered over several turns, with tools.

    `Task.grade` judges the text of the last turn, or a whole output without tools.
    """

    def world(self, sample: Sample) -> str:
        """Return the name of the encyclopedia that the question is about."""
        ...

    def sub_prompt(self, question: str) -> str:
        """Return the prompt of a sub-question, in the words of a model."""
        ...


@dataclass(frozen=True, slots=True)
class Draft:
    """What a procedural task makes of one generator: a sample without its coordinates."""

    prompt: str
    reference: Any
    key: str = ""
    """Identity of the problem where prompts of another wording or order ask the same;
    the prompt itself if empty."""


class Procedural(ABC):
    """Base of the built-in tasks: draws distinct drafts and keeps the splits apart.

    Nothing requires a task to inherit from it; `Task` is the contract.
    """

    name: str
    version: int = 1
    category: Category
    levels: tuple[str, ...] = ("easy", "medium", "hard")
    description: str

    @abstractmethod
    def draft(self, rng: random.Random, level: str) -> Draft:
        """Make one problem; called with a generator of its own."""

    @abstractmethod
    def grade(self, sample: Sample, text: str) -> Grade:
        """See `Task.grade`."""

    @abstractmethod
    def oracle(self, sample: Sample) -> str:
        """See `Task.oracle`."""

    def samples(
        self, n: int, *, level: str, seed: int = 0, split: str = "test"
    ) -> Iterator[Sample]:
        """Yield `n` distinct samples; the first `m` of `n` are those of `samples(m)`.

        Parameters
        ----------
        n, level, seed, split
            See `Task.samples`.

        Raises
        ------
        ValueError
            At once if `n`, `level` or `split` makes no sense; while iterating if the
            level has fewer than `n` distinct samples.
        """
        # A generator function would report a bad level only when its first item is asked for.
        if n < 0:
            raise ValueError(f"the number of samples must be >= 0, got {n}")
        if level not in self.levels:
            known = ", ".join(self.levels)
            raise ValueError(f"Unknown level {level!r} of task {self.name!r}. Known: {known}.")
        if split not in SPLITS:
            raise ValueError(f"Unknown split {split!r}. Known: {', '.join(SPLITS)}.")
        return self._draw(n, level, seed, split)

    def _draw(self, n: int, level: str, seed: int, split: str) -> Iterator[Sample]:
        seen: set[str] = set()
        index = fruitless = 0
        while len(seen) < n:
            draft = self.draft(item_rng(self, split, seed, level, index), level)
            key = draft.key or draft.prompt
            if key in seen or split_of(self.name, key) != split:
                fruitless += 1
                if fruitless > _PATIENCE:
                    raise ValueError(
                        f"{self.name}:{level} has only {len(seen)} distinct samples "
                        f"in split {split!r}, {n} were asked for"
                    )
            else:
                fruitless = 0
                seen.add(key)
                yield Sample(
                    task=self.name,
                    task_version=self.version,
                    id=f"{split}-{seed}-{level}-{index}",
                    level=level,
                    category=self.category,
                    prompt=draft.prompt,
                    reference=draft.reference,
                )
            index += 1
