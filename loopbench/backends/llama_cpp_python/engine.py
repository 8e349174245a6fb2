"""Several sequences in one llama.cpp batch, through the low-level API of llama-cpp-python.

Runs in the child process, see `server`. One call of `BatchedStreams.step` is one
decode: the next token of every stream that generates, and as much of the waiting prompts
as fits beside them.
"""

from __future__ import annotations

import codecs
import ctypes
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

PIECE_BYTES = 512
AMX = b"AMX_INT8 = 1"
"""What a build that uses AMX says of itself."""


class Ask(NamedTuple):
    """One stream to start."""

    seq: int
    """Which of the engine's sequences it uses."""
    prompt: list[int]
    prefix: list[int]
    """Output that is there already."""
    left: int
    """Most tokens to generate."""
    sampling: dict[str, Any]
    """`temperature`, `top_k`, `top_p`, `min_p`, `repetition_penalty` and `seed`."""


class SaidToken(NamedTuple):
    """One token of one stream."""

    seq: int
    token: int
    piece: str
    """The text it added."""
    end: str
    """`""` while the stream goes on, else `eog` or `limit`."""


class _Stream:
    def __init__(self, ask: Ask, sampler: Any) -> None:
        self.seq = ask.seq
        self.todo = [*ask.prompt, *ask.prefix]
        """Tokens to decode before the next one can be drawn."""
        self.position = 0
        self.left = ask.left
        self.sampler = sampler
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")


