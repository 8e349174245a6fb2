"""What is asked of llama-server and how its stream is read: pure functions and state."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from loopbench.backends.llamacpp.vocabulary import Vocabulary
from loopbench.types import Finish, Sampling

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


_decoder = msgspec.json.Decoder(Event)
decode_event = _decoder.decode


def request_seed(seed: int, key: str) -> int:
    """Derive the seed of one generation: independent per key, the same on every run."""
    digest = hashlib.sha256(f"{seed}:{key}".encode()).digest()
    # 31 bits: the largest 32-bit seed means "random" to llama.cpp.
    return int.from_bytes(digest[:4], "big") >> 1


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


class EventSplitter:
    """Cuts a byte stream into server-sent events, wherever the network cut it."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that `data` completes.

        Raises
        ------
        ValueError
            If an event is not the JSON that llama-server sends.
        """
        *blocks, self._rest = (self._rest + data).split(b"\n\n")
        events = []
        for block in blocks:
            name, _, payload = block.partition(b":")
            if name == b"data":
                events.append(_decoder.decode(payload))
            elif name == b"error":
                events.append(Event(error=msgspec.json.decode(payload, type=dict[str, Any])))
        return events


class Assembler:
    """Puts one output together from its events: ids, and the text that each added."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self.ids: list[int] = []
        self.pieces: list[str] = []
        self.predicted = 0
        """Tokens generated, going by the engine."""

    def add(self, event: Event) -> tuple[list[int], list[str]]:
        """Take one event and return its new ids with the text that each of them added.

        Ids that the server withheld are recovered where that is possible. Where it is
        not, they are left out, never invented: `predicted` then exceeds the ids' number.
        """
        content, ids = event.content, list(event.tokens)
        held = event.tokens_predicted - self.predicted - len(ids)
        self.predicted = max(self.predicted, event.tokens_predicted)
        if held > 0 and len(ids) == 1:
            ids = [*(self._vocabulary.recover(content, ids[0], held) or []), *ids]
        if not ids:
            if content and self.pieces:
                self.pieces[-1] += content
            return [], []
        pieces = [""] * (len(ids) - 1) + [content]
        self.ids += ids
        self.pieces += pieces
        return ids, pieces

    @property
    def gaps(self) -> bool:
        """Whether so many ids are missing that the output cannot be judged by them.

        A few may: those of a character that the budget cut.
        """
        return self.predicted - len(self.ids) > MAX_MISSING

    def replace(self, whole: Event) -> None:
        """Take over the unstreamed version of the output, which has every id.

        Its text comes in one piece, which is booked on the last id.
        """
        self.ids = list(whole.tokens)
        self.pieces = [""] * (len(self.ids) - 1) + [whole.content] if self.ids else []
        self.predicted = whole.tokens_predicted

    @property
    def text(self) -> str:
        """The output so far."""
        return "".join(self.pieces)


def finish_of(event: Event) -> tuple[Finish, str]:
    """Map the last event to our finish and the engine's own word for it."""
    if event.stop_type in ("eos", "word"):
        return "stop", event.stop_type
    if event.stop_type == "limit":
        return "length", "limit (context full)" if event.truncated else "limit"
    return "error", event.stop_type or "none"
