"""From records to the rows of the table. Pure: records in, rows out."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Literal, NamedTuple, get_args

import numpy as np

from loopbench.judging.outcome import STUCK
from loopbench.results.columns import Cell, Columns, Ending, Origin, digest
from loopbench.results.header import Header
from loopbench.results.observations import Followed, followed_of, observation_of
from loopbench.results.structure import STRUCTURED, Structure, structure_loop
from loopbench.statistics.intervals import (
    Interval,
    Stratum,
    clustered_rate,
    corrected_rate,
    mean_interval,
    rate_of_clusters,
)
from loopbench.types import Audit, Category, Outcome, Record, Struct

By = Literal["model", "task", "level", "category"]


class Rate(Struct, frozen=True):
    """A fraction or a mean score with its 95 % interval; all None where n is 0."""

    value: float | None
    low: float | None
    high: float | None
    n: int


NO_RATE = Rate(value=None, low=None, high=None, n=0)


class Row(Struct, frozen=True):
    """One line of the table. Rates are fractions, lengths are tokens."""

    model: str
    quantization: str
    engine: str
    """Its version included."""
    temperature: float
    budget: int
    group: str
    """What the row is broken down by: `all`, or a task, level or category."""
    n: int
    n_error: int
    prompts: int
    doom_rate: Rate
    """doom / (n − n_error), every early-stopped stream counted as doomed."""
    verbatim_rate: Rate
    counter_rate: Rate
    corrected_doom_rate: Rate
    """doom_rate as the audit of early stops says it would be without them."""
    circular_rate: Rate
    """Still going round at the last token; never part of doom. Of the outputs whose finish is
    known."""
    stuck_rate: Rate
    """(doom + circular) / (n − n_error)."""
    corrected_stuck_rate: Rate
    """stuck_rate as the audit of early stops says it would be without them."""
    circled_rate: Rate
    """Of the outputs that ended by themselves: those that went round on the way."""
    recovered_rate: Rate
    """Of the outputs whose finish is known, as are circular_rate, truncated_rate and flip_rate."""
    truncated_rate: Rate
    flip_rate: Rate
    """Prompts whose outcome differed between repeats."""
    early_stopped: int
    audited: int
    escaped: int
    escape_rate: Rate
    median_onset: float | None
    """Of the stuck outputs."""
    tokens_used: int
    """Generated, audits included."""
    tokens_saved: int
    """Not generated because streams were stopped, less what the audits generated.

    As if every stopped stream had gone on to the budget; the audited ones are known.
    """
    accuracy: Rate
    """Reasoning: correct answers. An unreadable answer is a wrong one."""
    extraction_f1: Rate
    tool_score: Rate
    tokens_per_second: float | None
    """Over all slots, from the streams' own times and the number of slots."""
    template_hash: str | None = None
    tokenization: str = "model"
    """What tokens are: the model's own, or the name of a declared split of the text."""
    doom_in_thinking: Rate = NO_RATE
    """Of the doomed outputs of a model that thinks: the share whose loop begins in there."""
    constrained: bool = False
    """Decoding kept every output to its task's JSON schema."""
    think_budget: int | None = None
    """Most tokens of thinking, where it had a budget of its own."""
    thinking_cut: Rate = NO_RATE
    """Of the outputs that thought under such a budget: the share that was closed by force."""
    repetition_penalty: float = 1.0
    agent_score: Rate = NO_RATE
    """Agent tasks: episodes, or closed-book questions, with the right answer."""
    hallucinated_rate: Rate = NO_RATE
    """Agent tasks: wrong answers stated without a search before."""
    calls_per_episode: float | None = None
    """Agent tasks: tool calls, in the mean."""
    structure_rate: Rate = NO_RATE
    """Extraction and tool outputs that are stuck in structure; see `results.structure`.

    Neither doom nor a part of it: the rule needs fewer tokens, and an output may be both.
    """
    structure_runs: int = 0
    """Of those: an end without letters and digits, mostly white space or brackets."""
    structure_calls: int = 0
    """The same tool call, or cycle of calls."""
    structure_copies: int = 0
    """Copies of another block."""
    n_unknown: int = 0
    """Outputs with the outcome `unknown`: not doomed, and nobody knows why they ended."""
    unknown_rate: Rate = NO_RATE
    """n_unknown / (n − n_error)."""
    stuck_unknown: int = 0
    """Stuck outputs that nobody knows why they ended: their end alone says so."""
    round_unknown: int = 0
    """Outputs that go round at their end, and may have ended by themselves: not stuck."""
    judgement: int = 1
    """Version of the rule that named the outcomes; see `loopbench.judging.outcome`."""


class Place(NamedTuple):
    """What the records of one row share."""

    model: str
    temperature: float
    penalty: float
    budget: int
    group: str


_GROUPS: dict[By, Callable[[Origin], str]] = {
    "model": lambda origin: "all",
    "task": lambda origin: origin.task,
    "level": lambda origin: origin.level,
    "category": lambda origin: origin.category,
}


