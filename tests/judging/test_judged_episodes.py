"""What is said of an episode by its turns: cycles of calls, the outcome, what counts as said."""

from __future__ import annotations

import json

import msgspec
import pytest
from circling import ROUND
from fakes import generation

from loopbench import detectors, tasks
from loopbench.judging.episodes import cycle_verdict, episode_grade, judge_episode
from loopbench.judging.rules import MEASURE, detectors_of
from loopbench.types import ToolUse, Turn


def turn(
    tokens: int, *calls: str, depth: int = 0, text: str = "", problem: str | None = None
) -> Turn:
    return Turn(
        depth=depth, messages=[], text=text, tokens=tokens, output_tokens=tokens, finish="stop",
        raw_finish="eos", prompt_tokens=1, problem=problem,
        calls=[ToolUse(name=name, arguments="{}", result="") for name in calls],
    )  # fmt: skip


A, B = turn(1, "a"), turn(30, "b")
OTHERS = [turn(2, name) for name in "xyz"]


@pytest.mark.parametrize(
    ("turns", "terminal", "shown", "spans"),
    [
        ([turn(5), turn(10, "a"), turn(20, "a"), turn(40, "a")],
         True, (5, 40, 3), [(5, 75, 40, 3)]),
        # A turn without a call follows: of the question itself, or of what the call asked.
        ([turn(5), turn(10, "a"), turn(20, "a"), turn(40, "a"), turn(7)],
         False, (5, 40, 3), [(5, 75, 40, 3)]),
        ([turn(5), turn(10, "a"), turn(20, "a"), turn(40, "a"), turn(7, depth=1)],
         True, (5, 40, 3), [(5, 75, 40, 3)]),
        ([turn(9, "a", "a", "a")], True, (0, 1, 3), [(0, 9, 1, 3)]),
        ([turn(4, "a", "b"), turn(4, "a"), turn(6, "b")], True, (0, 10, 2), [(0, 14, 10, 2)]),
        # One that was left is told by its tokens, one at the end goes before it.
        ([*[B] * 3, OTHERS[0], *[A] * 4, *OTHERS],
         False, (0, 30, 3), [(0, 90, 30, 3), (92, 96, 1, 4)]),
        ([*[A] * 4, OTHERS[0], *[B] * 3, *OTHERS],
         False, (6, 30, 3), [(0, 4, 1, 4), (6, 96, 30, 3)]),
        ([*[B] * 4, OTHERS[0], *[A] * 3],
         True, (122, 1, 3), [(0, 120, 30, 4), (122, 125, 1, 3)]),
    ],
)  # fmt: skip
def test_a_cycle_of_calls_is_told_in_tokens(
    turns: list[Turn],
    terminal: bool,
    shown: tuple[int, int, int],
    spans: list[tuple[int, int, int, int]],
) -> None:
    verdict = cycle_verdict(turns)
    assert (verdict.looped, verdict.terminal) == (True, terminal)
    assert (verdict.onset, verdict.period, verdict.repeats) == shown
    assert [(s.start, s.end, s.period, s.repeats) for s in verdict.spans] == spans


def test_two_equal_calls_are_no_cycle() -> None:
    verdict = cycle_verdict([A, A, turn(3)])
    assert (verdict.looped, verdict.terminal, verdict.spans) == (False, False, [])


def test_an_episode_goes_round_where_all_of_it_does() -> None:
    output = generation(ROUND[:1000], "length", list(range(1000)))
    for last in (100, 600):
        turns = [turn(1000 - last), turn(last)]
        verdicts, outcome = judge_episode(output, turns, detectors_of(MEASURE))
        assert outcome == "circular"
        assert [v.detector for v in verdicts if v.looped] == ["circular"]


@pytest.mark.parametrize(("last", "outcome"), [(300, "circular"), (1200, "truncated")])
def test_a_last_turn_that_goes_round_counts_where_the_whole_seems_new(
    last: int, outcome: str
) -> None:
    pieces = [*(f"w{i * i}x " for i in range(900)), *["so ", "it ", "goes. "] * 100]
    output = generation(pieces, "length", [sum(map(ord, piece)) for piece in pieces])
    turns = [turn(1200 - last), turn(last)]
    verdicts, seen = judge_episode(output, turns, [detectors.get("gopher")])
    assert seen == outcome
    assert [v.looped for v in verdicts] == [False, False]


def test_an_episode_is_searched_for_counts_in_its_text() -> None:
    pieces = [piece for i in range(60) for piece in (f"{i}", ". Lily", " lies", ".\n")]
    output = generation(pieces, "length", list(range(240)))
    verdicts, outcome = judge_episode(output, [turn(40), turn(200)], detectors_of(MEASURE))
    assert outcome == "doom"
    assert [v.detector for v in verdicts if v.terminal] == ["counter"]


@pytest.mark.parametrize(
    ("calls", "depth", "problem", "correct"),
    [
        ([], 0, None, True),
        (["note"], 0, None, None),
        ([], 1, None, None),
        ([], 0, "unreadable_call", None),
        (["note"], 1, None, None),
        (["note"], 0, "unreadable_call", None),
    ],
)
def test_only_what_the_last_turn_states_is_graded(
    calls: list[str], depth: int, problem: str | None, correct: bool | None
) -> None:
    (sample,) = tasks.get("agent_lookup").samples(1, level="easy")
    text = f"Answer: {sample.reference['answer']}"
    last = turn(3, *calls, depth=depth, text=text, problem=problem)
    grade = episode_grade(sample, generation([], "stop", []), [turn(5, "search"), last])
    assert (grade.correct, grade.problem) == (correct, None if correct else "no_answer")
    assert grade.parts == {
        "calls": 1.0 + len(calls), "searches": 1.0, "hallucinated": 0.0, "cycle": 0.0, "turns": 2.0,
    }  # fmt: skip


def asked(n: int, result: str = "nothing", **arguments: str) -> Turn:
    given = {"query": "tin", "request_id": f"{n * 7919:08x}"} | arguments
    use = ToolUse(name="search", arguments=json.dumps(given), result=result)
    return msgspec.structs.replace(turn(10), calls=[use])


@pytest.mark.parametrize(
    ("turns", "found"),
    [
        ([asked(i) for i in range(16)], True),
        ([asked(i) for i in range(15)], False),
        ([asked(i, result=f"{i} more") for i in range(16)], False),
        ([asked(i, page=str(i)) for i in range(16)], False),
        ([asked(i, query="") for i in range(16)], False),
    ],
)
def test_calls_that_differ_in_their_request_alone_are_a_cycle_when_they_are_many(
    turns: list[Turn], found: bool
) -> None:
    verdict = cycle_verdict(turns)
    assert (verdict.looped, verdict.terminal) == (found, found)
    if found:
        assert (verdict.level, verdict.onset, verdict.period) == ("counter", 0, 10)


def test_an_episode_has_one_verdict_on_its_calls() -> None:
    output = generation(["a "] * 20, "length", list(range(20)))
    verdicts, _ = judge_episode(output, [turn(20, "a")], detectors_of(MEASURE))
    assert [v.detector for v in verdicts] == ["suffix", "counter", "circular", "toolcycle"]
