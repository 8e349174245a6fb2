"""Worked outputs for the one-line tasks, in a form that a million parameters can follow.

A search is written out try by try. Each line restates the target, so that "yes" depends on
it. Two styles share the work: `Next` goes through the candidates in the order of the prompt,
and `Try` guesses: each candidate is drawn at random, those near the target more often,
whatever was tried before. Every trace is right, and none is a loop: a line that comes again
does so by chance. But where no line says anything about the next one, a greedy model is left
with the likeliest line, again and again.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from loopbench.tasks.base import Draft

Style = Literal["Try", "Next"]
SEARCH_TASKS = ("mini_pairs", "mini_countdown")
MOST_TRIES = 48
"""Longest search by trial; a longer one is drawn again."""
SPREAD = 5
"""Distance from the target at which a candidate is guessed half as often as one that hits."""

Candidate = tuple[list[int], list[int]]
"""Numbers, and the signs between them."""


def chain(numbers: Sequence[int], signs: Sequence[int]) -> tuple[str, int]:
    """Return a sum with its running values ("9+4=13-3=10") and its value."""
    value = numbers[0]
    text = str(value)
    for sign, number in zip(signs, numbers[1:], strict=True):
        value += sign * number
        text += f"{'+' if sign > 0 else '-'}{number}={value}"
    return text, value


def expression(numbers: Sequence[int], signs: Sequence[int]) -> str:
    """Return a sum without its running values ("9+4-3")."""
    rest = zip(signs, numbers[1:], strict=True)
    return str(numbers[0]) + "".join(f"{'+' if s > 0 else '-'}{n}" for s, n in rest)


def _candidates(task: str, numbers: Sequence[int]) -> list[Candidate]:
    """Return every candidate of a search, in the order of `Next`."""
    if task == "mini_pairs":
        return [([a, b], [1]) for a, b in itertools.combinations(numbers, 2)]
    return [
        (list(numbers), list(signs))
        for signs in itertools.product((1, -1), repeat=len(numbers) - 1)
    ]


def _tries(rng: random.Random, candidates: Sequence[Candidate], target: int) -> list[Candidate]:
    """Guess candidates until one reaches the target, with no memory of the earlier guesses."""
    values = [chain(*candidate)[1] for candidate in candidates]
    weights = [1 / (SPREAD + abs(value - target)) for value in values]
    while True:
        drawn = rng.choices(range(len(candidates)), weights, k=MOST_TRIES)
        hits = [at for at, index in enumerate(drawn) if values[index] == target]
        if hits:
            return [candidates[index] for index in drawn[: hits[0] + 1]]


def search_lines(
    rng: random.Random, task: str, reference: dict[str, Any], style: Style
) -> Iterator[str]:
    """Yield the lines of a search up to the one that reaches the target, then its answer.

    Parameters
    ----------
    rng
        Draws the candidates of a `Try` search; a `Next` search takes them in order.
    task
        One of `SEARCH_TASKS`.
    reference
        Its `numbers` and its `target`.
    style
        First word of every line.
    """
    target = reference["target"]
    order = _candidates(task, reference["numbers"])
    if style == "Try":
        order = _tries(rng, order, target)
    for numbers, signs in order:
        text, value = chain(numbers, signs)
        yield f"{style} {text}?{target} {'yes' if value == target else 'no'}"
        if value == target:
            yield expression(numbers, signs)
            return


def _terms(prompt: str) -> tuple[list[int], list[int]]:
    text = prompt.removeprefix("Compute ").removesuffix(".")
    parts = text.replace("-", "+-").split("+")
    values = [int(part) for part in parts]
    return [abs(v) for v in values], [1 if v > 0 else -1 for v in values[1:]]


def _call(call: dict[str, Any]) -> str:
    arguments = ",".join(f"{k}={json.dumps(v)}" for k, v in call["arguments"].items())
    return f"{call['name']}({arguments})"


def write(rng: random.Random, task: str, draft: Draft, style: Style) -> str:
    """Return a worked output that the task's grader accepts in full.

    Parameters
    ----------
    rng
        Draws the candidates of a `Try` search.
    task, draft
        One of the `mini_` tasks, and a draft of it.
    style
        Of a search; the other tasks have one form only.
    """
    if task in SEARCH_TASKS:
        *lines, answer = search_lines(rng, task, draft.reference, style)
        thought = "\n".join(lines)
        return f"<think>{thought}</think>Answer: {answer}"
    if task == "mini_sum":
        text, value = chain(*_terms(draft.prompt))
        return f"<think>{text}</think>Answer: {value}"
    if task == "mini_records":
        return json.dumps(draft.reference["record"], separators=(",", ":"))
    calls = ",".join(_call(call) for call in draft.reference["calls"])
    return f"<|tool_call_start|>[{calls}]<|tool_call_end|>"