def summarise(
    records: Iterable[Record], audits: Iterable[Audit], header: Header, by: By = "model"
) -> list[Row]:
    """Return the rows of a run, by model, temperature, penalty and `by`.

    A key that occurs twice counts once, as it came last: a failed generation was made
    again by a resumed run.

    Parameters
    ----------
    records
        All of a run.
    audits
        All of a run.
    header
        Its header.
    by
        What rows are split by.
    """
    observations = (observation_of(record, structure_loop(record)) for record in records)
    return rows(Columns(observations), followed_by_key(audits), header, by)


def followed_by_key(audits: Iterable[Audit]) -> dict[str, Followed]:
    """Reduce audits; those that failed followed nothing."""
    return {audit.key: followed_of(audit) for audit in audits if audit.outcome != "error"}


def rows(columns: Columns, followed: Mapping[str, Followed], header: Header, by: By) -> list[Row]:
    """Return the rows of reduced records and audits, the latter by key.

    Parameters
    ----------
    columns
        The reduced records.
    followed
        The reduced audits, by key.
    header
        Of the run.
    by
        What rows are split by.
    """
    cells = columns.grouped(lambda o: Place(*o[:4], _GROUPS[by](o)))
    audits = {digest(key): audit for key, audit in followed.items()}
    order = {model.name: i for i, model in enumerate(header.models)}
    places = sorted(cells, key=lambda p: (order.get(p.model, len(order)), *p))
    return [_row(place, cells[place], audits, header) for place in places]


def _row(
    place: Place,
    cell: Cell,
    followed: Mapping[int, Followed],
    header: Header,
) -> Row:
    model, temperature, penalty, budget, group = place
    info = next((m for m in header.models if m.name == model), None)
    valid = cell.where(lambda end: end.outcome != "error")
    agents = valid.where(lambda end: end.category == "agents")
    structured = valid.where(lambda end: end.category in STRUCTURED)
    told = valid.where(lambda end: end.told)
    unknown = valid.where(lambda end: end.outcome == "unknown")
    stopped = valid.where(lambda end: end.stopped)
    audits = _audits_of(stopped, followed)
    escaped = sum(audit.escaped for audit in audits)
    onsets = valid.onsets
    ended = valid.where(lambda end: end.outcome in ("clean", "recovered"))
    audit_tokens = sum(audit.tokens for audit in audits)
    tokens = valid.total(lambda length: length.tokens) + audit_tokens
    return Row(
        model=model,
        quantization=info.quantization if info else "unknown",
        engine=f"{info.engine} {info.engine_version}" if info else "unknown",
        template_hash=info.template_hash if info else None,
        tokenization=info.tokenization if info else "unknown",
        temperature=temperature,
        repetition_penalty=penalty,
        budget=budget,
        group=group,
        n=len(cell),
        n_error=len(cell) - len(valid),
        prompts=int(cell.prompts.max(initial=-1)) + 1,
        doom_rate=_rate(valid, _doomed),
        verbatim_rate=_rate(valid, lambda end: end.doom == "verbatim"),
        counter_rate=_rate(valid, lambda end: end.doom == "counter"),
        corrected_doom_rate=_corrected(_DOOM, valid, followed),
        circular_rate=_rate(told, lambda end: end.outcome == "circular"),
        stuck_rate=_rate(valid, _stuck),
        corrected_stuck_rate=_corrected(STUCK, valid, followed),
        circled_rate=_rate(ended, lambda end: end.circled),
        recovered_rate=_rate(told, lambda end: end.outcome == "recovered"),
        truncated_rate=_rate(told, lambda end: end.outcome == "truncated"),
        flip_rate=_flips(told),
        early_stopped=len(stopped),
        audited=len(audits),
        escaped=escaped,
        escape_rate=_as_rate(clustered_rate([[audit.escaped] for audit in audits]), len(audits))
        if audits
        else NO_RATE,
        median_onset=statistics.median(onsets.tolist()) if onsets.size else None,
        tokens_used=tokens,
        tokens_saved=stopped.total(lambda length: budget - length.last_tokens) - audit_tokens,
        accuracy=_accuracy(valid),
        extraction_f1=_mean_score(valid, "extraction"),
        tool_score=_mean_score(valid, "tools"),
        tokens_per_second=_speed(valid, audits, tokens, header),
        doom_in_thinking=_rate(
            valid.where(lambda end: end.in_thinking is not None),
            lambda end: bool(end.in_thinking),
        ),
        think_budget=next((s.think_budget for s in header.samplings if s.think_budget), None),
        thinking_cut=_rate(
            valid.where(lambda end: end.thinking_cut is not None),
            lambda end: bool(end.thinking_cut),
        ),
        constrained=any(sampling.constrained for sampling in header.samplings),
        agent_score=_rate(agents, lambda end: end.correct),
        hallucinated_rate=_rate(agents, lambda end: end.hallucinated),
        calls_per_episode=statistics.fmean(agents.values(lambda end: end.calls))
        if len(agents)
        else None,
        structure_rate=_rate(structured, lambda end: end.structure is not None),
        structure_runs=_in_structure(structured, "run"),
        structure_calls=_in_structure(structured, "calls"),
        structure_copies=_in_structure(structured, "copies"),
        n_unknown=len(unknown),
        unknown_rate=_rate(valid, lambda end: end.outcome == "unknown"),
        stuck_unknown=len(valid) - len(told) - len(unknown),
        round_unknown=len(unknown.where(lambda end: end.may_be_stuck)),
        judgement=header.judgement,
    )


