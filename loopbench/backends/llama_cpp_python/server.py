"""The child process of the `llama-cpp-python` backend: one JSON line in, one out, per step.

Run as `python -m loopbench.backends.llama_cpp_python.server`. The first line holds the
settings. The process ends with its stdin: it cannot outlive its parent.
"""

from __future__ import annotations

import sys
from typing import Any

from loopbench.backends.llama_cpp_python.engine import Ask, BatchedStreams, fits
from loopbench.children.serving import Channel


def _answer(streams: BatchedStreams, context: int, message: dict[str, Any]) -> dict[str, Any]:
    """Drop, start, step; say what happened."""
    refused: dict[int, str] = {}
    prompts: dict[int, int] = {}
    for seq in message["drop"]:
        streams.drop(seq)
    for ask in message["add"]:
        prompt = streams.tokenize(ask["prompt"])
        problem = fits(prompt, ask["budget"], context)
        if not streams.knows(ask["prefix"]):
            problem = "The output so far has tokens that the model does not know."
        if problem:
            refused[ask["seq"]] = problem
            continue
        prompts[ask["seq"]] = len(prompt)
        left = ask["budget"] - len(ask["prefix"])
        streams.add(Ask(ask["seq"], prompt, ask["prefix"], left, ask["sampling"]))
    return {"said": streams.step(), "prompts": prompts, "refused": refused}


def main() -> int:
    """Serve until stdin ends."""
    channel = Channel()
    messages = iter(channel)
    settings = next(messages, None)
    if settings is None:
        return 0
    try:
        import llama_cpp

        streams = BatchedStreams(llama_cpp, settings)
    except Exception as error:
        channel.reply({"error": f"{type(error).__name__}: {error}"})
        return 3
    channel.reply({"special": streams.special()})
    for message in messages:
        channel.reply(_answer(streams, settings["context_per_slot"], message))
    return 0


if __name__ == "__main__":
    sys.exit(main())
