"""Outputs of two checkpoints that somebody has already, prompt by prompt. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from loopbench.comparison.outcomes import MEASURES, Comparison, comparison_of
from loopbench.gate.policy import Metric
from loopbench.outputs.judged import JudgedOutput
from loopbench.results.observations import Seen

_OF_ENDS: tuple[Metric, ...] = ("doom", "stuck")
"""What can be said of an output without knowing why it ended."""


class Side(NamedTuple):
    """The outputs of one checkpoint."""

    label: str
    outputs: Sequence[JudgedOutput]


class _Pairing(NamedTuple):
    """What tells which outputs belong to one prompt."""

    word: str
    name: Callable[[JudgedOutput], str | None]


_PAIRINGS = (
    _Pairing("prompt", lambda one: one.prompt),
    _Pairing("id", lambda one: str(one.id)),
)


def compare_outputs(first: Side, second: Side) -> Comparison:
    """Compare the outputs of two checkpoints to the same prompts.

    They are paired by what was asked where both files hold it, else by their own ids; where
    they have neither, by their rows, which needs as many on both sides.

    Parameters
    ----------
    first, second
        The sides.

    Raises
    ------
    ValueError
        If nothing tells which outputs belong together.
    """
    pairing = _pairing(first, second)
    # A file that names no task does not make its prompts others.
    tasks = [{one.task for one in side.outputs} for side in (first, second)]
    by_task = tasks[0] == tasks[1]
    called = _names(first, pairing, by_task)
    seen = [_seen(side, pairing, by_task, called) for side in (first, second)]
    most = max(max(Counter(one.prompt for one in side).values()) for side in seen)
    known = all(one.finish != "unknown" for side in (first, second) for one in side.outputs)
    budgets = {one.budget for side in (first, second) for one in side.outputs}
    names = sorted({one.task for one in seen[0]})
    return comparison_of(
        (first.label, second.label),
        seen,
        None,
        budgets.pop() if len(budgets) == 1 else None,
        repeats=most,
        tasks=names if len(names) > 1 else [],
        notes=[*_notes(first, second), *_unpaired(seen, pairing, (first, second))],
        measures=MEASURES if known else _OF_ENDS,
    )


def _pairing(first: Side, second: Side) -> _Pairing:
    # What has no name of its own is called by its row.
    own = all(any(str(one.id) != str(one.row) for one in s.outputs) for s in (first, second))
    for pairing in _PAIRINGS[: 1 + own]:
        names = [{pairing.name(one) for one in side.outputs} for side in (first, second)]
        if None not in names[0] | names[1] and names[0] & names[1]:
            return pairing
    rows = [[(one.row, one.repeat, one.field) for one in side.outputs] for side in (first, second)]
    if rows[0] == rows[1] and len(set(rows[0])) == len(rows[0]):
        return _Pairing("row", lambda one: f"{one.row}")
    raise ValueError(
        f"Nothing tells which outputs of {first.label} and {second.label} answer the same prompt: "
        "they share no prompts and no ids, and their rows are not the same. Write one of them into "
        "both files, such as a field 'id'."
    )


def _key(one: JudgedOutput, pairing: _Pairing, by_task: bool) -> tuple[str, str]:
    return (by_task and one.task) or "all", str(pairing.name(one))


def _names(side: Side, pairing: _Pairing, by_task: bool) -> dict[tuple[str, str], str]:
    """Return what prompts are called: by the first side's ids, where these tell them apart."""
    names = {_key(one, pairing, by_task): str(one.id) for one in side.outputs}
    told = {(task, names[task, key]) for task, key in names}
    return names if len(told) == len(names) else {}


def _seen(
    side: Side, pairing: _Pairing, by_task: bool, called: dict[tuple[str, str], str]
) -> list[Seen]:
    keys = [_key(one, pairing, by_task) for one in side.outputs]
    return [
        Seen(
            model=side.label,
            temperature=0.0,
            task=key[0],
            level="",
            category="ungraded",
            sample=called.get(key, key[1]),
            repeat=one.repeat,
            outcome=one.outcome,
            score=0.0,
            correct=False,
            tokens=one.tokens,
            error=one.error,
            graded=False,
        )
        for key, one in zip(keys, side.outputs, strict=True)
    ]


def _notes(first: Side, second: Side) -> Iterator[str]:
    sides = (first, second)
    for word, values in (
        ("budgets", [{one.budget for one in side.outputs} for side in sides]),
        ("tokens", [{one.tokenization for one in side.outputs} for side in sides]),
    ):
        told = [sorted(map(str, some - {None})) for some in values]
        if told[0] != told[1]:
            mine, theirs = (", ".join(some[:3]) or "not known" for some in told)
            yield f"{word} differ, {mine} against {theirs}"
    for side in sides:
        unknown = sum(one.finish == "unknown" for one in side.outputs)
        if unknown:
            yield (
                f"of {unknown} outputs of {side.label} it is not known why they ended: those that "
                "end in a loop count as doom"
            )
        failed = sum(one.outcome == "error" for one in side.outputs)
        if failed:
            yield f"{failed} generations of {side.label} failed and are left out"


def _unpaired(
    seen: Sequence[Sequence[Seen]], pairing: _Pairing, sides: Sequence[Side]
) -> Iterator[str]:
    mine, theirs = ({one.prompt for one in side} for side in seen)
    if pairing.word == "row":
        yield "paired by row, since the files share neither prompts nor ids"
    if pairing.word == "id" and all(one.prompt for side in sides for one in side.outputs):
        yield "paired by id, and no prompt is the same on both sides"
    for some, side in ((mine - theirs, sides[0]), (theirs - mine, sides[1])):
        if some:
            yield f"{len(some)} prompts of {side.label} are on no other side and left out"
