"""Agent episodes: a question driven turn by turn over a backend that knows single requests.

prompt → watched generation → calls → results → next prompt, until the model answers, loops,
or runs out of turns or context. An episode becomes one record, whose generation joins what
the model said in all its turns.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from loopbench import tasks
from loopbench.backends.base import Backend, Watch
from loopbench.detectors import Detector
from loopbench.episodes.conversation import (
    LOW,
    Frame,
    arguments_text,
    length,
    plain_text,
    read_reply,
    result_text,
)
from loopbench.judging.episodes import CONTEXT, MAX_CALLS, TURN_LIMIT
from loopbench.judging.jobs import Job
from loopbench.judging.outcome import STUCK, classify
from loopbench.judging.records import judge_generation
from loopbench.tasks.agents.toolbox import Toolbox, argument_of, introduction, valid
from loopbench.tasks.answers import candidates, last_line
from loopbench.tasks.base import AgentTask
from loopbench.types import EpisodeRule, Finish, Generation, Message, Record, Request, ToolUse, Turn

_FIRST_TOKENS_PER_CHAR = 0.4
"""Before the engine has counted a prompt of this episode: invented names cost more than words."""
_MARGIN = 1.1
_UNREADABLE = (
    "Your call could not be read. Write only "
    '{"name": "<tool>", "arguments": {"<parameter>": "<value>"}}.'
)


@dataclass
class _Said:
    """A turn while its calls are still being run."""

    frame: Frame
    request: Request
    generation: Generation
    calls: list[ToolUse] = field(default_factory=list)
    problem: str | None = None

    def turn(self) -> Turn:
        return Turn(
            depth=self.frame.depth,
            messages=list(self.request.messages),
            text=self.generation.text,
            tokens=len(self.generation.token_ids),
            output_tokens=self.generation.output_tokens,
            finish=self.generation.finish,
            raw_finish=self.generation.raw_finish,
            prompt_tokens=self.generation.prompt_tokens,
            calls=self.calls,
            problem=self.problem,
            thinking=self.generation.thinking,
        )


class Episode:
    """The state of one episode between its turns.

    Parameters
    ----------
    stuck
        Whether a turn that hit its budget was stuck at its end: the episode ends with it.
    """

    def __init__(
        self,
        job: Job,
        rule: EpisodeRule,
        tools: Toolbox,
        stuck: Callable[[Generation], bool],
    ) -> None:
        task = tasks.get(job.sample.task)
        if not isinstance(task, AgentTask):
            raise TypeError(f"{job.sample.task!r} is of category agents but no AgentTask")
        self.job = job
        self._rule, self._task, self._tools, self._stuck = rule, task, tools, stuck
        self._world = task.world(job.sample)
        self._tokens_per_char = _FIRST_TOKENS_PER_CHAR
        self._said: list[_Said] = []
        self._frames = [self._frame(job.sample.prompt, 0)]
        self._end: tuple[Finish, str] | None = None
        self._request = self._asked()

    @property
    def ended(self) -> bool:
        """Whether there is no next turn."""
        return self._end is not None

    @property
    def request(self) -> Request:
        """The next turn, as the backend is asked for it."""
        return self._request

    def take(self, generation: Generation) -> None:
        """Go on with what the model said: run its calls, or end."""
        self._end = None
        said = _Said(self._frames[-1], self._request, generation)
        self._said.append(said)
        if generation.prompt_tokens:
            sent = length(self._request.messages)
            self._tokens_per_char = generation.prompt_tokens / sent
        if generation.finish in ("error", "loop") or self._stuck(generation):
            self._end = generation.finish, generation.raw_finish
            return
        reply = read_reply(generation.text)
        frame = said.frame
        if reply.unreadable:
            said.problem = "unreadable_call"
            frame.said, frame.results = reply.text, [_UNREADABLE]
        elif reply.calls:
            frame.said, frame.todo = reply.text, deque(reply.calls[:MAX_CALLS])
        elif frame.depth == 0:
            self._end = generation.finish, generation.raw_finish
            return
        else:
            self._frames.pop()
            self._answer_sub_question(reply.text)
        self._work()

    def result(self) -> tuple[Generation, list[Turn]]:
        """Return the joined generation of an ended episode, and its turns."""
        assert self._end
        finish, raw = self._end
        parts = [said.generation for said in self._said]
        joined = Generation.joined(
            parts,
            finish=finish,
            raw_finish=raw,
            prompt_tokens=sum(part.prompt_tokens for part in parts),
            output_tokens=sum(part.output_tokens for part in parts),
            seconds=sum(part.seconds for part in parts),
            error=parts[-1].error,
        )
        return joined, [said.turn() for said in self._said]

    def _frame(self, prompt: str, depth: int) -> Frame:
        return Frame(f"{introduction()}\n\n{prompt}", depth)

    def _work(self) -> None:
        """Run what the newest reply asks for, until the model has to speak again."""
        frame = self._frames[-1]
        while frame.todo:
            name, arguments = frame.todo.popleft()
            try:
                argument = argument_of(name, arguments)
            except ValueError as error:
                self._ran(frame, name, arguments_text(arguments), f"Error: {error}")
                continue
            if name == "ask" and frame.depth < self._rule.max_depth:
                # The result is filled in when the sub-question has its answer.
                self._ran(frame, name, arguments_text(arguments), None)
                self._frames.append(self._frame(self._task.sub_prompt(argument), frame.depth + 1))
                break
            self._ran(frame, name, arguments_text(arguments), self._use(frame, name, argument))
        left = self._rule.max_turns - len(self._said)
        if left <= 0:
            self._end = "length", TURN_LIMIT
            return
        if frame is self._frames[-1]:
            frame.close_exchange(
                f"Replies left: {left}." if left > 1 else "This is your last reply: answer now."
            )
        self._request = self._asked()

    def _use(self, frame: Frame, name: str, argument: str) -> str:
        if name == "note":
            return frame.note(argument)
        if name == "ask":
            return "Error: sub-questions may not nest deeper than this."
        return self._tools.use(self._world, name, argument)

    def _ran(self, frame: Frame, name: str, arguments: str, result: str | None) -> None:
        said = next(said for said in reversed(self._said) if said.frame is frame)
        name = valid(name[:80])
        said.calls.append(ToolUse(name=name, arguments=arguments, result=result or ""))
        if result is not None:
            frame.results.append(result_text(name, result))

    def _answer_sub_question(self, text: str) -> None:
        frame = self._frames[-1]
        stated = candidates(text)
        answer = (stated[0].line if stated else last_line(text) or "(no answer)")[:300]
        said = next(said for said in reversed(self._said) if said.frame is frame)
        said.calls[-1] = msgspec.structs.replace(said.calls[-1], result=answer)
        frame.results.append(result_text("ask", answer))

    def _asked(self) -> Request:
        """Return the next turn, with older exchanges dropped until it fits."""
        frame = self._frames[-1]
        while (tokens := self._estimate(frame)) > self._rule.context:
            if not frame.drop_one():
                # Nothing is left to drop: the turn before was the last one.
                self._end = "length", CONTEXT
                break
        if frame.exchanges and tokens > LOW * self._rule.context:
            said, answer = frame.exchanges[-1]
            left = max(0, self._rule.context - tokens)
            frame.exchanges[-1] = (
                said,
                (
                    f"{answer} Context is running low (about {left} tokens left), and older turns "
                    "will be dropped: keep what you need with note, or use ask."
                ),
            )
        messages = tuple(frame.messages())
        return Request(
            key=f"{self.job.key}.{len(self._said)}",
            prompt=plain_text(messages),
            sampling=self.job.sampling,
            sample_id=self.job.sample.id,
            repeat=self.job.repeat,
            messages=messages,
        )

    def _estimate(self, frame: Frame) -> int:
        return int(length(frame.messages()) * self._tokens_per_char * _MARGIN)


class Ended(NamedTuple):
    """A finished episode."""

    job: Job
    generation: Generation
    turns: list[Turn]


def run_episodes(
    backend: Backend,
    jobs: Iterable[Job],
    rule: EpisodeRule,
    tools: Toolbox,
    watch: Watch,
    measure: Sequence[Detector],
) -> Generator[Ended, None, None]:
    """Drive episodes over a backend, as many at a time as it has slots, and yield each.

    The next turn of an episode goes before the first of another one, so that a run that is
    killed loses few turns. Where no new episode is left, the rest is asked in rounds.

    Parameters
    ----------
    backend
        Generates the turns.
    jobs
        One per episode.
    rule
        Limits of an episode.
    tools
        What a model may call.
    watch
        Of every turn.
    measure
        Decides whether a turn that hit its budget was stuck.
    """
    new = iter(jobs)
    ready: deque[Request] = deque()
    live: dict[str, Episode] = {}

    def stuck(generation: Generation) -> bool:
        verdicts = judge_generation(generation, measure)
        return classify(generation.finish, verdicts) in STUCK

    def feed() -> Iterator[Request]:
        while True:
            if ready:
                yield ready.popleft()
                continue
            job = next(new, None)
            if job is None:
                return
            live[job.key] = Episode(job, rule, tools, stuck)
            yield live[job.key].request

    while True:
        results = backend.generate(feed(), watch)
        with closing(results):
            for request, generation in results:
                key = request.key.rpartition(".")[0]
                episode = live[key]
                episode.take(generation)
                if episode.ended:
                    del live[key]
                    yield Ended(episode.job, *episode.result())
                else:
                    ready.append(episode.request)
        if not ready:
            return


def continuation(record: Record) -> Request:
    """Return the request that runs an early-stopped record on to its budget.

    Of an episode only the last turn is continued: the earlier ones are in its prompt.
    """
    ids, text = record.generation.token_ids, record.generation.text
    tokens, prompt = record.generation.output_tokens, record.prompt
    messages: tuple[Message, ...] = ()
    if record.turns:
        last = record.turns[-1]
        messages, text, tokens = tuple(last.messages), last.text, last.output_tokens
        ids, prompt = ids[len(ids) - last.tokens :], plain_text(messages)
    return Request(
        key=record.key,
        prompt=prompt,
        sampling=record.sampling,
        prefix_ids=tuple(ids),
        prefix_text=text,
        prefix_tokens=tokens,
        sample_id=record.sample_id,
        repeat=record.repeat,
        messages=messages,
    )
