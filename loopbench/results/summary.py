"""From records to the rows of the table. Pure: records in, rows out."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from loopbench.outcome import doom_level
from loopbench.results.store import Header
from loopbench.results.structure import STRUCTURED, Structure, structure_loop
from loopbench.statistics.intervals import (
    Interval,
    Stratum,
    clustered_rate,
    corrected_rate,
    mean_interval,
)
from loopbench.types import Audit, Level, Outcome, Record, Struct

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
    """doom_rate less the share of early stops that escapes by the audit."""
    near_rate: Rate
    """Neither doomed nor ended, and a near rule sees its loop at the end; never part of doom.

    n is 0 where no near rule was among the measuring rules.
    """
    recovered_rate: Rate
    truncated_rate: Rate
    flip_rate: Rate
    """Prompts whose outcome differed between repeats."""
    early_stopped: int
    audited: int
    escaped: int
    escape_rate: Rate
    median_onset: float | None
    """Of the doomed outputs."""
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


class Fact(NamedTuple):
    """What a row needs of one record: small, so that a summary holds no texts."""

    key: str
    model: str
    temperature: float
    penalty: float
    budget: int
    task: str
    level: str
    category: str
    prompt: tuple[str, str]
    outcome: Outcome
    doom: Level | None
    near: bool | None
    """In a near loop at the budget; None if no near rule looked."""
    onset: int | None
    stopped: bool
    tokens: int
    last_tokens: int
    """Of the stream that was stopped: of an episode's last turn."""
    seconds: float
    score: float
    correct: bool
    graded: bool = True
    """A judgement was meant to be possible; prompts without an answer only count loops."""
    in_thinking: bool | None = None
    thinking_cut: bool | None = None
    hallucinated: bool = False
    calls: float = 0.0
    structure: Structure | None = None


def fact_of(record: Record) -> Fact:
    """Reduce a record."""
    doomed = record.outcome == "doom"
    level = doom_level(record.verdicts) if doomed else None
    onset = next((v.onset for v in record.verdicts if v.level == level), None) if level else None
    return Fact(
        key=record.key,
        model=record.model,
        temperature=record.sampling.temperature,
        penalty=record.sampling.repetition_penalty,
        budget=record.sampling.max_new_tokens,
        task=record.task,
        level=record.level,
        category=record.category,
        prompt=(record.task, record.sample_id),
        outcome=record.outcome,
        doom=level,
        near=_near(record),
        onset=onset,
        stopped=record.generation.finish == "loop",
        tokens=record.generation.output_tokens,
        last_tokens=(
            record.turns[-1].output_tokens if record.turns else record.generation.output_tokens
        ),
        seconds=record.generation.seconds,
        score=record.grade.score or 0.0,
        correct=bool(record.grade.correct),
        graded=record.grade.score is not None,
        in_thinking=record.loop_in_thinking if doomed else None,
        thinking_cut=_thinking_cut(record),
        hallucinated=record.grade.parts.get("hallucinated", 0.0) > 0,
        calls=record.grade.parts.get("calls", 0.0),
        structure=structure_loop(record),
    )


def _thinking_cut(record: Record) -> bool | None:
    parts = [turn.thinking for turn in record.turns or ()] or [record.generation.thinking]
    finishes = [part.finish for part in parts if part and part.finish != "none"]
    return "budget" in finishes if finishes else None


def _near(record: Record) -> bool | None:
    near = [v.terminal for v in record.verdicts if v.level == "near"]
    return record.outcome == "truncated" and any(near) if near else None


class Place(NamedTuple):
    """What the records of one row share."""

    model: str
    temperature: float
    penalty: float
    budget: int
    group: str


class Followed(NamedTuple):
    """What a row needs of one audit."""

    escaped: bool
    tokens: int
    seconds: float


def followed_of(audit: Audit) -> Followed:
    """Reduce an audit."""
    return Followed(audit.escaped, audit.generation.output_tokens, audit.generation.seconds)


_GROUPS: dict[By, Callable[[Fact], str]] = {
    "model": lambda fact: "all",
    "task": lambda fact: fact.task,
    "level": lambda fact: fact.level,
    "category": lambda fact: fact.category,
}


def summarise(
    records: Iterable[Record], audits: Iterable[Audit], header: Header, by: By = "model"
) -> list[Row]:
    """Return the rows of a run, by model, temperature, penalty and `by`.

    A key that occurs twice counts once, as it came last: a failed generation was made
    again by a resumed run.
    """
    facts = {record.key: fact_of(record) for record in records}
    followed = {audit.key: followed_of(audit) for audit in audits if audit.outcome != "error"}
    return rows(facts, followed, header, by)


def rows(
    facts: Mapping[str, Fact], followed: Mapping[str, Followed], header: Header, by: By
) -> list[Row]:
    """Return the rows of reduced records and audits, both by key."""
    cells: dict[Place, list[Fact]] = {}
    for fact in facts.values():
        place = Place(fact.model, fact.temperature, fact.penalty, fact.budget, _GROUPS[by](fact))
        cells.setdefault(place, []).append(fact)
    order = {model.name: i for i, model in enumerate(header.models)}
    places = sorted(cells, key=lambda p: (order.get(p.model, len(order)), *p))
    return [_row(place, cells[place], followed, header) for place in places]


