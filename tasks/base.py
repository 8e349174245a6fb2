"""The task contract: seeded samples, a grader, and the answer that the grader must accept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from loopbench.types import Category, Grade, Sample


@runtime_checkable
class Task(Protocol):
    """A source of prompts with a grader that evaluation and training share."""

    name: str
    version: int
    category: Category
    levels: tuple[str, ...]
    """From easy to hard."""
    description: str
    """One line for `loopbench ls tasks`."""

    def samples(
        self, n: int, *, level: str, seed: int = 0, split: str = "test"
    ) -> Iterator[Sample]:
        """Yield `n` distinct samples; the first `m` of `n` are those of `samples(m)`.

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
