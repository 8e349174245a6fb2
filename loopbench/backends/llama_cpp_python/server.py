"""The child process of the `llama-cpp-python` backend: one JSON line in, one out, per step.

Run as `python -m loopbench.backends.llama_cpp_python.server`. The first line holds the
settings. The process ends with its stdin: it cannot outlive its parent.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

from loopbench.backends.llama_cpp_python.engine import Ask, Engine, fits

MOST_CHARACTERS = 1_000_000


def _renderer(
    template: str | None, special: dict[str, str], seconds: float
) -> Callable[[str, list[dict[str, str]]], str]:
    """Return what puts a prompt through the model's chat template, in jinja's sandbox.

    A template is hostile input: this process holds nothing that it could reach, and its
    time is limited by a signal; one that hangs in a single call is ended by the parent.
    """
    if template is None:
        return lambda prompt, chat: prompt
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> None:
        raise ValueError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals["raise_exception"] = refuse
    compiled = environment.from_string(template)

    def render(prompt: str, chat: list[dict[str, str]]) -> str:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            text = compiled.render(
                messages=chat,
                add_generation_prompt=True,
                **special,
            )
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if len(text) > MOST_CHARACTERS:
            raise ValueError(f"it gives more than {MOST_CHARACTERS:,} characters")
        return text

    return render


def _too_long(number: int, frame: Any) -> None:
    raise TimeoutError("it takes too long")


class _Session:
    def __init__(self, settings: dict[str, Any]) -> None:
        import llama_cpp

        self._engine = Engine(llama_cpp, settings)
        self._context = settings["context_per_slot"]
        signal.signal(signal.SIGALRM, _too_long)
        self._render = _renderer(
            settings["template"], self._engine.special(), settings["template_s"]
        )

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """Drop, start, step; say what happened."""
        refused: dict[int, str] = {}
        prompts: dict[int, int] = {}
        for seq in message["drop"]:
            self._engine.drop(seq)
        for ask in message["add"]:
            try:
                prompt = self._engine.tokenize(self._render(ask["prompt"], ask["chat"]))
            except Exception as error:
                refused[ask["seq"]] = f"The chat template cannot be rendered: {error}."
                continue
            problem = fits(prompt, ask["budget"], self._context)
            if problem:
                refused[ask["seq"]] = problem
                continue
            prompts[ask["seq"]] = len(prompt)
            left = ask["budget"] - len(ask["prefix"])
            self._engine.add(Ask(ask["seq"], prompt, ask["prefix"], left, ask["sampling"]))
        return {"said": self._engine.step(), "prompts": prompts, "refused": refused}


def _serve(lines: BinaryIO, reply: Callable[[dict[str, Any]], None]) -> int:
    try:
        session = _Session(json.loads(lines.readline()))
    except Exception as error:
        reply({"error": f"{type(error).__name__}: {error}"})
        return 3
    reply({"address": "ready"})
    for line in lines:
        reply(session.answer(json.loads(line)))
    return 0


def main() -> int:
    """Serve until stdin ends."""
    channel = os.fdopen(os.dup(1), "wb")
    # Whatever the engine prints goes to stderr.
    os.dup2(2, 1)

    def reply(message: dict[str, Any]) -> None:
        channel.write(json.dumps(message).encode() + b"\n")
        channel.flush()

    return _serve(sys.stdin.buffer, reply)


if __name__ == "__main__":
    sys.exit(main())
