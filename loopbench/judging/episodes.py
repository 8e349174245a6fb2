"""Judging a finished episode: tool-call cycles, its outcome, and its grade. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import accumulate

import msgspec

from loopbench import tasks
from loopbench.detectors import Detector
from loopbench.detectors.parts.volatile import masked, without_volatile
from loopbench.detectors.toolcycle import ToolCycle
from loopbench.judging.monitor import scan_all
from loopbench.judging.outcome import STUCK, classify
from loopbench.types import (
    Generation,
    Grade,
    LoopSpan,
    Outcome,
    Sample,
    ToolUse,
    Turn,
    Verdict,
)

TURN_LIMIT, CONTEXT = "turn_limit", "context"
"""`raw_finish` of an episode that ended without an answer."""
MAX_CALLS = 8
"""Calls of one reply that are run."""


def cycle_verdict(turns: Sequence[Turn]) -> Verdict:
    """Return what `toolcycle` says of the calls of an episode, in tokens of its generation.

    Every call is one element, whatever notation it was written in; calls are equal if name
    and arguments are. Terminal: the last turn made the last call of a cycle, or was spent on
    the sub-question that this call asked.

    Without such a cycle, calls that differ in volatile arguments alone (`toolcycle`) make one if
    they are as many as `toolcycle` asks for and were answered alike: who is told something new may
    ask again.
    """
    places = [i for i, turn in enumerate(turns) for _ in turn.calls]
    calls = [call for turn in turns for call in turn.calls]
    # A turn may hold several calls, and a turn said again is a cycle of so many.
    rule = ToolCycle(max_cycle=MAX_CALLS)
    verdict = _scanned([f"{call.name}\0{call.arguments}" for call in calls], rule)
    if not verdict.looped and len(calls) >= rule.min_alike:
        most = rule.min_alike
        alike = _scanned(
            [_alike(i, call) for i, call in enumerate(calls)],
            ToolCycle(max_cycle=MAX_CALLS, min_repeats=most, min_turns=most // 2),
        )
        verdict = msgspec.structs.replace(alike, level="counter") if alike.looped else verdict
    return _in_tokens(verdict, turns, places) if verdict.looped else verdict


def _scanned(calls: Sequence[str], rule: ToolCycle) -> Verdict:
    numbers: dict[str, int] = {}
    found = [numbers.setdefault(call, len(numbers)) for call in calls]
    return rule.scan(found, [f"<tool_call>{number}</tool_call>" for number in found])


def _alike(index: int, call: ToolUse) -> str:
    """Return what alike calls and their answers share; calls that are like no other, nothing."""
    left = without_volatile(json.dumps([call.name, call.arguments]))
    return str(index) if left is None else f"{left}\0{masked(call.result)}"


def _in_tokens(verdict: Verdict, turns: Sequence[Turn], places: Sequence[int]) -> Verdict:
    """Return a verdict on calls as one on the tokens of the turns in which they were made."""
    ends = list(accumulate(turn.tokens for turn in turns))

    def in_tokens(span: LoopSpan) -> LoopSpan:
        first, last = places[span.start], places[span.end - 1]
        before = places[span.end - 1 - span.period]
        return LoopSpan(
            start=ends[first] - turns[first].tokens,
            end=ends[last],
            period=max(1, ends[last] - ends[before]),
            repeats=span.repeats,
        )

    spans = [in_tokens(span) for span in verdict.spans]
    terminal = verdict.terminal and (bool(turns[-1].calls) or turns[-1].depth > 0)
    chosen = spans[-1] if terminal else max(spans, key=lambda span: span.end - span.start)
    return msgspec.structs.replace(
        verdict,
        terminal=terminal,
        spans=spans,
        onset=chosen.start,
        period=chosen.period,
        repeats=chosen.repeats,
    )


def judge_episode(
    generation: Generation, turns: Sequence[Turn], measure: Sequence[Detector]
) -> tuple[list[Verdict], Outcome]:
    """Return the verdicts on the whole stream, that on the calls among them, and the outcome.

    Doom: a turn ended in a loop, or the turns ran out in a tool-call cycle. Circular: the last
    turn went round, or all of them did.

    Parameters
    ----------
    generation
        All turns, joined.
    turns
        Each with its calls.
    measure
        Detectors that decide about the outcome.
    """
    ids, pieces = generation.token_ids, generation.pieces
    # What one reply may not do, and what turns may not, are two rules of one name.
    measure = [detector for detector in measure if detector.name != ToolCycle.name]
    verdicts = [*scan_all(measure, ids, pieces), cycle_verdict(turns)]
    outcome = classify(generation.finish, verdicts)
    if outcome in ("circular", "truncated"):
        # Rules that abstract numbers may see less in the whole than in the turn itself.
        begin = len(ids) - turns[-1].tokens
        own = scan_all(measure, ids[begin:], pieces[begin:])
        last = classify(generation.finish, own)
        outcome = last if last in STUCK else outcome
    return verdicts, outcome


def episode_grade(sample: Sample, generation: Generation, turns: Sequence[Turn]) -> Grade:
    """Grade the last turn, and count what led to it.

    `hallucinated` is 1 where a wrong answer was stated and nothing had been searched for;
    an abstention is no answer in this sense.

    Parameters
    ----------
    sample
        The question.
    generation
        All turns, joined.
    turns
        Each with its calls.
    """
    last = turns[-1]
    stated = last.depth == 0 and not last.calls and last.problem is None
    grade = tasks.get(sample.task).grade(sample, last.text if stated else "")
    calls = [call.name for turn in turns for call in turn.calls]
    made_up = grade.problem == "wrong" and "search" not in calls
    problem = grade.problem
    if problem == "no_answer" and generation.raw_finish in (TURN_LIMIT, CONTEXT):
        problem = generation.raw_finish
    parts = {
        "calls": float(len(calls)),
        "searches": float(calls.count("search")),
        "hallucinated": float(made_up),
        "cycle": float(cycle_verdict(turns).looped),
        "turns": float(len(turns)),
    }
    return msgspec.structs.replace(grade, problem=problem, parts=parts)
