"""lm-eval's OpenAI-style model types: what the server says about each of its answers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from loopbench.lmeval.capture import replace
from loopbench.lmeval.output import Origin, Response
from loopbench.types import Finish

_FINISH: dict[str, Finish] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "stop",
    "function_call": "stop",
    "content_filter": "stop",
}
SWITCH = "LOOPBENCH_ASK_FOR_IDS"
_EXTRAS = {"return_token_ids": True, "return_tokens": True, "verbose": True}
"""Fields that make vLLM and llama.cpp return token ids; other servers ignore them."""


def capture(lm: Any, undo: ExitStack) -> None:
    """Make an OpenAI-style model return responses with their origin.

    Only local servers are asked for token ids: OpenAI's own API refuses unknown fields. The
    environment variable `LOOPBENCH_ASK_FOR_IDS=0` spares other strict servers.
    """
    parse, create = lm.parse_generations, lm._create_payload

    def parse_generations(outputs: Any, **kwargs: Any) -> list[Any]:
        texts = parse(outputs=outputs, **kwargs)
        choices = ordered_choices(outputs)
        if len(choices) != len(texts):
            return list(texts)
        return [_output(text, *choice) for text, choice in zip(texts, choices, strict=True)]

    def create_payload(*args: Any, generate: bool = False, **kwargs: Any) -> Any:
        payload = create(*args, generate=generate, **kwargs)
        return payload | _EXTRAS if generate else payload

    replace(lm, "parse_generations", parse_generations, undo)
    strict = type(lm).__name__.startswith("OpenAI") or os.environ.get(SWITCH) == "0"
    if not strict:
        replace(lm, "_create_payload", create_payload, undo)


def ordered_choices(outputs: Any) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Return each choice of the replies, in order, with the reply it came in."""
    replies = outputs if isinstance(outputs, list) else [outputs]
    found = []
    for reply in replies:
        try:
            choices = sorted(reply["choices"], key=lambda choice: choice["index"])
        except (KeyError, TypeError):
            return []
        found += [(choice, reply) for choice in choices]
    return found


def _output(text: str | None, choice: Mapping[str, Any], reply: Mapping[str, Any]) -> Any:
    origin = origin_of(choice, reply)
    if text is None:
        from lm_eval.models.api_models import LMEVAL_MODEL_NONE_ANSWER_PLACEHOLDER

        # A server that splits the thinking off has no answer if the thinking never ended:
        # just there a loop is likely, so this must not become a plain placeholder.
        return Response(LMEVAL_MODEL_NONE_ANSWER_PLACEHOLDER, origin) if origin.text else None
    return Response(text, origin)


def origin_of(choice: Mapping[str, Any], reply: Mapping[str, Any]) -> Origin:
    """Return what a choice says about how it was generated.

    Thinking that the server split off comes first, as it was generated.
    """
    message = choice.get("message") or {}
    thinking = message.get("reasoning_content") or message.get("reasoning") or ""
    content = choice.get("text") if "text" in choice else message.get("content")
    verbose = reply.get("__verbose") or {}
    said = choice.get("finish_reason")
    finish = _FINISH.get(said, "unknown") if isinstance(said, str) else "unknown"
    # The text of a stop string is cut off by the server; only some tell that there was one.
    stopped = choice.get("stop_reason") or verbose.get("stopping_word")
    until = finish == "stop" and isinstance(stopped, str) and stopped != ""
    single = len(reply.get("choices") or ()) == 1
    ids = choice.get("token_ids") or (verbose.get("tokens") if single else None)
    return Origin(
        text=f"{thinking}{content or ''}",
        finish=finish,
        raw_finish="until" if until else str(said or ""),
        token_ids=ids if _are_ids(ids) else None,
    )


def _are_ids(ids: Any) -> bool:
    return isinstance(ids, list) and bool(ids) and all(type(token) is int for token in ids)
