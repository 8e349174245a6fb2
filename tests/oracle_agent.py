"""A scripted agent that solves episodes with the tools alone, and others that do not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Iterable

import fakes

from loopbench.backends.base import Watch
from loopbench.types import Generation, Request, Sample

Said = tuple[list[str], str]
Policy = Callable[[Request], str]
"""What an agent says when it is shown a conversation."""


def call(name: str, **arguments: object) -> str:
    return json.dumps({"name": name, "arguments": arguments})


def results(request: Request) -> list[str]:
    """Return the messages that came back with results."""
    return [m.content for m in request.messages[1:] if m.role == "user"]


class Oracle:
    """Follows the steps of a question and believes nothing that no tool has told it.

    It searches only for titles that it was shown, works only with numbers that it read, and
    answers with what a tool returned.
    """

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._samples = list(samples)

    def __call__(self, request: Request) -> str:
        question = request.messages[0].content
        (sample,) = (s for s in self._samples if question.endswith(s.prompt))
        steps, compute = sample.reference["steps"], sample.reference["compute"]
        found = results(request)
        for step, text in zip(steps, found, strict=False):
            assert step["fact"] in text, (step, text)
        if len(found) < len(steps):
            title = steps[len(found)]["search"]
            assert any(title in text for text in (sample.prompt, *found)), title
            return call("search", query=title)
        if compute and len(found) == len(steps):
            read = re.findall(r"[0-9]+", " ".join(found))
            for number in re.findall(r"[0-9]{3,}", compute["input"]):
                assert number in read, number
            parameter = {"calculator": "expression", "python": "code"}[compute["tool"]]
            return call(compute["tool"], **{parameter: compute["input"]})
        if compute:
            head, answer, *_ = found[-1].splitlines()
            assert head == f"Result of {compute['tool']}:"
            return f"Answer: {answer}"
        answer = str(sample.reference["answer"])
        assert answer in steps[-1]["fact"]
        return f"Answer: {answer}"


def spoken(policy: Policy) -> fakes.Script:
    """Return a policy as the script of a fake backend, a few characters to a token."""

    def script(request: Request) -> Said:
        text = policy(request)
        if text == "ERROR":
            return [], "error"
        if text.startswith("LOOP"):
            return list(fakes.LOOP), "length"
        return [text[i : i + 5] for i in range(0, len(text), 5)], "stop"

    return script


def in_turn(*texts: str) -> Policy:
    """Return a policy that says these texts one after another, the last one for ever."""
    said = iter(texts)
    last = [""]

    def policy(request: Request) -> str:
        last[0] = next(said, last[0])
        return last[0]

    return policy


class Counting(fakes.FakeBackend):
    """A fake backend that counts prompts in tokens of three characters."""

    def generate(
        self, requests: Iterable[Request], watch: Watch
    ) -> Generator[tuple[Request, Generation], None, None]:
        import msgspec

        for request, generation in super().generate(requests, watch):
            tokens = sum(len(m.content) for m in request.messages) // 3
            yield request, msgspec.structs.replace(generation, prompt_tokens=tokens)
