"""Tokens of real models, through llama.cpp, so that numbers split as they do in practice."""

from __future__ import annotations

import json
import urllib.request

from tokenised import Tokens

from loopbench.backends.llamacpp.process import EngineProcess
from loopbench.models import catalog


class ModelTokenizer:
    """The tokenizer of a GGUF model, as llama.cpp's server applies it."""

    def __init__(self, model: str) -> None:
        settings = {
            "path": str(catalog.resolve(model)[1]), "slots": 1, "context_per_slot": 256,
            "micro_batch": 64, "threads": 1, "poll": 0, "seed": 0, "gpu_layers": 0,
            "flash_attention": True,
        }  # fmt: skip
        self._engine = EngineProcess(settings, load_timeout_s=120)
        self._address = self._engine.start()

    def __call__(self, text: str) -> Tokens:
        """Return ids and the bytes that each of them stands for."""
        body = {"content": text, "add_special": False, "parse_special": False, "with_pieces": True}
        request = urllib.request.Request(
            f"{self._address}/tokenize",
            json.dumps(body).encode(),
            {"Authorization": f"Bearer {self._engine.secret}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=120) as response:
            tokens = json.load(response)["tokens"]
        # A piece that is no whole text comes as a list of bytes.
        pieces = [t["piece"] for t in tokens]
        return [t["id"] for t in tokens], [
            p.encode() if isinstance(p, str) else bytes(p) for p in pieces
        ]

    def close(self) -> None:
        """End the server."""
        self._engine.stop()
