"""Two checkpoints, prompt by prompt: what changed, and whether it is more than noise. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, get_args

import msgspec

from loopbench.gate.metrics import by_prompt
from loopbench.gate.policy import BINARY, Metric
from loopbench.judging.outcome import STUCK
from loopbench.results.header import Header
from loopbench.results.observations import Seen
from loopbench.results.observed import (
    Difference,
    Observed,
    book_difference,
    differences,
    mending,
    missing_generations,
    template_difference,
)
from loopbench.statistics.intervals import Interval, holm
from loopbench.statistics.paired import mcnemar, paired_bootstrap, paired_difference, sign_flip
from loopbench.types import Outcome, Struct

LEVEL = 0.05
MEASURES: tuple[Metric, ...] = get_args(Metric)

Prompt = tuple[str, str]
Word = Literal["more", "less", "undecided"]


class Entry(NamedTuple):
    """One side of a comparison: one model of a run."""

    label: str
    observed: Observed


class Change(Struct, frozen=True):
    """One measure on both sides. Rates are fractions."""

    task: str
    """`all`, or the task."""
    measure: Metric
    pairs: int
    """Prompts that both sides have."""
    first: float
    second: float
    difference: float
    """Second less first, with its 95 % interval."""
    low: float
    high: float
    p: float
    """Two-sided: exact McNemar; with repeats, and for scores, by flipping signs."""
    p_holm: float
    """Adjusted over the tasks, or over the other measures; `p` itself for all doom loops."""


class Moved(Struct, frozen=True):
    """A prompt that is stuck more or less often, or in another way."""

    task: str
    sample: str
    first: list[Outcome]
    """Of its generations that did not fail."""
    second: list[Outcome]


class Comparison(Struct, frozen=True):
    """Two checkpoints at one temperature."""

    first: str
    second: str
    temperature: float | None
    """None where a file of outputs does not say it."""
    budget: int | None
    changes: list[Change]
    started: list[Moved]
    """Prompts that are stuck more often than before."""
    stopped: list[Moved]
    otherwise: list[Moved]
    """Prompts that are stuck as often, and doomed more or less often."""
    notes: list[str]
    """What differs besides the weights, and what is missing."""
    word: Word
    """What the doom-loop rate does, if that is more than noise."""


def entries(runs: Sequence[tuple[str, Observed]]) -> list[Entry]:
    """Split runs into one entry per model, with labels that tell them apart.

    Parameters
    ----------
    runs
        Path and content of each.
    """
    parts = [
        (path, model.name, msgspec.structs.replace(
            observed,
            header=msgspec.structs.replace(observed.header, models=[model]),
            seen=[one for one in observed.seen if one.model == model.name],
        ))
        for path, observed in runs
        for model in observed.header.models
    ]  # fmt: skip
    names = [name for _, name, _ in parts]
    short = [path.rstrip("/").rpartition("/")[2] for path, _, _ in parts]
    result = []
    for (path, name, observed), folder in zip(parts, short, strict=True):
        label = name
        if names.count(name) > 1:
            label = f"{name} ({folder if len(set(short)) == len(runs) else path})"
        result.append(Entry(label, observed))
    return result


def compare(sides: Sequence[Entry]) -> list[Comparison]:
    """Compare every entry with the first, at every temperature.

    Raises
    ------
    ValueError
        If there are not two, or they measured different things; says which.
    """
    if len(sides) < 2:
        raise ValueError("A comparison needs two models: name two runs, or one run of two models.")
    result = []
    first = sides[0]
    for second in sides[1:]:
        other = differences(first.observed, second.observed)
        if other:
            raise ValueError(
                f"{first.label} and {second.label} measured different things: "
                f"{'; '.join(map(str, other))}. "
                + mending(other, "Run them with the same settings.")
            )
        notes = list(_notes(first, second))
        cells = (first.observed.cells(), second.observed.cells())
        for sampling in first.observed.header.samplings:
            seen = [
                cell.get((side.observed.header.models[0].name, sampling.temperature), [])
                for cell, side in zip(cells, (first, second), strict=True)
            ]
            result.append(
                comparison_of(
                    (first.label, second.label),
                    seen,
                    sampling.temperature,
                    sampling.max_new_tokens,
                    repeats=first.observed.header.repeats,
                    tasks=sorted(first.observed.header.tasks),
                    notes=notes,
                )
            )
    return result


def _notes(first: Entry, second: Entry) -> Iterator[str]:
    """Say what differs in the setup, which a comparison of checkpoints may allow."""
    a, b = (side.observed.header for side in (first, second))
    old, new = a.models[0], b.models[0]
    if old.fingerprint == new.fingerprint:
        yield "the weights are the same"
    for found in (
        Difference("quantisation", old.quantization, new.quantization),
        Difference("engine", f"{old.engine} {old.engine_version}",
                   f"{new.engine} {new.engine_version}"),
        Difference("deterministic", str(a.deterministic), str(b.deterministic)),
        # Of runs they are equal, or there would be no comparison.
        Difference("longest output", f"{_longest(a)} tokens", f"{_longest(b)} tokens"),
        *template_difference(first.observed, second.observed),
        *book_difference(first.observed, second.observed),
    ):  # fmt: skip
        if found.differs:
            yield str(found)
    for side in (first, second):
        missing = missing_generations(side.observed)
        if missing:
            # Those that have not ended are the long ones.
            yield (
                f"{side.label} is not complete, {missing} of {side.observed.expected} generations "
                "are missing: its rates are too low if it was interrupted"
            )
        failed = sum(one.outcome == "error" for one in side.observed.seen)
        if failed:
            yield f"{failed} generations of {side.label} failed and are left out"
        untold = sum(not one.finish_known for one in side.observed.seen)
        if untold:
            yield (
                f"of {untold} generations of {side.label} it is not known why they ended: they are "
                "no part of the circular and truncated rates, and count as stuck where they loop "
                "at their end"
            )


def _longest(header: Header) -> int:
    return max((sampling.max_new_tokens for sampling in header.samplings), default=0)


def comparison_of(
    labels: tuple[str, str],
    seen: Sequence[Sequence[Seen]],
    temperature: float | None,
    budget: int | None,
    *,
    repeats: int,
    tasks: Sequence[str],
    notes: Sequence[str],
    measures: Sequence[Metric] = MEASURES,
) -> Comparison:
    """Compare the generations of two sides.

    Parameters
    ----------
    labels
        What the sides are called.
    seen
        Their generations, paired by task and sample.
    temperature, budget
        Of both.
    repeats
        Most generations of one prompt.
    tasks
        Each gets a line of its own.
    notes
        What a reader must know.
    measures
        What is compared; doom comes first.

    Raises
    ------
    ValueError
        If they share no prompt.
    """
    first, second = labels
    whole = [_change("all", measure, seen, repeats) for measure in measures]
    by_task = [
        _change(task, "doom", [[one for one in side if one.task == task] for side in seen], repeats)
        for task in tasks
    ]
    head, others = whole[0], [change for change in whole[1:] if change]
    if head is None:
        raise ValueError(f"{first} and {second} share no prompt that both have finished.")
    per_task = [change for change in by_task if change]
    started, stopped, otherwise = _moved(*map(_outcomes, seen))
    word: Word = "undecided"
    if head.p <= LEVEL:
        word = "more" if head.difference > 0 else "less"
    return Comparison(
        first=first,
        second=second,
        temperature=temperature,
        budget=budget,
        changes=[head, *_adjusted(others), *_adjusted(per_task)],
        started=started,
        stopped=stopped,
        otherwise=otherwise,
        notes=list(notes),
        word=word,
    )


def _adjusted(changes: Sequence[Change]) -> list[Change]:
    adjusted = holm([change.p for change in changes])
    return [
        msgspec.structs.replace(change, p_holm=p)
        for change, p in zip(changes, adjusted, strict=True)
    ]


def _change(
    task: str, measure: Metric, seen: Sequence[Sequence[Seen]], repeats: int
) -> Change | None:
    """Return None where the two sides share no prompt that the measure is about."""
    before, after = (by_prompt(side, measure) for side in seen)
    shared = [prompt for prompt in before if prompt in after]
    if not shared:
        return None
    first = [statistics.fmean(before[prompt]) for prompt in shared]
    second = [statistics.fmean(after[prompt]) for prompt in shared]
    if repeats == 1 and measure in BINARY:
        interval, p = _binary(first, second)
    else:
        interval, p = paired_bootstrap(first, second), sign_flip(first, second)
    return Change(
        task=task,
        measure=measure,
        pairs=len(shared),
        first=statistics.fmean(first),
        second=statistics.fmean(second),
        difference=interval.value,
        low=interval.low,
        high=interval.high,
        p=p,
        p_holm=p,
    )


def _binary(first: Sequence[float], second: Sequence[float]) -> tuple[Interval, float]:
    pairs = list(zip(first, second, strict=True))
    gained, lost = pairs.count((0.0, 1.0)), pairs.count((1.0, 0.0))
    interval = paired_difference(pairs.count((1.0, 1.0)), gained, lost, pairs.count((0.0, 0.0)))
    return interval, mcnemar(gained, lost)


def _outcomes(seen: Sequence[Seen]) -> dict[Prompt, list[Outcome]]:
    prompts: dict[Prompt, list[Outcome]] = {}
    for one in seen:
        if one.outcome != "error":
            prompts.setdefault(one.prompt, []).append(one.outcome)
    return prompts


def _moved(
    before: dict[Prompt, list[Outcome]], after: dict[Prompt, list[Outcome]]
) -> tuple[list[Moved], list[Moved], list[Moved]]:
    """Return the prompts that are stuck more often, less often, and as often in another way."""
    more: list[Moved] = []
    less: list[Moved] = []
    otherwise: list[Moved] = []
    for prompt in sorted(before.keys() & after.keys()):
        first, second = before[prompt], after[prompt]
        one = Moved(task=prompt[0], sample=prompt[1], first=first, second=second)
        stuck, doomed = (_share(second, of) - _share(first, of) for of in (STUCK, ("doom",)))
        if stuck:
            (more if stuck > 0 else less).append(one)
        elif doomed:
            otherwise.append(one)
    return more, less, otherwise


def _share(outcomes: Sequence[Outcome], of: Sequence[str]) -> float:
    return statistics.fmean(outcome in of for outcome in outcomes)
