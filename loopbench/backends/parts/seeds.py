"""The seed of one generation."""

from __future__ import annotations

import hashlib


def request_seed(seed: int, key: str) -> int:
    """Derive the seed of one generation: independent per key, the same on every run."""
    digest = hashlib.sha256(f"{seed}:{key}".encode()).digest()
    # 31 bits: the largest 32-bit seed means "random" to llama.cpp.
    return int.from_bytes(digest[:4], "big") >> 1
