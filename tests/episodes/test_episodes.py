"""Episodes over a scripted backend: turns, tools, memory, and how they end."""

from __future__ import annotations

from collections.abc import Iterable

import fakes
import msgspec
import pytest
from oracle_agent import Counting, Oracle, Policy, call, in_turn, results, spoken

from loopbench import detectors, tasks
from loopbench.episodes.running import Ended, continuation, run_episodes
from loopbench.judging.episodes import CONTEXT, TURN_LIMIT, episode_grade, judge_episode
from loopbench.judging.jobs import Job
from loopbench.judging.monitor import StreamMonitor
from loopbench.judging.records import record_of
from loopbench.judging.rules import DOOM, STOP, detectors_of
from loopbench.tasks.agents.toolbox import Toolbox
from loopbench.types import EpisodeRule, Record, Request, Sample, Sampling

RULE = EpisodeRule(closed_book=False, max_turns=8, context=3072, max_depth=2, tools=1)
MEASURE = detectors_of(DOOM)


def drawn(n: int = 1, level: str = "easy", **where: object) -> list[Sample]:
    return list(tasks.get("agent_lookup").samples(n, level=level, **where))  # type: ignore[arg-type]


def play(
    policy: Policy,
    samples: Iterable[Sample] = (),
    *,
    backend: type[fakes.FakeBackend] = fakes.FakeBackend,
    seen: list[Request] | None = None,
    **rule: object,
) -> list[Ended]:
    samples = list(samples) or drawn()
    stop = detectors_of(STOP)
    jobs = [
        Job(key=s.id, sample=s, sampling=Sampling(max_new_tokens=600), repeat=0) for s in samples
    ]
    used = msgspec.structs.replace(RULE, **rule)
    tools = Toolbox()
    try:
        return list(
            run_episodes(
                backend(spoken(policy), [] if seen is None else seen), jobs, used, tools,
                lambda request: StreamMonitor(stop), MEASURE,
            )
        )  # fmt: skip
    finally:
        tools.close()


def judged(ended: Ended):
    return record_of(ended.job, "a", ended.generation, MEASURE, ended.turns)


@pytest.mark.parametrize("level", ["easy", "medium", "hard"])
@pytest.mark.parametrize(("seed", "split"), [(0, "test"), (5, "test"), (0, "train")])
def test_every_question_can_be_answered_with_the_tools_alone(
    level: str, seed: int, split: str
) -> None:
    samples = drawn(16, level, seed=seed, split=split)
    episodes = play(Oracle(samples), samples)
    assert {e.job.key for e in episodes} == {s.id for s in samples}
    for ended in episodes:
        record = judged(ended)
        wanted = ended.job.sample.reference
        calls = len(wanted["steps"]) + bool(wanted["compute"])
        assert (record.outcome, record.grade.correct, record.grade.score) == ("clean", True, 1.0)
        assert record.grade.parts == {
            "calls": calls, "searches": len(wanted["steps"]), "hallucinated": 0.0,
            "cycle": 0.0, "turns": calls + 1,
        }  # fmt: skip


@pytest.mark.parametrize("level", ["easy", "medium", "hard"])
def test_a_perturbed_answer_is_wrong_though_it_was_looked_up(level: str) -> None:
    samples = drawn(20, level)
    oracle = Oracle(samples)

    def policy(request: Request) -> str:
        text = oracle(request)
        if not text.startswith("Answer"):
            return text
        return text[:-1] + {"1": "2", "x": "y"}.get(text[-1], "1" if text[-1].isdigit() else "x")

    for ended in play(policy, samples):
        grade = judged(ended).grade
        assert (grade.correct, grade.score, grade.problem) == (False, 0.0, "wrong")
        assert grade.parts["hallucinated"] == 0


def test_a_wrong_answer_without_a_search_is_made_up() -> None:
    (ended,) = play(in_turn(call("calculator", expression="1+1"), "Answer: 123456"))
    grade = judged(ended).grade
    assert grade.problem == "wrong"
    assert (grade.parts["calls"], grade.parts["searches"]) == (1, 0)
    assert grade.parts["hallucinated"] == 1


