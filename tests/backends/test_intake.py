"""How an output ends: by one precedence, whichever engine it comes from."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import msgspec
import pytest
from fakes import model_info
from hypothesis import given
from hypothesis import strategies as st

from loopbench.backends.base import Watch
from loopbench.backends.intake import LIMIT, LOOPED, End, Intake
from loopbench.backends.llama_cpp_python.backend import LlamaCppPythonBackend
from loopbench.backends.llama_cpp_python.process import StepReply
from loopbench.backends.openai.client import OpenAIClient
from loopbench.backends.openai.server import Server, parse_address
from loopbench.backends.parts.llama_server.client import Client, StreamLimits
from loopbench.backends.parts.llama_server.vocabulary import Vocabulary
from loopbench.backends.replay.backend import replay
from loopbench.backends.transformers.engine import BatchRow
from loopbench.files.recordings import RecordedOutput
from loopbench.types import Finish, Generation, Request, Sampling

EOS = 9
PIECES = ("a", " b", "çd", "\n", "", "x1", "🌟", " ", "-", "")
STOP, ERROR = End("stop", "eos"), End("error", "broken")


class Script(NamedTuple):
    """What an engine generates, and when a watch fires."""

    ids: list[int]
    ends: bool
    """The model ends by itself with the last token; otherwise that is the budget's last."""
    fires_at: int
    """Number of tokens after which the watch fires."""

    @property
    def request(self) -> Request:
        # The prompt is one token.
        return Request(key="k", prompt="p", sampling=Sampling(max_new_tokens=self.budget))

    @property
    def budget(self) -> int:
        return len(self.ids) + self.ends

    @property
    def pieces(self) -> list[str]:
        return [PIECES[one] for one in self.ids]

    def watch(self) -> Counting:
        return Counting(self.fires_at)


class Counting:
    """A watch that fires once it has seen so many tokens."""

    def __init__(self, fires_at: int) -> None:
        self.left, self.seen = fires_at, 0

    def push(self, ids: Sequence[int], pieces: Sequence[str]) -> bool:
        assert len(ids) == len(pieces)
        self.left -= len(ids)
        self.seen += len(ids)
        return self.left <= 0


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    ids = draw(st.lists(st.integers(0, EOS - 1), min_size=1, max_size=9))
    ends = draw(st.booleans())
    return Script([*ids, EOS] if ends else ids, ends, draw(st.integers(1, len(ids) + 3)))


class Reply200:
    """A response of aiohttp, as awaited or as a context manager."""

    def __init__(self, value: Any = None, events: Sequence[Any] = ()) -> None:
        self.status, self._value, self._events = 200, value, events
        self.content = self

    async def iter_any(self) -> AsyncIterator[bytes]:
        for event in self._events:
            yield b"data: " + json.dumps(event).encode() + b"\n\n"

    async def json(self, **_: Any) -> Any:
        return self._value

    def close(self) -> None: ...

    def __await__(self) -> Generator[Any, Any, Reply200]:
        yield from ()
        return self

    async def __aenter__(self) -> Reply200:
        return self

    async def __aexit__(self, *_: object) -> None: ...


def in_our_words(generation: Generation) -> Generation:
    """Return an output with the word for its end that most engines have."""
    raw = {"eog": "eos", "length": "limit"}.get(generation.raw_finish, generation.raw_finish)
    return msgspec.structs.replace(generation, raw_finish=raw)


def by_llama_server(script: Script) -> Generation:
    last = len(script.ids)
    events = [
        {"content": piece, "tokens": [one], "tokens_predicted": n}
        | ({"stop": True, "stop_type": "eos" if script.ends else "limit"} if n == last else {})
        for n, (one, piece) in enumerate(zip(script.ids, script.pieces, strict=True), 1)
    ]
    replies = {"/tokenize": Reply200({"tokens": [0]}), "/completion": Reply200(events=events)}
    session: Any = SimpleNamespace(post=lambda path, **_: replies[path])
    client = Client(
        session,
        templated=False,
        bos_id=None,
        limits=StreamLimits(999, 60, 60),
        vocabulary=Vocabulary({}),
    )
    return asyncio.run(client.generate(script.request, script.watch()))


def by_openai(script: Script) -> Generation:
    last, reason = len(script.ids), "eos" if script.ends else "length"
    events = [
        {
            "choices": [
                {
                    "text": piece,
                    "token_ids": [one],
                    "finish_reason": reason if n == last else None,
                }
            ],
            "usage": {"prompt_tokens": 1},
        }
        for n, (one, piece) in enumerate(zip(script.ids, script.pieces, strict=True), 1)
    ]
    session: Any = SimpleNamespace(post=lambda url, **_: Reply200(events=events))
    server = Server(
        address=parse_address("http://127.0.0.1:1/v1"), model="m", engine="vllm", version="1",
        api="completions", gives_ids=True, context=0, parameters=0, quantization="unknown",
        template=None, bos_token=None,
    )  # fmt: skip
    client = OpenAIClient(session, server, 60.0, None)
    return in_our_words(asyncio.run(client.generate(script.request, script.watch())))


