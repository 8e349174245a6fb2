"""The bytes of each token, to recover ids that llama-server does not stream.

llama-server holds text back while it ends inside a UTF-8 character. When the character is
complete it sends the text with the id of the **last** token only; the ids before it are
counted, but never sent. Loops of emoji and of non-Latin scripts are made of such tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from loopbench.models import gguf

MAX_HELD = 8
"""Most tokens of one character: four bytes, plus what a longer token carries before it."""
_MODEL = "tokenizer.ggml.model"
_TOKENS = "tokenizer.ggml.tokens"
_TYPES = "tokenizer.ggml.token_type"
_NORMAL, _BYTE = 1, 6


def _byte_alphabet() -> dict[str, int]:
    """Invert GPT-2's map of bytes to printable characters."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    other = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + i): b for i, b in enumerate(other)}


def token_bytes(model: str, tokens: Sequence[bytes], types: Sequence[int]) -> dict[int, bytes]:
    """Return the bytes that each normal token stands for.

    Parameters
    ----------
    model
        `tokenizer.ggml.model`: `gpt2` (byte-level BPE) or `llama` (SentencePiece);
        others give an empty table.
    tokens, types
        The arrays of the GGUF file. Control, unknown and unused tokens have no bytes.
    """
    alphabet = _byte_alphabet()
    table: dict[int, bytes] = {}
    for index, (raw, kind) in enumerate(zip(tokens, types, strict=False)):
        text = raw.decode("utf-8", "replace")
        if model == "gpt2" and kind == _NORMAL:
            if all(char in alphabet for char in text):
                table[index] = bytes(alphabet[char] for char in text)
        elif model == "llama" and kind == _NORMAL:
            table[index] = raw.replace("▁".encode(), b" ")
        elif model == "llama" and kind == _BYTE and len(text) == 6:
            table[index] = bytes([int(text[3:5], 16)])
    return table


class Vocabulary:
    """Finds the ids behind bytes; reads the file on first use, since few outputs need it."""

    def __init__(self, table: dict[int, bytes] | None = None, path: Path | None = None) -> None:
        self._path = path
        self._table = table
        self._ids: dict[bytes, int] | None = None

    def _load(self) -> tuple[dict[int, bytes], dict[bytes, int]]:
        if self._table is None:
            self._table = _read(self._path) if self._path else {}
        if self._ids is None:
            # A later duplicate does not replace an earlier token, as in tokenizers.
            self._ids = {raw: index for index, raw in reversed(self._table.items())}
        return self._table, self._ids

    def recover(self, content: str, last: int, held: int) -> list[int] | None:
        """Return the `held` ids before `last` that make `content` together with it.

        Where several splits fit, the one with the longest tokens first is taken, which is
        what a tokeniser gives. None if no split fits: the text then holds invalid bytes,
        or the vocabulary has another form.

        Parameters
        ----------
        content
            Text of a whole character, or of several.
        last
            Id of the token that completed it.
        held
            How many tokens came before that one and were not sent.
        """
        table, ids = self._load()
        whole, end = content.encode(), table.get(last)
        if not end or held > MAX_HELD or not whole.endswith(end):
            return None
        return _split(whole[: len(whole) - len(end)], held, ids)


def _split(data: bytes, count: int, ids: dict[bytes, int]) -> list[int] | None:
    if count == 0:
        return [] if not data else None
    for size in range(len(data) - count + 1, 0, -1):
        first = ids.get(data[:size])
        rest = None if first is None else _split(data[size:], count - 1, ids)
        if first is not None and rest is not None:
            return [first, *rest]
    return None


def _read(path: Path) -> dict[int, bytes]:
    try:
        model = gguf.read_header(path).metadata.get(_MODEL)
        arrays = gguf.read_arrays(path, frozenset({_TOKENS, _TYPES}))
    except gguf.GGUFError:
        return {}
    tokens = [item for item in arrays.get(_TOKENS, []) if isinstance(item, bytes)]
    types = [item for item in arrays.get(_TYPES, []) if isinstance(item, int)]
    return token_bytes(str(model), tokens, types)