_DOOM: tuple[Outcome, ...] = ("doom",)


def _doomed(end: Ending) -> bool:
    return end.outcome == "doom"


def _stuck(end: Ending) -> bool:
    return end.outcome in STUCK


def _in_structure(structured: Cell, kind: Structure) -> int:
    return int(structured.flags(lambda end: end.structure == kind).sum())


def _audits_of(stopped: Cell, followed: Mapping[int, Followed]) -> list[Followed]:
    return [followed[key] for key in stopped.keys.tolist() if key in followed]


def _as_rate(interval: Interval, n: int) -> Rate:
    return Rate(value=interval.value, low=interval.low, high=interval.high, n=n)


def _rate(cell: Cell, is_hit: Callable[[Ending], bool]) -> Rate:
    """Return a rate, its interval clustered by prompt."""
    if not len(cell):
        return NO_RATE
    hits = np.bincount(cell.prompts, weights=cell.flags(is_hit))
    sizes = np.bincount(cell.prompts)
    return _as_rate(rate_of_clusters(hits, sizes), len(cell))


def _accuracy(cell: Cell) -> Rate:
    graded = cell.where(lambda end: end.category == "reasoning" and end.graded)
    return _rate(graded, lambda end: end.correct)


def _mean_score(cell: Cell, category: Category) -> Rate:
    """Return the mean score of a category; repeats of a prompt are averaged first."""
    graded = cell.where(lambda end: end.category == category and end.graded)
    if not len(graded):
        return NO_RATE
    scores, sizes = graded.values(lambda end: end.score), np.bincount(graded.prompts)
    if sizes.max() == 1:
        means = scores
    else:
        by_prompt = scores[np.argsort(graded.prompts, kind="stable")]
        repeats = np.split(by_prompt, np.cumsum(sizes)[:-1])
        means = np.fromiter(map(statistics.fmean, repeats), np.float64, len(sizes))
    return _as_rate(mean_interval(means), len(graded))


def _corrected(outcomes: Sequence[Outcome], valid: Cell, followed: Mapping[int, Followed]) -> Rate:
    """Return a rate of outcomes with every early stop put where the audits say it belongs."""
    counted = partial(_ends_in, outcomes)
    naive = _rate(valid, counted)
    if naive.value is None or naive.low is None or naive.high is None:
        return NO_RATE
    stopped = valid.where(lambda end: end.stopped)
    seen = []
    # One stratum per kind of loop that streams were stopped for, each with its own escapes.
    for kind in sorted(stopped.kinds(_stopped_for)):
        flagged = stopped.where(lambda end, kind=kind: _stopped_for(end) == kind)  # type: ignore[misc]
        audits = _audits_of(flagged, followed)
        inside = kind[0] in outcomes
        moved = sum((audit.outcome in outcomes) != inside for audit in audits)
        seen.append(Stratum(len(flagged), len(audits), moved, leaves=inside))
    interval = corrected_rate(Interval(naive.value, naive.low, naive.high), naive.n, seen)
    return _as_rate(interval, naive.n) if interval else NO_RATE


def _ends_in(outcomes: Sequence[Outcome], end: Ending) -> bool:
    return end.outcome in outcomes


def _stopped_for(end: Ending) -> tuple[str, str]:
    return end.outcome, end.doom or ""


def _flips(cell: Cell) -> Rate:
    kinds = get_args(Outcome)
    pairs = cell.prompts * len(kinds)
    pairs += cell.values(lambda end: kinds.index(end.outcome)).astype(np.int64)
    outcomes = np.bincount(np.unique(pairs) // len(kinds))
    flipped = (outcomes > 1)[np.bincount(cell.prompts) > 1]
    if not flipped.size:
        return NO_RATE
    return _as_rate(rate_of_clusters(flipped, np.ones_like(flipped, int)), len(flipped))


def _speed(cell: Cell, audits: Sequence[Followed], tokens: int, header: Header) -> float | None:
    seconds = cell.seconds + sum(audit.seconds for audit in audits)
    slots = header.engine.get("slots")
    if not seconds or not isinstance(slots, int):
        return None
    return tokens / seconds * min(slots, max(1, len(cell)))