class BatchedStreams:
    """A loaded model with a fixed number of sequences.

    Parameters
    ----------
    lib
        The module `llama_cpp`.
    settings
        `path`, `slots`, `context_per_slot`, `threads`, `batch`, `micro_batch`,
        `flash_attention`, `gpu_layers`.

    Raises
    ------
    RuntimeError
        If the model cannot be loaded.
    """

    def __init__(self, lib: Any, settings: dict[str, Any]) -> None:
        self._lib = lib
        self._context_size = settings["context_per_slot"]
        self._most = settings["batch"]
        lib.llama_backend_init()
        model = lib.llama_model_default_params()
        model.n_gpu_layers = settings["gpu_layers"]
        # llama.cpp's AMX kernels crash in worker threads on some kernels (its pull request
        # 26954) and have a kind of buffer of their own, which this leaves out.
        model.use_extra_bufts = AMX not in lib.llama_print_system_info()
        self._model = lib.llama_model_load_from_file(settings["path"].encode(), model)
        if not self._model:
            raise RuntimeError("llama.cpp refuses the file")
        self._vocab = lib.llama_model_get_vocab(self._model)
        params = lib.llama_context_default_params()
        params.n_ctx = settings["slots"] * settings["context_per_slot"]
        params.n_seq_max = settings["slots"]
        params.n_batch = settings["batch"]
        params.n_ubatch = settings["micro_batch"]
        params.n_threads = params.n_threads_batch = settings["threads"]
        params.kv_unified = False
        if not settings["flash_attention"]:
            params.flash_attn_type = lib.LLAMA_FLASH_ATTN_TYPE_DISABLED
        self._context = lib.llama_init_from_model(self._model, params)
        if not self._context:
            raise RuntimeError("llama.cpp cannot make a context of this size")
        self._memory = lib.llama_get_memory(self._context)
        self._batch = lib.llama_batch_init(settings["batch"], 0, 1)
        self._streams: dict[int, _Stream] = {}

    def tokenize(self, text: str) -> list[int]:
        """Return the ids of a rendered prompt; special tokens in it are read as such."""
        data = text.encode("utf-8", "replace")
        room = len(data) + 8
        ids = (self._lib.llama_token * room)()
        count = self._lib.llama_tokenize(self._vocab, data, len(data), ids, room, True, True)
        if count < 0:
            raise RuntimeError(f"the prompt gives more than {room} tokens")
        found = [int(ids[i]) for i in range(count)]
        bos = self._lib.llama_vocab_bos(self._vocab)
        # A template that writes the BOS itself must not get the tokeniser's one on top.
        return found[1:] if found[:2] == [bos, bos] else found

    def knows(self, ids: Sequence[int]) -> bool:
        """Whether all of these are ids of the vocabulary."""
        count = self._lib.llama_vocab_n_tokens(self._vocab)
        return all(0 <= one < count for one in ids)

    def special(self) -> dict[str, str]:
        """Return the texts of the special tokens that chat templates use."""
        ids = {
            "bos_token": self._lib.llama_vocab_bos(self._vocab),
            "eos_token": self._lib.llama_vocab_eos(self._vocab),
        }
        return {
            name: self._bytes(token, special=True).decode("utf-8", "replace") if token >= 0 else ""
            for name, token in ids.items()
        }

    def add(self, ask: Ask) -> None:
        """Start a stream; its first token comes with a later step."""
        stream = _Stream(ask, self._chain(ask.sampling))
        for token in stream.todo:
            self._lib.llama_sampler_accept(stream.sampler, token)
        self._streams[ask.seq] = stream

    def drop(self, seq: int) -> None:
        """End a stream and free its sequence; idempotent."""
        stream = self._streams.pop(seq, None)
        if stream is not None:
            self._lib.llama_sampler_free(stream.sampler)
            self._lib.llama_memory_seq_rm(self._memory, seq, -1, -1)

    def step(self) -> list[SaidToken]:
        """Decode once and return what was said; streams that ended are dropped.

        Raises
        ------
        RuntimeError
            If llama.cpp fails: nothing can go on after that.
        """
        ready = self._fill()
        if not self._batch.n_tokens:
            return []
        code = self._lib.llama_decode(self._context, self._batch)
        if code:
            raise RuntimeError(f"llama_decode returned {code}")
        said = [self._draw(stream, at) for stream, at in ready]
        for one in said:
            if one.end:
                self.drop(one.seq)
        return said

    def _fill(self) -> list[tuple[_Stream, int]]:
        """Fill the batch; return the streams that get a token, and where its logits are."""
        batch, at, ready = self._batch, 0, []
        # The short ones first: a long prompt then delays no stream that generates.
        for stream in sorted(self._streams.values(), key=lambda s: len(s.todo)):
            count = min(len(stream.todo), self._most - at)
            for token in stream.todo[:count]:
                batch.token[at] = token
                batch.pos[at] = stream.position
                batch.n_seq_id[at] = 1
                batch.seq_id[at][0] = stream.seq
                batch.logits[at] = 0
                stream.position += 1
                at += 1
            del stream.todo[:count]
            if count and not stream.todo:
                batch.logits[at - 1] = 1
                ready.append((stream, at - 1))
        batch.n_tokens = at
        return ready

    def _draw(self, stream: _Stream, at: int) -> SaidToken:
        # Sampling also tells the chain what was drawn.
        token = int(self._lib.llama_sampler_sample(stream.sampler, self._context, at))
        stream.left -= 1
        if self._lib.llama_vocab_is_eog(self._vocab, token):
            return SaidToken(stream.seq, token, stream.decoder.decode(b"", True), "eog")
        last = stream.left <= 0
        piece = stream.decoder.decode(self._bytes(token), last)
        stream.todo.append(token)
        return SaidToken(stream.seq, token, piece, "limit" if last else "")

    def _bytes(self, token: int, special: bool = False) -> bytes:
        size = PIECE_BYTES
        while True:
            room = ctypes.create_string_buffer(size)
            count = self._lib.llama_token_to_piece(self._vocab, token, room, size, 0, special)
            if count >= 0:
                return room.raw[:count]
            size = -count

    def _chain(self, sampling: dict[str, Any]) -> Any:
        """Return the samplers that were asked for, in the order of transformers and vLLM."""
        lib = self._lib
        chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        add: Callable[[Any], None] = lambda part: lib.llama_sampler_chain_add(chain, part)  # noqa: E731
        if sampling["repetition_penalty"] != 1.0:
            size = lib.llama_vocab_n_tokens(self._vocab)
            penalty = sampling["repetition_penalty"]
            # The whole context, as in transformers.
            part = lib.llama_sampler_init_penalties(size, self._context_size, penalty, 0.0, 0.0)
            add(part)
        if sampling["temperature"] <= 0:
            add(lib.llama_sampler_init_greedy())
            return chain
        add(lib.llama_sampler_init_temp(sampling["temperature"]))
        if sampling["top_k"] > 0:
            add(lib.llama_sampler_init_top_k(sampling["top_k"]))
        if sampling["top_p"] < 1.0:
            add(lib.llama_sampler_init_top_p(sampling["top_p"], 0))
        if sampling["min_p"] > 0.0:
            add(lib.llama_sampler_init_min_p(sampling["min_p"], 0))
        add(lib.llama_sampler_init_dist(sampling["seed"]))
        return chain


def fits(prompt: Sequence[int], budget: int, context: int) -> str | None:
    """Return why a prompt cannot be run, or None.

    Parameters
    ----------
    prompt
        Its ids.
    budget
        Most tokens of the output.
    context
        Tokens of a slot.
    """
    if not prompt:
        # Nothing to decode, and so no logits to draw the first token from.
        return "The prompt has no tokens."
    needed = len(prompt) + budget + 1
    if needed <= context:
        return None
    return (
        f"The prompt has {len(prompt):,} tokens; with a budget of {budget:,} it needs {needed:,}"
        f" of the {context:,} tokens of a slot."
    )
