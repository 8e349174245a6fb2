"""Records and audits reduced to what tables, gates, comparisons and charts are made of. Pure."""

from __future__ import annotations

from typing import NamedTuple

from loopbench.judging.outcome import DOOM_LEVELS, LEVELS, STUCK, stuck_level
from loopbench.results.structure import Structure
from loopbench.types import Audit, Category, Finish, Level, Outcome, Record, Struct, Verdict


class Seen(Struct, frozen=True):
    """One generation, judged: what a baseline file keeps of it."""

    model: str
    temperature: float
    task: str
    level: str
    category: Category
    sample: str
    repeat: int
    outcome: Outcome
    score: float
    correct: bool
    tokens: int
    error: str | None = None
    graded: bool = True
    """A judgement was meant to be possible; prompts without an answer only count loops."""
    finish_known: bool = True
    """Somebody wrote down why it ended."""
    may_be_stuck: bool = False
    """It goes round at its end, and nobody knows whether it had ended there by itself."""

    @property
    def prompt(self) -> tuple[str, str]:
        """What generations are paired by."""
        return (self.task, self.sample)


class Observation(Struct, frozen=True):
    """Everything that is counted of one record."""

    key: str
    seen: Seen
    penalty: float
    budget: int
    finish: Finish
    correct: bool | None
    """As the grader said: None where it could not tell, which a score counts as wrong."""
    detectors: tuple[tuple[str, int], ...]
    """That judged it, with their versions."""
    doom: Level | None
    """The level of the loop in which a doomed output ends."""
    onset: int | None
    """Of the strictest level at the end of a stuck output, as the first rule of it reports it."""
    shown_onset: int | None
    """Of the loop that a report shows: in a stuck output also one that its last tokens hide."""
    first_loop: int | None
    """First token of any loop, also of one that was left; see `first_loop`."""
    circled: bool
    """Went round on the way, and left that again."""
    in_thinking: bool | None
    thinking_cut: bool | None
    hallucinated: bool
    calls: float
    last_tokens: int
    """Of the stream that was stopped: of an episode's last turn."""
    seconds: float
    structure: Structure | None
    """How an extraction or tool output is stuck in its structure."""


def seen_of(record: Record) -> Seen:
    """Reduce a record to what decisions about its run need."""
    return Seen(
        model=record.model,
        temperature=record.sampling.temperature,
        task=record.task,
        level=record.level,
        category=record.category,
        sample=record.sample_id,
        repeat=record.repeat,
        outcome=record.outcome,
        score=record.grade.score or 0.0,
        correct=bool(record.grade.correct),
        tokens=record.generation.output_tokens,
        error=record.generation.error,
        graded=record.grade.score is not None,
        finish_known=record.generation.finish != "unknown",
        may_be_stuck=record.outcome == "unknown" and stuck_level(record.verdicts) is not None,
    )


def observation_of(record: Record, structure: Structure | None = None) -> Observation:
    """Reduce a record.

    Parameters
    ----------
    structure
        What `structure_loop` says of it. Only tables show that, and it takes a thousand times
        as long as everything else here.
    """
    stuck, doomed = record.outcome in STUCK, record.outcome == "doom"
    level = stuck_level(record.verdicts) if stuck else None
    shown = shown_verdict(record) if stuck else None
    generation, parts = record.generation, record.grade.parts
    return Observation(
        key=record.key,
        seen=seen_of(record),
        penalty=record.sampling.repetition_penalty,
        budget=record.sampling.max_new_tokens,
        finish=generation.finish,
        correct=record.grade.correct,
        detectors=tuple((verdict.detector, verdict.version) for verdict in record.verdicts),
        doom=level if doomed else None,
        onset=next((v.onset for v in record.verdicts if v.level == level), None),
        shown_onset=shown.onset if shown else None,
        first_loop=first_loop(record),
        circled=bool(record.circled),
        in_thinking=record.loop_in_thinking if doomed else None,
        thinking_cut=_thinking_cut(record),
        hallucinated=parts.get("hallucinated", 0.0) > 0,
        calls=parts.get("calls", 0.0),
        last_tokens=(record.turns[-1] if record.turns else generation).output_tokens,
        seconds=generation.seconds,
        structure=structure,
    )


def shown_verdict(record: Record) -> Verdict | None:
    """Return the verdict whose loop stands for an output, if one found any.

    The strictest loop at the end of a stuck output; else the strictest anywhere, a circular
    stretch being the least strict.
    """
    at_end = stuck_level(record.verdicts) if record.outcome in STUCK else None
    for verdict in record.verdicts:
        if at_end and verdict.level == at_end and verdict.terminal:
            return verdict
    for level in LEVELS:
        for verdict in record.verdicts:
            if verdict.level == level and verdict.looped:
                return verdict
    return None


def first_loop(record: Record) -> int | None:
    """Return the token at which an output first looped, verbatim or counting.

    A count was a list, and no loop, where the output ended by itself; and where nobody knows why it
    ended, but it had left the count.
    """
    ended = record.generation.finish in ("stop", "unknown") and record.outcome != "doom"
    levels: tuple[Level, ...] = ("verbatim",) if ended else DOOM_LEVELS
    starts = [
        start
        for verdict in record.verdicts
        if verdict.level in levels and verdict.looped
        for start in (*(span.start for span in verdict.spans), verdict.onset)
        if start is not None
    ]
    return min(starts, default=None)


def _thinking_cut(record: Record) -> bool | None:
    parts = [turn.thinking for turn in record.turns or ()] or [record.generation.thinking]
    finishes = [part.finish for part in parts if part and part.finish != "none"]
    return "budget" in finishes if finishes else None


class Followed(NamedTuple):
    """Everything that is counted of one audit."""

    escaped: bool
    outcome: Outcome
    """At the budget."""
    tokens: int
    seconds: float


def followed_of(audit: Audit) -> Followed:
    """Reduce an audit."""
    return Followed(
        audit.escaped, audit.outcome, audit.generation.output_tokens, audit.generation.seconds
    )
