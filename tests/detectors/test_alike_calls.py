"""Tool calls that are the same but for what belongs to one call alone."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from uuid import UUID

import pytest

import loopbench
from loopbench import detectors
from loopbench.detectors.parts.tokens import fallback_tokens
from loopbench.detectors.parts.volatile import is_volatile, masked, without_volatile
from loopbench.types import Verdict

RNG = random.Random(5)
CITIES = re.findall(
    r"\w+",
    "Rome Paris Oslo Bern Wien Prag Kyiv Riga Lima Cairo Delhi Tokyo Seoul Quito Accra Dakar "
    "Lagos Tunis Baku Doha",
)


def drawn_uuid() -> str:
    return str(UUID(int=RNG.getrandbits(128)))


def drawn(size: int) -> str:
    return f"{RNG.getrandbits(4 * size):0{size}x}"[:-1] + "7"


def moment() -> str:
    return f"2024-05-01T{RNG.randrange(24):02d}:{RNG.randrange(60):02d}:{RNG.randrange(60):02d}Z"


def call(**arguments: object) -> str:
    return json.dumps({"name": "search", "arguments": arguments})


def wrapped(body: str) -> str:
    return f"<tool_call>\n{body}\n</tool_call>\n"


def openai() -> str:
    arguments = json.dumps({"query": "tin", "request_id": drawn_uuid()})
    function = {"name": "search", "arguments": arguments}
    return json.dumps({"id": f"call_{drawn(24)}", "type": "function", "function": function})


def tagged() -> str:
    parts = {"query": "tin", "request_id": drawn_uuid()}
    body = "\n".join(f"<parameter={k}>\n{v}\n</parameter>" for k, v in parts.items())
    return wrapped(f"<function=search>\n{body}\n</function>")


LOOPS: dict[str, Callable[[int], str]] = {
    "uuid": lambda i: wrapped(call(query="tin", request_id=drawn_uuid())),
    "hexadecimal id": lambda i: wrapped(call(query="tin", id=drawn(8))),
    "id with a prefix": lambda i: wrapped(call(query="tin", id=f"req_{drawn(16)}")),
    "number of a request": lambda i: wrapped(call(query="tin", requestId=RNG.randrange(10**6))),
    "time stamp": lambda i: wrapped(call(query="tin", timestamp=moment())),
    "seconds since 1970": lambda i: wrapped(call(query="tin", time=RNG.randrange(10**9) + 10**9)),
    "nonce and time": lambda i: wrapped(call(query="tin", nonce=drawn(4), time=moment())),
    "list of LFM2": lambda i: (
        f'<|tool_call_start|>[search(query="tin", request_id="{drawn_uuid()}")]<|tool_call_end|>\n'
    ),
    "bare objects": lambda i: call(query="tin", request_id=drawn_uuid()) + "\n",
    "OpenAI": lambda i: openai() + ",\n",
    "parameters in tags": lambda i: tagged(),
    "said before each": lambda i: (
        f"Again, {drawn_uuid()}:\n" + wrapped(call(query="tin", request_id=drawn_uuid()))
    ),
    "two in turn": lambda i: wrapped(call(query=("tin", "zinc")[i % 2], request_id=drawn_uuid())),
    "an empty answer each time": lambda i: (
        wrapped(call(query="tin", request_id=drawn_uuid())) + "<tool_response>[]</tool_response>\n"
    ),
}

NOT_ALIKE: dict[str, Callable[[int], str]] = {
    "cities": lambda i: wrapped(call(query=CITIES[i % 20], request_id=drawn_uuid())),
    "pages": lambda i: wrapped(call(query="tin", page=i, request_id=drawn_uuid())),
    "nothing but an id": lambda i: wrapped(call(id=drawn_uuid())),
    "users": lambda i: wrapped(call(user_id=drawn_uuid(), fields="name")),
    "words as ids": lambda i: wrapped(call(query="tin", id=CITIES[i % 20])),
    "days": lambda i: wrapped(call(query="tin", time=f"2024-05-{i % 28 + 1:02d}")),
    "answers": lambda i: (
        wrapped(call(query="tin", request_id=drawn_uuid()))
        + f"<tool_response>{CITIES[i % 20]} {CITIES[i * i % 19]}</tool_response>\n"
    ),
}


def judged(text: str, **parameters: int) -> Verdict:
    return detectors.get("toolcycle", **parameters).scan(*fallback_tokens(text))


@pytest.mark.parametrize("shape", LOOPS)
def test_calls_that_are_alike_for_long_are_a_loop(shape: str) -> None:
    text = "".join(map(LOOPS[shape], range(40)))
    verdict = judged(text)
    assert (verdict.looped, verdict.terminal, verdict.level) == (True, True, "counter")
    assert 0 < (verdict.onset or 0) < len(fallback_tokens(text)[0]) // 10
    for cut in (1, 9, 30):
        found = loopbench.detect(text[: len(text) - cut])
        assert found.outcome == "doom"
    # That which ended by itself was a batch, if a strange one.
    assert loopbench.detect(text, finish="stop").outcome == "clean"


@pytest.mark.parametrize("shape", NOT_ALIKE)
def test_calls_about_other_things_are_other_calls(shape: str) -> None:
    assert not judged("".join(map(NOT_ALIKE[shape], range(20)))).looped


@pytest.mark.parametrize(("calls", "found"), [(16, False), (17, True)])
def test_sixteen_are_asked_for_after_the_first(calls: int, found: bool) -> None:
    # Before the first call stands whatever it is: it is like no other.
    text = "".join(LOOPS["uuid"](i) for i in range(calls))
    assert judged(text).terminal == found
    assert judged(text, min_alike=calls).terminal is False
    assert judged(text, min_alike=8).terminal


def test_equal_calls_are_a_verbatim_loop_as_before() -> None:
    text = "".join(LOOPS["uuid"](i) for i in range(20)) + wrapped(call(query="tin")) * 3
    verdict = judged(text)
    assert (verdict.level, verdict.terminal, verdict.repeats) == ("verbatim", True, 3)


def test_a_loop_that_is_left_is_none_at_the_end() -> None:
    text = "".join(LOOPS["uuid"](i) for i in range(30)) + "So much for tin, a metal. " * 8
    verdict = judged(text)
    assert (verdict.looped, verdict.terminal) == (True, False)
    assert loopbench.detect(text).outcome == "truncated"


@pytest.mark.parametrize(
    ("equal", "outcome"), [(3, "truncated"), (7, "truncated"), (8, "doom"), (12, "doom")]
)
def test_one_reply_may_hold_some_equal_calls(equal: int, outcome: str) -> None:
    # What is said before each hides them from every rule of texts.
    said = [f"{CITIES[i * 7 % 20]} {CITIES[i * 3 % 19]}, once more.\n" for i in range(equal)]
    text = "".join(one + wrapped(call(query="tin")) for one in said)
    assert loopbench.detect(text).outcome == outcome


@pytest.mark.parametrize(
    ("name", "value", "volatile"),
    [
        ("request_id", 7, True),
        ("requestId", "a", True),
        ("X-Request-Id", "a", True),
        ("nonce", "so", True),
        ("timestamp", "noon", True),
        ("id", "deadbeef", False),
        ("id", "dead7eef", True),
        ("id", "call_8f3a91c07d2b", True),
        ("id", "8f3a91c0-7d2b-4e11-9a55-0c1d2e3f4a5b", True),
        ("id", 17, False),
        ("id", "tin", False),
        ("user_id", "8f3a91c0-7d2b-4e11-9a55-0c1d2e3f4a5b", False),
        ("time", "2024-05-01T10:00:00.5+02:00", True),
        ("time", 1714557600, True),
        ("time", "10:00", False),
        ("date", "2024-05-01", False),
        ("request_id", ["a"], False),
    ],
)
def test_what_is_volatile(name: str, value: object, volatile: bool) -> None:
    assert is_volatile(name, value) == volatile


@pytest.mark.parametrize(
    ("called", "left"),
    [
        ('["f", {"q": 1, "nonce": 2}]', '["f", {"q": 1}]'),
        ('["f", "{\\"q\\": 1, \\"nonce\\": 2}"]', '["f", {"q": 1}]'),
        ('["f", {"nonce": 2}]', None),
        ('["f", {"nonce": 2, "q": ""}]', None),
        ('["f", [1]]', None),
        ("7", None),
        ("[" * 5000, None),
        ('f(q="tin", nonce=4)', 'f(q="tin", )'),
        ("f(nonce=4)", None),
        ("f()", None),
    ],
)
def test_what_is_left_of_a_call(called: str, left: str | None) -> None:
    assert without_volatile(called) == left


def test_ids_and_moments_are_masked_in_texts() -> None:
    text = "Again  8f3a91c07d,\n2024-05-01 10:07:33 of 1714557600 and faded 12"
    assert masked(text) == "Again \0, \0 of \0 and faded 12"


@pytest.mark.parametrize(
    "text",
    [
        "a" * 100_000,
        "7" * 100_000,
        "a=" * 50_000,
        '"' * 50_000,
        "a='\\" * 9000,
        "<parameter=" * 9000,
    ],
)
def test_hostile_calls_are_only_text(text: str) -> None:
    assert masked(text) is not None
    assert not judged(wrapped(text[:8000]) * 2 + text).terminal
    without_volatile(text)
