"""Named mixtures of tasks, and the selection of samples for a run."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import msgspec

from loopbench import tasks
from loopbench.naming import UnknownNameError
from loopbench.tasks import sources
from loopbench.types import Sample

DEFAULT_SUITE = "edge"
DEFAULT_COUNT = 16
"""Samples of a task that is named without a suite and without a limit."""

_REASONING = (
    "chain_sum",
    "competition",
    "countdown",
    "enumeration",
    "knights_knaves",
    "long_multiplication",
    "number_sequence",
)


@runtime_checkable
class Sized(Protocol):
    """A task whose items are given and end."""

    def size(self, level: str) -> int:
        """Return the number of items of a level."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """So many samples of one task at one level."""

    task: str
    level: str
    count: int


@dataclass(frozen=True, slots=True)
class Suite:
    """A published mixture; a change of its entries needs a new version."""

    name: str
    version: int
    description: str
    entries: tuple[Entry, ...]


_MINI = ("mini_call", "mini_countdown", "mini_pairs", "mini_records", "mini_sum")


def _mixture(reasoning: int, hard: int, medium: int) -> tuple[Entry, ...]:
    return (
        *(Entry(task, "hard", reasoning) for task in _REASONING),
        *(
            Entry(task, level, count)
            for task in ("extract_records", "tool_call")
            for level, count in (("hard", hard), ("medium", medium))
        ),
    )


_AGENTS = tuple(Entry("agent_lookup", level, 16) for level in ("easy", "medium", "hard"))

_FULL = (
    *_mixture(32, 48, 32),
    Entry("extract_records", "long_schema", 24),
    *(Entry("tool_call", level, 24) for level in ("tools_1", "tools_10", "tools_40")),
    Entry("instructions", "hard", 32),
    *_AGENTS,
)

SUITES: dict[str, Suite] = {
    suite.name: suite
    for suite in (
        Suite("edge", 1, "hard reasoning, with extraction and tool use", _mixture(8, 12, 8)),
        Suite(
            "full",
            2,
            "four times edge, many tools, long schemas, instructions and agents; needs the extra "
            "agents",
            _FULL,
        ),
        Suite("quick", 1, "a quarter of the edge mixture", _mixture(2, 3, 2)),
        Suite(
            "agents",
            1,
            "questions that must be looked up with tools, turn by turn; needs the extra agents",
            _AGENTS,
        ),
        Suite(
            "easy",
            1,
            "every task at its easy level",
            tuple(Entry(task, "easy", 4) for task in (*_REASONING, "extract_records", "tool_call")),
        ),
        Suite(
            "reference",
            1,
            "short prompts for models of a million parameters, for a quick table",
            (
                *(Entry(task, "easy", 8) for task in _MINI),
                *(Entry(task, "hard", 24) for task in ("mini_pairs", "mini_countdown")),
                *(Entry(task, "hard", 8) for task in ("mini_sum", "mini_records", "mini_call")),
            ),
        ),
        Suite(
            "reference_easy",
            1,
            "short prompts for models of a million parameters, easy levels",
            tuple(Entry(task, "easy", 80) for task in _MINI),
        ),
        Suite(
            "reference_hard",
            1,
            "short prompts for models of a million parameters, hard levels, mostly search",
            (
                Entry("mini_pairs", "hard", 140),
                Entry("mini_countdown", "hard", 140),
                Entry("mini_sum", "hard", 60),
                Entry("mini_records", "hard", 40),
                Entry("mini_call", "hard", 40),
            ),
        ),
    )
}
"""Every suite by name."""


def select(names: Sequence[str], limit: int | None, seed: int) -> list[Sample]:
    """Return the samples of a mixed selection, in balanced order.

    Parameters
    ----------
    names
        Suites, tasks (at their hardest level), `task:level`, and tasks of sources such as
        `bfcl:simple`. A task and level that is named twice counts once, with the larger number.
    limit
        Most samples in all. If only tasks are named they share it evenly, so that one task
        can be run on as many samples as wanted; without it each gives `DEFAULT_COUNT`, and a
        task whose items are given (a published set, a file) gives all of them.
    seed
        Of the samples and of their order.

    Raises
    ------
    loopbench.naming.UnknownNameError
        If a name is neither a suite nor a task.
    ValueError
        If a level is unknown, nothing is named, or the limit is below 1.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be >= 1, got {limit}")
    if not names:
        raise ValueError("no task or suite was named")
    only_tasks = not any(name in SUITES for name in names)
    each = -(-limit // len(set(names))) if limit and only_tasks else None
    merged: dict[tuple[str, str], int] = {}
    for name in names:
        for entry in _entries(name, each):
            place = (entry.task, entry.level)
            merged[place] = max(entry.count, merged.get(place, 0))
    return _balanced([Entry(*place, count) for place, count in merged.items()], seed)[:limit]


def at_levels(names: Sequence[str], levels: Sequence[str]) -> list[str]:
    """Return the tasks of a selection as `task:level`, each at every one of the levels.

    Raises
    ------
    loopbench.naming.UnknownNameError
        If a name is neither a suite nor a task.
    ValueError
        If a name says a level itself.
    """
    said = next((name for name in names if ":" in name), None)
    if said:
        raise ValueError(f"{said} names a level, and so does the level axis of the grid.")
    found = {entry.task: None for name in names for entry in _entries(name, DEFAULT_COUNT)}
    return [f"{task}:{level}" for task in found for level in levels]


def draw(names: Sequence[str], n: int, seed: int) -> list[Sample]:
    """Return `n` samples in random order, each from an entry drawn by its share of the mixture.

    Unlike `select`, which balances, this has no end at the size of a suite and every prefix is
    an independent draw from the same population, which is what a test that may stop at any
    moment needs. The first m of n are those of `draw(names, m, seed)`.

    Parameters
    ----------
    names
        Tasks and suites, whose counts are the weights of the mixture.
    n
        Number of samples.
    seed
        Of the draws and of the items.

    Raises
    ------
    loopbench.naming.UnknownNameError, ValueError
        As for `select`; or if a task has not so many distinct samples.
    """
    if n < 1 or not names:
        raise ValueError(f"name a task or suite and a positive number of samples, got {n}")
    merged: dict[tuple[str, str], int] = {}
    for name in names:
        for entry in _entries(name, None):
            place = (entry.task, entry.level)
            merged[place] = max(entry.count, merged.get(place, 0))
    places = sorted(merged)
    weights = [merged[place] for place in places]
    drawn = [random.Random(f"draw:{seed}:{i}").choices(places, weights)[0] for i in range(n)]
    pools = {
        (task, level): tasks.get(task).samples(drawn.count((task, level)), level=level, seed=seed)
        for task, level in set(drawn)
    }
    return [next(pools[place]) for place in drawn]


def content_hash(samples: Iterable[Sample]) -> str:
    """Return `sha256:` and a hash of the samples' content, whatever their order.

    The header of a run pins its items with it: two runs are comparable item by item only
    if the hashes agree, whatever versions they claim.
    """
    digests = sorted(
        hashlib.sha256(
            json.dumps(msgspec.to_builtins(sample), sort_keys=True, separators=(",", ":")).encode()
        ).hexdigest()
        for sample in samples
    )
    return "sha256:" + hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _entries(name: str, count: int | None) -> tuple[Entry, ...]:
    if name in SUITES:
        return SUITES[name].entries
    if sources.is_source(name):
        task_name, level = sources.split(name)
    else:
        task_name, _, level = name.partition(":")
        if task_name not in tasks.names():
            known = [*SUITES, *tasks.names(), *(f"{prefix}:" for prefix in sources.PREFIXES)]
            raise UnknownNameError("task or suite", task_name, known)
    task = tasks.get(task_name)
    level = level or tasks.default_level(task)
    if level not in task.levels:
        raise UnknownNameError(f"level of {task_name}", level, task.levels)
    if isinstance(task, Sized):
        there = task.size(level)
        return (Entry(task_name, level, there if count is None else min(count, there)),)
    return (Entry(task_name, level, DEFAULT_COUNT if count is None else count),)


def _balanced(entries: Sequence[Entry], seed: int) -> list[Sample]:
    # Each entry spreads its samples evenly over [0, 1) from an offset of its own: every
    # prefix then holds each entry in proportion, give or take one sample.
    placed: list[tuple[float, str, str, Sample]] = []
    for entry in entries:
        text = f"order:{seed}:{entry.task}:{entry.level}"
        offset = random.Random(text).random()
        drawn = tasks.get(entry.task).samples(entry.count, level=entry.level, seed=seed)
        for j, sample in enumerate(drawn):
            placed.append(((j + offset) / entry.count, entry.task, entry.level, sample))
    placed.sort(key=lambda place: place[:3])
    return [sample for *_, sample in placed]
