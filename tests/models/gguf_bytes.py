"""Builds small GGUF files by hand."""

from __future__ import annotations

import struct
from typing import Any


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def value(item: Any) -> bytes:
    """Encode a value with its type: str, int (as uint32) or a list of one of them."""
    if isinstance(item, list):
        inner = [value(i) for i in item]
        kind = inner[0][:4] if inner else struct.pack("<I", 4)
        return (
            struct.pack("<I", 9)
            + kind
            + struct.pack("<Q", len(item))
            + b"".join(i[4:] for i in inner)
        )
    if isinstance(item, str | bytes):
        return struct.pack("<I", 8) + text(item)
    return struct.pack("<II", 4, item)


def gguf(
    metadata: dict[str, Any],
    tensors: list[tuple[str, list[int], int, int]] = [("w", [64, 2], 3, 0)],  # noqa: B006
    data: int = 80,
    version: int = 3,
) -> bytes:
    """Return a GGUF file: tensors are (name, dimensions, type, offset), data is zeros."""
    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata))
    for key, item in metadata.items():
        out += text(key) + value(item)
    for name, dims, kind, offset in tensors:
        out += text(name) + struct.pack("<I", len(dims)) + struct.pack(f"<{len(dims)}Q", *dims)
        out += struct.pack("<IQ", kind, offset)
    return out + bytes(-len(out) % 32) + bytes(data)


PLAIN = gguf(
    {
        "general.architecture": "llama",
        "llama.context_length": 2048,
        "general.file_type": 3,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.tokens": ["a", "b"] * 600,
        "tokenizer.chat_template": "{{ messages }}",
    }
)
