"""What is asked of llama-server and how its stream is read: pure functions and state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from loopbench.backends.intake import End
from loopbench.backends.parts.llama_server.vocabulary import Vocabulary
from loopbench.backends.parts.seeds import request_seed
from loopbench.types import Sampling

MAX_MISSING = 3
"""A character has at most four bytes, so at most three tokens before its last one."""


class Event(msgspec.Struct, frozen=True):
    """One server-sent event of `/completion`; fields that are not listed are ignored."""

    content: str = ""
    tokens: list[int] = []
    stop: bool = False
    tokens_predicted: int = 0
    """Tokens generated so far: also those whose ids are never sent."""
    stop_type: str = ""
    truncated: bool = False
    error: dict[str, Any] | None = None
    message: str | None = None

    @property
    def problem(self) -> str | None:
        """The sentence of an error, which comes bare or in a field of its own."""
        return self.message if self.error is None else str(self.error.get("message", self.error))


decode_event = msgspec.json.Decoder(Event).decode


def samplers(sampling: Sampling) -> list[str]:
    """List the samplers that were asked for, in the order of transformers and vLLM.

    llama.cpp filters before it applies the temperature by default, which gives other
    distributions for the same settings than the other engines do.
    """
    chain = []
    if sampling.repetition_penalty != 1.0:
        chain.append("penalties")
    chain.append("temperature")
    if sampling.top_k > 0:
        chain.append("top_k")
    if sampling.top_p < 1.0:
        chain.append("top_p")
    if sampling.min_p > 0.0:
        chain.append("min_p")
    return chain


def completion_body(
    ids: Sequence[int], sampling: Sampling, n_predict: int, key: str, context: int
) -> dict[str, Any]:
    """Build the body of a `/completion` request.

    Every sampling field is explicit, so that no default of the server, nor one that a
    GGUF file brings along (`general.sampling.*`), changes what is measured.

    Parameters
    ----------
    ids
        The prompt, and the output that is there already.
    sampling
        How tokens are drawn.
    n_predict
        Tokens that the budget still has.
    key
        Identity of the generation: its seed follows from it.
    context
        Tokens of a slot: a repetition penalty looks back on all of them.
    """
    return {
        "prompt": list(ids),
        "n_predict": n_predict,
        "stream": True,
        "return_tokens": True,
        "cache_prompt": False,
        "temperature": sampling.temperature,
        "top_k": sampling.top_k,
        "top_p": sampling.top_p,
        "min_p": sampling.min_p,
        "samplers": samplers(sampling),
        "seed": request_seed(sampling.seed, key),
        "repeat_penalty": sampling.repetition_penalty,
        # The whole context, as in transformers; llama.cpp looks at the last 64 tokens.
        "repeat_last_n": context,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "dry_multiplier": 0.0,
        "xtc_probability": 0.0,
        "typical_p": 1.0,
        "top_n_sigma": -1.0,
        "mirostat": 0,
        "dynatemp_range": 0.0,
        "min_keep": 0,
        "ignore_eos": False,
        "logit_bias": [],
        "stop": [],
        "n_probs": 0,
    }


class EventReader:
    """Reads the tokens of one output from its events.

    Ids that the server withheld are recovered where that is possible. Where it is not, they
    are left out, never invented: `predicted` then exceeds the ids' number.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self.predicted = 0
        """Tokens generated, going by the engine."""

    def read(self, event: Event) -> tuple[list[int], list[str]]:
        """Return the new ids of an event with the text that each of them added.

        Without ids there are no pieces either: the text then belongs to the token before.
        """
        content, ids = event.content, list(event.tokens)
        held = event.tokens_predicted - self.predicted - len(ids)
        self.predicted = max(self.predicted, event.tokens_predicted)
        if held > 0 and len(ids) == 1:
            ids = [*(self._vocabulary.recover(content, ids[0], held) or []), *ids]
        return ids, [""] * (len(ids) - 1) + [content] if ids else []


def end_of(event: Event) -> End:
    """Map the last event to our finish and the engine's own word for it."""
    if event.stop_type in ("eos", "word"):
        return End("stop", event.stop_type)
    if event.stop_type == "limit":
        return End("length", "limit (context full)" if event.truncated else "limit")
    return End("error", event.stop_type or "none")