class Stepped:
    """A `SteppedProcess` that says a script."""

    def __init__(self, script: Script) -> None:
        self._left = list(zip(script.ids, script.pieces, strict=True))
        self._end = "eog" if script.ends else "limit"

    def start(self) -> dict[str, str]:
        return {}

    def step(self, add: list[dict[str, Any]], drop: list[int]) -> StepReply:
        one, piece = self._left.pop(0)
        said = (0, one, piece, "" if self._left else self._end)
        return StepReply(said=[said], prompts={ask["seq"]: 1 for ask in add}, refused={})

    def stop(self) -> None: ...


def by_llama_cpp_python(script: Script) -> Generation:
    engine: Any = Stepped(script)
    backend = LlamaCppPythonBackend(engine, model_info("m"), slots=1)
    watch: Watch = lambda request: script.watch()  # noqa: E731
    ((_, generation),) = backend.generate([script.request], watch)
    return in_our_words(generation)


def by_transformers(script: Script) -> Generation:
    row = BatchRow(
        script.request,
        script.watch(),
        [0],
        decode=lambda ids: "".join(PIECES[one] for one in ids),
        control={EOS},
    )
    return next(made for one in script.ids if (made := row.take(one, {EOS})))


def by_replay(script: Script) -> Generation:
    end = STOP if script.ends else LIMIT
    stream = RecordedOutput.of(
        script.ids, script.pieces, finish=end.finish, raw_finish=end.raw, prompt_tokens=1
    )
    return replay(stream, script.request, script.watch())


ENGINES: tuple[Callable[[Script], Generation], ...] = (
    by_llama_server,
    by_openai,
    by_llama_cpp_python,
    by_transformers,
    by_replay,
)


@given(scripts())
def test_every_engine_ends_the_same_stream_in_the_same_way(script: Script) -> None:
    expected = end_by_definition(script)
    for engine in ENGINES:
        generation = engine(script)
        assert generation.seconds >= 0
        assert msgspec.structs.replace(generation, seconds=0.0) == expected, engine.__name__


def end_by_definition(script: Script) -> Generation:
    """Return the output as the precedence has it: its own end, the watch, the budget."""
    last = len(script.ids)
    watched = last - 1 if script.ends else last
    if script.fires_at <= watched:
        end, made = LOOPED, script.fires_at
    else:
        end, made = (STOP if script.ends else LIMIT), last
    return Generation.of(
        script.ids[:made],
        script.pieces[:made],
        finish=end.finish,
        raw_finish=end.raw,
        prompt_tokens=1,
        output_tokens=made,
        seconds=0.0,
    )


def took(end: End | None, fires_at: int, left: int | None = None) -> tuple[End | None, Intake]:
    watch = Counting(fires_at)
    intake = Intake(watch, left)
    return intake.take([1, 2, 3], ["a", "b", "c"], end), intake


@pytest.mark.parametrize("finish", ["stop", "error"])
def test_its_own_end_and_a_failure_come_before_the_watch(finish: Finish) -> None:
    end, intake = took(End(finish, "word"), fires_at=1)
    assert (end, intake.ids, intake.dropped) == (End(finish, "word"), [1, 2, 3], 0)


def test_the_watch_comes_before_the_budget_and_ends_at_its_token() -> None:
    end, intake = took(LIMIT, fires_at=3, left=3)
    assert (end, intake.ids, intake.dropped) == (LOOPED, [1, 2, 3], 0)
    end, intake = took(LIMIT, fires_at=2, left=2)
    assert (end, intake.ids, intake.pieces, intake.dropped) == (LOOPED, [1, 2], ["a", "b"], 1)


def test_the_budget_ends_what_nothing_else_does() -> None:
    assert took(None, fires_at=9)[0] is None
    end, intake = took(None, fires_at=9, left=2)
    assert (end, intake.ids, intake.dropped) == (LIMIT, [1, 2], 1)
    assert took(End("length", "context"), fires_at=9, left=3)[0] == End("length", "context")


def test_every_token_has_its_text() -> None:
    with pytest.raises(ValueError, match="zip"):
        Intake(Counting(9)).take([1, 2], ["a"])


def test_late_text_is_booked_on_the_last_token() -> None:
    intake = Intake(Counting(9))
    intake.add_text("lost: nothing said it")
    intake.take([1], ["a"])
    intake.add_text("b")
    made = intake.generation(LIMIT, prompt_tokens=4, output_tokens=7, seconds=0.5)
    assert (made.text, made.token_ids, made.token_chars) == ("ab", [1], [2])
    assert (made.prompt_tokens, made.output_tokens, made.seconds) == (4, 7, 0.5)
    assert list(made.pieces) == ["ab"]


def test_another_version_of_the_output_takes_its_place() -> None:
    _, intake = took(None, fires_at=9)
    intake.replace((4, 5), ("d", "ef"))
    intake.add_text("g")
    made = intake.generation(End("stop", "eos"), prompt_tokens=4, seconds=0.0)
    assert (made.token_ids, list(made.pieces), made.output_tokens) == ([4, 5], ["d", "efg"], 2)
    assert (made.finish, made.raw_finish) == ("stop", "eos")
    assert (made.opened_thinking, made.error) == (False, None)


def test_what_is_known_of_a_failure_is_told() -> None:
    _, intake = took(ERROR, fires_at=9)
    made = intake.generation(
        ERROR, prompt_tokens=4, output_tokens=0, opened_thinking=True, error="It broke."
    )
    assert (made.finish, made.raw_finish, made.error) == ("error", "broken", "It broke.")
    assert (made.opened_thinking, made.output_tokens) == (True, 0)
