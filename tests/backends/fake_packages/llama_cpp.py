"""A llama_cpp whose model counts: after token t comes t + 1, and 26 ends a stream.

Tokens are letters; a sequence's memory is checked at every decode, so that a position that
is skipped, or a sequence that was not freed, fails.
"""

from __future__ import annotations

import ctypes
import os
import time
from types import SimpleNamespace
from typing import Any

llama_token = ctypes.c_int32
END, BOS = 26, 27
LLAMA_FLASH_ATTN_TYPE_DISABLED = 0


class _Row:
    def __init__(self) -> None:
        self.items: dict[int, Any] = {}

    def __getitem__(self, at: int) -> Any:
        return self.items.setdefault(at, _Row())

    def __setitem__(self, at: int, item: Any) -> None:
        self.items[at] = item


def llama_backend_init() -> None: ...


def llama_print_system_info() -> bytes:
    return b"CPU : AVX2 = 1 | "


def llama_model_default_params() -> Any:
    return SimpleNamespace(n_gpu_layers=0)


def llama_model_load_from_file(path: bytes, params: Any) -> Any:
    return None if b"refused" in path else "model"


def llama_model_get_vocab(model: Any) -> Any:
    return "vocab"


def llama_context_default_params() -> Any:
    return SimpleNamespace()


def llama_init_from_model(model: Any, params: Any) -> Any:
    return SimpleNamespace(memory={}, logits={}, slots=params.n_seq_max, params=params)


def llama_get_memory(context: Any) -> Any:
    return context.memory


def llama_batch_init(size: int, embd: int, seqs: int) -> Any:
    rows = {name: _Row() for name in ("token", "pos", "n_seq_id", "seq_id", "logits")}
    return SimpleNamespace(n_tokens=0, **rows)


def llama_decode(context: Any, batch: Any) -> int:
    context.logits = {}
    for at in range(batch.n_tokens):
        seq, token = batch.seq_id[at][0], batch.token[at]
        memory = context.memory.setdefault(seq, [])
        if batch.pos[at] != len(memory) or seq >= context.slots:
            return -1
        memory.append(token)
        if token == ord("X") - ord("A"):
            os._exit(9)
        if token == ord("Z") - ord("A") and len(memory) == 1:
            time.sleep(60)
        if batch.logits[at]:
            context.logits[at] = token
    return 0


def llama_memory_seq_rm(memory: Any, seq: int, first: int, last: int) -> bool:
    memory.pop(seq, None)
    return True


def llama_tokenize(
    vocab: Any, text: bytes, size: int, ids: Any, room: int, bos: bool, special: bool
) -> int:
    found = [c - ord("A") for c in text if ord("A") <= c <= ord("Z")]
    ids[: len(found)] = found
    return len(found)


def llama_vocab_bos(vocab: Any) -> int:
    return BOS


def llama_vocab_eos(vocab: Any) -> int:
    return END


def llama_vocab_n_tokens(vocab: Any) -> int:
    return 28


def llama_vocab_is_eog(vocab: Any, token: int) -> bool:
    return token == END


def llama_token_to_piece(
    vocab: Any, token: int, room: Any, size: int, strip: int, special: bool
) -> int:
    # D and E are the two bytes of one character.
    piece = {3: b"\xc3", 4: b"\xa9", BOS: b"<s>" if special else b""}.get(
        token, bytes([ord("A") + token])
    )
    room.value = piece
    return len(piece)


def llama_sampler_chain_default_params() -> None: ...


def llama_sampler_chain_init(params: Any) -> list[Any]:
    return []


def llama_sampler_chain_add(chain: list[Any], part: Any) -> None:
    chain.append(part)


def llama_sampler_init_greedy() -> Any:
    return ("greedy",)


def llama_sampler_init_temp(value: float) -> Any:
    return ("temp", value)


def llama_sampler_init_top_k(value: int) -> Any:
    return ("top_k", value)


def llama_sampler_init_top_p(value: float, keep: int) -> Any:
    return ("top_p", value)


def llama_sampler_init_min_p(value: float, keep: int) -> Any:
    return ("min_p", value)


def llama_sampler_init_dist(seed: int) -> Any:
    return ("dist",)


def llama_sampler_init_penalties(
    size: int, last: int, repeat: float, frequency: float, presence: float
) -> Any:
    return ("penalties", last, repeat, frequency, presence)


def llama_sampler_accept(chain: list[Any], token: int) -> None: ...


def llama_sampler_free(chain: list[Any]) -> None:
    chain.clear()


def llama_sampler_sample(chain: list[Any], context: Any, at: int) -> int:
    return int(context.logits[at]) + 1
