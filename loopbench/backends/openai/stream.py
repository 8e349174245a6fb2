"""What OpenAI-compatible servers are asked and how their streams are read: no network here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from loopbench.backends.intake import End
from loopbench.backends.parts.llama_server.stream import completion_body
from loopbench.backends.parts.seeds import request_seed
from loopbench.backends.parts.sse import StreamError
from loopbench.detectors.parts.tokens import fallback_tokens, named, split_after
from loopbench.files.finishes import finish_of
from loopbench.types import Request, Sampling

DONE = b"[DONE]"
_OWN_ROUTE = frozenset({"prompt", "n_predict", "stream", "return_tokens", "n_probs"})


class Delta(msgspec.Struct, frozen=True):
    """What a chat stream adds."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class Choice(msgspec.Struct, frozen=True):
    """What a stream adds; fields that are not listed are ignored."""

    text: str | None = None
    delta: Delta | None = None
    token_ids: list[int] | None = None
    finish_reason: str | None = None
    stop_reason: int | str | None = None

    @property
    def added(self) -> str:
        """The new text. Reasoning is part of an output: that is where most loops are."""
        if self.delta is None:
            return self.text or ""
        reasoning = self.delta.reasoning_content or self.delta.reasoning or ""
        return reasoning + (self.delta.content or "")


class Usage(msgspec.Struct, frozen=True):
    """The server's own counts."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


class Chunk(msgspec.Struct, frozen=True):
    """One event of a stream, or a whole reply that was not streamed."""

    choices: list[Choice] = []
    usage: Usage | None = None
    error: Any = None
    message: Any = None

    @property
    def problem(self) -> str | None:
        """The sentence of an error."""
        error = (
            self.error.get("message", self.error) if isinstance(self.error, dict) else self.error
        )
        if error is None and not self.choices:
            error = self.message
        return None if error is None else str(error)[:400]


_decoder = msgspec.json.Decoder(Chunk)


def decode_chunk(data: bytes) -> Chunk:
    """Read one event.

    Raises
    ------
    StreamError
        If it is not JSON of the expected shape.
    """
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise StreamError(f"it sent {data[:80]!r} ({error})") from error


def end_of(choice: Choice) -> End:
    """Map a server's reason to our finish, and keep its own word."""
    raw = choice.finish_reason or "none"
    # A word that says neither, such as that of a filter, is the end of no measurement.
    found = finish_of(raw)
    finish = "error" if found == "unknown" else found
    return End(finish, raw if choice.stop_reason is None else f"{raw} ({choice.stop_reason})")


class WordStream:
    """`fallback_tokens`, chunk by chunk: the same ids and pieces, whatever the chunks.

    A word or a run of spaces may go on in the next chunk, so the last piece is held back.

    Parameters
    ----------
    prefix
        Text whose words have their ids already: those of a continuation are then the same.
    """

    def __init__(self, prefix: str = "") -> None:
        ids, pieces = fallback_tokens(prefix)
        self._known = dict(zip(named(pieces), ids, strict=True))
        self._done = [prefix]
        self._held = ""

    def feed(self, text: str) -> tuple[list[int], list[str]]:
        """Return the ids and pieces that are complete now."""
        before = self._done[-1][-1:]
        pieces = split_after(before, self._held + text)
        if not pieces:
            return [], []
        self._held = pieces.pop()
        self._done += pieces
        return self._ids(named(pieces, before, self._held)), pieces

    def end(self) -> tuple[list[int], list[str]]:
        """Return what was held back, read as it was where the same text stood before."""
        held, self._held = self._held, ""
        ids, pieces = fallback_tokens("".join(self._done) + held)
        at, size = len(pieces), 0
        while size < len(held):
            at -= 1
            size += len(pieces[at])
        if size != len(held):  # the prefix ended inside a run
            return self._ids([held]), [held]
        # A completed word has the id of the whole one, which came first.
        names = dict(zip(reversed(ids), reversed(named(pieces)), strict=True))
        return self._ids([names[i] for i in ids[at:]]), pieces[at:]

    def _ids(self, names: list[str]) -> list[int]:
        return [self._known.setdefault(name, len(self._known)) for name in names]