def _row(
    place: Place,
    facts: Sequence[Fact],
    followed: Mapping[str, Followed],
    header: Header,
) -> Row:
    model, temperature, penalty, budget, group = place
    info = next((m for m in header.models if m.name == model), None)
    valid = [fact for fact in facts if fact.outcome != "error"]
    agents = [fact for fact in valid if fact.category == "agents"]
    structured = [fact for fact in valid if fact.category in STRUCTURED]
    stuck = Counter(fact.structure for fact in structured)
    stopped = [fact for fact in valid if fact.stopped]
    audits = [followed[fact.key] for fact in stopped if fact.key in followed]
    escaped = sum(audit.escaped for audit in audits)
    onsets = [fact.onset for fact in valid if fact.onset is not None]
    doom = _rate(valid, lambda fact: fact.outcome == "doom")
    audit_tokens = sum(audit.tokens for audit in audits)
    tokens = sum(fact.tokens for fact in valid) + audit_tokens
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
        n=len(facts),
        n_error=len(facts) - len(valid),
        prompts=len({fact.prompt for fact in facts}),
        doom_rate=doom,
        verbatim_rate=_rate(valid, lambda fact: fact.doom == "verbatim"),
        counter_rate=_rate(valid, lambda fact: fact.doom == "counter"),
        corrected_doom_rate=_corrected(doom, stopped, followed),
        near_rate=_rate(valid, lambda fact: fact.near),
        recovered_rate=_rate(valid, lambda fact: fact.outcome == "recovered"),
        truncated_rate=_rate(valid, lambda fact: fact.outcome == "truncated"),
        flip_rate=_flips(valid),
        early_stopped=len(stopped),
        audited=len(audits),
        escaped=escaped,
        escape_rate=_alone([audit.escaped for audit in audits]),
        median_onset=statistics.median(onsets) if onsets else None,
        tokens_used=tokens,
        tokens_saved=sum(fact.budget - fact.last_tokens for fact in stopped) - audit_tokens,
        accuracy=_accuracy(valid),
        extraction_f1=_mean_score(valid, "extraction"),
        tool_score=_mean_score(valid, "tools"),
        tokens_per_second=_speed(valid, audits, tokens, header),
        doom_in_thinking=_rate(valid, lambda fact: fact.in_thinking),
        think_budget=next((s.think_budget for s in header.samplings if s.think_budget), None),
        thinking_cut=_rate(valid, lambda fact: fact.thinking_cut),
        constrained=any(sampling.constrained for sampling in header.samplings),
        agent_score=_rate(agents, lambda fact: fact.correct),
        hallucinated_rate=_rate(agents, lambda fact: fact.hallucinated),
        calls_per_episode=statistics.fmean(f.calls for f in agents) if agents else None,
        structure_rate=_rate(structured, lambda fact: fact.structure is not None),
        structure_runs=stuck["run"],
        structure_calls=stuck["calls"],
        structure_copies=stuck["copies"],
    )


def _as_rate(interval: Interval, n: int) -> Rate:
    return Rate(value=interval.value, low=interval.low, high=interval.high, n=n)


def _rate(facts: Sequence[Fact], is_hit: Callable[[Fact], bool | None]) -> Rate:
    """Return a rate, its interval clustered by prompt; facts of which it is None stay out."""
    clusters: dict[tuple[str, str], list[bool]] = {}
    for fact in facts:
        hit = is_hit(fact)
        if hit is not None:
            clusters.setdefault(fact.prompt, []).append(hit)
    if not clusters:
        return NO_RATE
    return _as_rate(clustered_rate(list(clusters.values())), sum(map(len, clusters.values())))


def _alone(hits: Sequence[bool]) -> Rate:
    """Return the rate of what happens once per prompt."""
    return _as_rate(clustered_rate([[hit] for hit in hits]), len(hits)) if hits else NO_RATE


def _accuracy(facts: Sequence[Fact]) -> Rate:
    graded = [fact for fact in facts if fact.category == "reasoning" and fact.graded]
    return _rate(graded, lambda fact: fact.correct)


def _mean_score(facts: Sequence[Fact], category: str) -> Rate:
    """Return the mean score of a category; repeats of a prompt are averaged first."""
    prompts: dict[tuple[str, str], list[float]] = {}
    for fact in facts:
        if fact.category == category and fact.graded:
            prompts.setdefault(fact.prompt, []).append(fact.score)
    if not prompts:
        return NO_RATE
    means = [statistics.fmean(scores) for scores in prompts.values()]
    return _as_rate(mean_interval(means), sum(map(len, prompts.values())))


def _corrected(doom: Rate, stopped: Sequence[Fact], followed: Mapping[str, Followed]) -> Rate:
    if doom.value is None or doom.low is None or doom.high is None:
        return NO_RATE
    strata: dict[Level | None, list[Fact]] = {}
    for fact in stopped:
        strata.setdefault(fact.doom, []).append(fact)
    seen = [
        Stratum(
            flagged=len(facts),
            audited=sum(fact.key in followed for fact in facts),
            escaped=sum(followed[fact.key].escaped for fact in facts if fact.key in followed),
        )
        for facts in strata.values()
    ]
    interval = corrected_rate(Interval(doom.value, doom.low, doom.high), doom.n, seen)
    return _as_rate(interval, doom.n) if interval else NO_RATE


def _flips(facts: Sequence[Fact]) -> Rate:
    outcomes: dict[tuple[str, str], list[Outcome]] = {}
    for fact in facts:
        outcomes.setdefault(fact.prompt, []).append(fact.outcome)
    return _alone([len(set(seen)) > 1 for seen in outcomes.values() if len(seen) > 1])


def _speed(
    facts: Sequence[Fact], audits: Sequence[Followed], tokens: int, header: Header
) -> float | None:
    seconds = sum(fact.seconds for fact in facts) + sum(audit.seconds for audit in audits)
    slots = header.engine.get("slots")
    if not seconds or not isinstance(slots, int):
        return None
    return tokens / seconds * min(slots, max(1, len(facts)))