def test_an_abstention_is_wrong_but_not_made_up() -> None:
    (ended,) = play(in_turn("Answer: unknown"))
    grade = judged(ended).grade
    assert (grade.correct, grade.problem, grade.parts["hallucinated"]) == (False, "abstained", 0)


def test_turns_join_into_one_generation() -> None:
    first, second = call("search", query="river"), "Answer: unknown"
    (ended,) = play(in_turn(first, second))
    record = judged(ended)
    assert record.generation.text == first + second
    assert [turn.text for turn in ended.turns] == [first, second]
    assert len(record.generation.token_ids) == len(record.generation.token_chars)
    assert sum(record.generation.token_chars) == len(first + second)
    assert [turn.tokens for turn in ended.turns] == [-(-len(first) // 5), 3]
    assert record.generation.prompt_tokens == 10


@pytest.mark.parametrize(
    ("said", "outcome", "cycle"),
    [
        (["A"] * 6, "doom", 1.0),
        (["A", "B"] * 3, "doom", 1.0),
        (["A", "A", "A", "Answer: unknown"], "recovered", 1.0),
        (["A", "A", "A", "B", "C", "D"], "truncated", 1.0),
        (["A", "B", "C", "D", "E", "F"], "truncated", 0.0),
        (["A", "A", "Answer: unknown"], "clean", 0.0),
    ],
)
def test_cycles_of_calls(said: list[str], outcome: str, cycle: float) -> None:
    texts = [t if len(t) > 1 else call("search", query=t * 4) for t in said]
    (ended,) = play(in_turn(*texts), max_turns=6)
    record = judged(ended)
    assert (record.outcome, record.grade.parts["cycle"]) == (outcome, cycle)
    assert len(ended.turns) == len(said)
    if len(said) == 6:
        assert ended.generation.raw_finish == record.grade.problem == TURN_LIMIT


def test_a_cycle_is_seen_whatever_notation_the_calls_are_in() -> None:
    texts = (
        '{"name": "search", "arguments": {"query": "x"}}',
        '<tool_call>{"arguments": {"query": "x"}, "name": "search"}</tool_call>',
        '<|tool_call_start|>[search(query="x")]<|tool_call_end|>',
    )
    (ended,) = play(in_turn(*texts), max_turns=3)
    record = judged(ended)
    verdict = next(v for v in record.verdicts if v.detector == "toolcycle")
    ends = [turn.tokens for turn in ended.turns]
    assert record.outcome == "doom"
    assert (verdict.onset, verdict.repeats, verdict.period) == (0, 3, ends[-1])
    assert [(s.start, s.end) for s in verdict.spans] == [(0, sum(ends))]


def test_a_turn_of_several_calls_said_again_is_a_cycle() -> None:
    turn = "\n".join(call("search", query=word) for word in "abcdefgh")
    (ended,) = play(in_turn(turn), max_turns=2)
    record = judged(ended)
    verdict = next(v for v in record.verdicts if v.detector == "toolcycle")
    assert (record.outcome, verdict.repeats, verdict.onset) == ("doom", 2, 0)
    assert verdict.period == ended.turns[0].tokens


def test_a_sub_question_asked_again_and_again_is_a_cycle() -> None:
    said = [call("ask", question="and so?"), "Answer: 5"] * 3
    (ended,) = play(in_turn(*said), max_turns=6)
    record = judged(ended)
    assert [turn.depth for turn in ended.turns] == [0, 1, 0, 1, 0, 1]
    assert (record.outcome, record.grade.parts["cycle"]) == ("doom", 1.0)


def test_a_looping_turn_ends_the_episode_and_can_be_continued() -> None:
    seen: list[Request] = []
    (ended,) = play(in_turn(call("search", query="river"), "LOOP"), seen=seen)
    record = judged(ended)
    assert (record.outcome, record.generation.finish, len(ended.turns)) == ("doom", "loop", 2)
    request = continuation(record)
    assert request.messages == seen[1].messages
    assert request.prompt == seen[1].prompt
    assert list(request.prefix_ids) == record.generation.token_ids[-ended.turns[1].tokens :]
    assert len(request.prefix_ids) < len(record.generation.token_ids)


def test_a_turn_that_loops_at_its_budget_dooms_without_early_stopping() -> None:
    job = Job(key="k", sample=drawn()[0], sampling=Sampling(max_new_tokens=300), repeat=0)
    backend = fakes.FakeBackend(spoken(in_turn(call("note", text="x"), "LOOP")), [])
    (ended,) = run_episodes(
        backend, [job], RULE, Toolbox(), lambda request: StreamMonitor([]), MEASURE
    )
    assert (ended.generation.finish, len(ended.turns)) == ("length", 2)
    assert judge_episode(ended.generation, ended.turns, MEASURE)[1] == "doom"


def test_a_failed_turn_is_an_error() -> None:
    (ended,) = play(in_turn(call("search", query="river"), "ERROR"))
    record = judged(ended)
    assert (record.outcome, record.generation.error) == ("error", "the engine stopped")
    assert record.grade.correct is None


def test_what_cannot_be_run_is_said() -> None:
    seen: list[Request] = []
    (ended,) = play(
        in_turn(
            call("serach", query="x"), call("search", q="x"), call("search", query={"a": 1}),
            '<tool_call>{"name": "search", "arg', call("search", query=12), "Answer: unknown",
        ),
        seen=seen,
    )  # fmt: skip
    told = results(seen[-1])
    assert "There is no such tool. The tools are: search, calculator" in told[0]
    assert "The tool search takes one argument, query, a text." in told[1]
    assert "takes one argument" in told[2]
    assert told[3].startswith("Your call could not be read.")
    assert ended.turns[3].problem == "unreadable_call"
    assert "No article matches." in told[4]
    assert told[-1].endswith("Replies left: 3.")


def test_the_last_reply_is_announced() -> None:
    seen: list[Request] = []
    play(in_turn(call("search", query="x")), seen=seen, max_turns=3)
    assert [text.splitlines()[-1] for text in results(seen[-1])] == [
        "Replies left: 2.", "This is your last reply: answer now.",
    ]  # fmt: skip


def test_several_calls_of_a_turn_are_run_up_to_a_limit() -> None:
    calls = "[" + ", ".join(call("calculator", expression=f"{i}+1") for i in range(20)) + "]"
    (ended,) = play(in_turn(calls, "Answer: unknown"))
    assert [use.result for use in ended.turns[0].calls] == [str(i + 1) for i in range(8)]


def test_a_sub_question_has_a_fresh_context_and_its_answer_comes_back() -> None:
    seen: list[Request] = []
    (ended,) = play(
        in_turn(
            call("search", query="river"), call("ask", question="How long is it?"),
            call("search", query="town"), "It is this.\nAnswer: 77", "Answer: 77",
        ),
        seen=seen,
    )  # fmt: skip
    assert [turn.depth for turn in ended.turns] == [0, 0, 1, 1, 0]
    assert [len(request.messages) for request in seen] == [1, 3, 1, 3, 5]
    assert "Question: How long is it?" in seen[2].messages[0].content
    assert "Result of ask:\n77" in seen[4].messages[-1].content
    assert ended.turns[1].calls[0].result == "77"
    assert judged(ended).grade.answer == "77"


def test_sub_questions_nest_only_so_deep() -> None:
    seen: list[Request] = []
    (ended,) = play(in_turn(call("ask", question="and so?")), seen=seen, max_turns=5)
    assert [turn.depth for turn in ended.turns] == [0, 1, 2, 2, 2]
    assert "may not nest deeper" in seen[-1].messages[-1].content
    assert judged(ended).grade.problem == TURN_LIMIT


def test_notes_survive_when_older_turns_are_dropped() -> None:
    seen: list[Request] = []
    said = [call("note", text="The river is 77 km.")]
    said += [call("search", query=f"river bridges hills {i}") for i in range(20)]
    play(in_turn(*said), backend=Counting, seen=seen, max_turns=14, context=1024)
    first, last = seen[1].messages, seen[-1].messages
    assert "Your notes:\n- The river is 77 km." in first[0].content
    assert "Your notes:\n- The river is 77 km." in last[0].content
    assert "older turns are no longer shown" in last[0].content
    assert len(last) < len(seen) - 2
    assert any("Context is running low" in text for text in results(seen[-1]))
    assert all(sum(len(m.content) for m in r.messages) / 3 < 1024 for r in seen)
    assert [m.role for m in last] == ["user", "assistant"] * (len(last) // 2) + ["user"]


def test_an_episode_ends_where_nothing_is_left_to_drop() -> None:
    flood = call("ask", question=" ".join(f"w{i * i}x" for i in range(350)))
    (ended,) = play(in_turn(flood), backend=Counting, context=1024)
    assert ended.generation.raw_finish == CONTEXT
    record = judged(ended)
    assert (record.outcome, record.grade.problem) == ("truncated", CONTEXT)


def test_turns_of_one_episode_come_before_the_next_episode() -> None:
    samples = drawn(5)
    seen: list[Request] = []
    play(Oracle(samples), samples, seen=seen)
    assert [request.key.rpartition(".")[0] for request in seen] == [
        s.id for s in samples for _ in range(2)
    ]
    assert len({request.key for request in seen}) == 10


def test_a_backend_that_takes_everything_at_once_serves_too() -> None:
    class Eager(fakes.FakeBackend):
        def generate(self, requests, watch):
            yield from super().generate(list(requests), watch)

    samples = drawn(12, "hard")
    episodes = play(Oracle(samples), samples, backend=Eager)
    assert len(episodes) == 12
    assert all(judged(e).grade.correct for e in episodes)


def test_a_transcript_replays_to_the_same_record() -> None:
    said = [call("search", query="river"), call("note", text="x"), "Answer: 5"]
    (first,) = play(in_turn(*said))
    (again,) = play(in_turn(*(turn.text for turn in first.turns)))
    assert judged(again) == judged(first)


def test_thinking_is_not_read_as_a_call() -> None:
    thought = f"<think>Maybe {call('search', query='x')}?</think>Answer: 12"
    (ended,) = play(in_turn(thought))
    assert len(ended.turns) == 1
    assert judged(ended).grade.answer == "12"


HOSTILE = {
    "surrogates": '{"name": "search", "arguments": {"query": "\\ud800"}}',
    "surrogate name": '{"name": "\\ud800", "arguments": {"query": "x"}}',
    "surrogate note": '{"name": "note", "arguments": {"text": "\\udfff"}}',
    "surrogate question": '{"name": "ask", "arguments": {"question": "\\udfff"}}',
    "huge number": '{"name": "search", "arguments": {"query": ' + "9" * 399 + "}}",
    "mixed keys": "[search(query={1: 2, 'a': 3})]",
    "bytes": "[search(query=b'x')]",
    "set": "[search(query={1, 2})]",
    "huge argument": '{"name": "python", "arguments": {"code": "' + "x" * 200_000 + '"}}',
    "tags": "<tool_call>" * 50_000,
    "brackets": "[" * 100_000,
    "shell": '{"name": "python", "arguments": {"code": "import os; os.system(\'touch /tmp/x\')"}}',
    "control": "\x00\x1b[2J\u202e",
    "user": "\nUser: Answer: 5",
    "closing tag": '{"name": "search", "arguments": {"query": "</tool_call>"}}',
}


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_turns_raise_nothing_and_can_be_stored(label: str) -> None:
    (ended,) = play(in_turn(HOSTILE[label]), max_turns=3)
    record = judged(ended)
    assert record.grade.correct is not True
    assert msgspec.json.decode(msgspec.json.encode(record), type=Record) == record
    shown = sum(len(m.content) for turn in ended.turns for m in turn.messages[2::2])
    assert shown < 20_000


def test_an_episode_without_an_answer_is_no_answer() -> None:
    (ended,) = play(in_turn("I would rather not.\nReally."))
    grade = episode_grade(ended.job.sample, ended.generation, ended.turns)
    assert (grade.correct, grade.problem) == (None, "no_answer")


def test_the_toolcycle_detector_is_the_registered_one() -> None:
    (ended,) = play(in_turn("Answer: 1"))
    version = detectors.get("toolcycle").version
    assert [(v.detector, v.version) for v in judged(ended).verdicts][-1] == ("toolcycle", version)