class ChoiceReader:
    """Reads the tokens of one output from what its stream adds.

    Parameters
    ----------
    gives_ids
        Whether the server sends token ids; words are counted otherwise.
    prefix
        The text that this output goes on after.
    """

    def __init__(self, gives_ids: bool, prefix: str = "") -> None:
        self._words = None if gives_ids else WordStream(prefix)
        self.chunks = 0
        """Events with text: a lower bound of the tokens where no ids are known."""

    def read(self, choice: Choice) -> tuple[list[int], list[str]]:
        """Return the new ids of an event with the text that each of them added.

        Without ids there are no pieces either: the text then belongs to the token before.
        """
        text = choice.added
        self.chunks += bool(text)
        if self._words:
            return self._words.feed(text)
        ids = choice.token_ids or []
        # Which of several ids added which characters is not told.
        return ids, [""] * (len(ids) - 1) + [text] if ids else []

    def end(self) -> tuple[list[int], list[str]]:
        """Return what was held back."""
        return self._words.end() if self._words else ([], [])


def sampling_fields(sampling: Sampling, key: str, engine: str, context: int) -> dict[str, Any]:
    """Return the fields of a request that say how tokens are drawn.

    Servers fill in what is missing, some from the model's `generation_config`. So every
    field that an engine is known to understand is sent, and to unknown engines those of
    the API and those that were asked for.

    Parameters
    ----------
    sampling
        What is asked for.
    key
        Identity of the generation: its seed follows from it.
    engine
        Kind of the server; `unknown` where it does not say.
    context
        Tokens that a repetition penalty looks back on.
    """
    if engine == "llama-server":
        # It takes the fields of its own route on the common ones too.
        body = completion_body((), sampling, 0, key, context)
        return {name: value for name, value in body.items() if name not in _OWN_ROUTE}
    fields: dict[str, Any] = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": request_seed(sampling.seed, key),
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
    }
    # -1 or 0 switch the filter off, but only the former does so everywhere.
    top_k = sampling.top_k or -1
    known = engine in ("vllm", "sglang")
    if known or sampling.top_k:
        fields["top_k"] = top_k
    if known or sampling.min_p:
        fields["min_p"] = sampling.min_p
    if known or sampling.repetition_penalty != 1.0:
        name = "repeat_penalty" if engine == "lmstudio" else "repetition_penalty"
        fields[name] = sampling.repetition_penalty
    return fields


def cannot_set(sampling: Sampling, engine: str) -> str | None:
    """Return what is asked for that this engine is known to ignore without a word."""
    if (
        engine != "ollama"
        or msgspec.structs.replace(sampling, top_k=0, min_p=0.0, repetition_penalty=1.0) == sampling
    ):
        return None
    return "Ollama's common API ignores --top-k, --min-p and --repetition-penalty."


def request_body(
    model: str, request: Request, *, engine: str, context: int, asks_ids: bool
) -> dict[str, Any]:
    """Return the fields that are the same for chat and plain completions.

    Parameters
    ----------
    context
        Tokens that the server can look back on; a repetition penalty is for all of them.
    asks_ids
        Whether token ids are asked for.
    """
    used = request.prefix_tokens
    left = request.sampling.max_new_tokens - (len(request.prefix_ids) if used is None else used)
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": left,
        "stream": True,
        "stream_options": {"include_usage": True},
        "n": 1,
        **sampling_fields(request.sampling, request.key, engine, context),
    }
    return body | ({"return_token_ids": True} if asks_ids else {})


def chat_fields(request: Request, engine: str) -> dict[str, Any] | None:
    """Return the fields of a chat request; None if this engine cannot go on after a prefix."""
    messages = request.chat()
    if not request.prefix_text:
        return {"messages": messages}
    messages.append({"role": "assistant", "content": request.prefix_text})
    if engine in ("vllm", "sglang"):
        return {
            "messages": messages,
            "add_generation_prompt": False,
            "continue_final_message": True,
        }
    # These go on after a last message of the assistant by themselves.
    return {"messages": messages} if engine in ("llama-server", "ollama", "lmstudio") else None


def completion_fields(request: Request, ids: Sequence[int] | None) -> dict[str, Any]:
    """Return the fields of a plain completion, from ids where they are known."""
    return {"prompt": request.prompt + request.prefix_text if ids is None else list(ids)}
