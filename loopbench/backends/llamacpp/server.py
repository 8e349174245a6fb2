"""The child process of the `llamacpp` backend: llama.cpp's own server on loopback.

Run as `python -m loopbench.backends.llamacpp.server`. The settings come as one line of
JSON on stdin, one line of JSON with the address goes to stdout, and the process ends
when stdin ends: it cannot outlive its parent, however that dies.
"""

from __future__ import annotations

import sys
from typing import Any

from loopbench.children.serving import Channel, leave


def _parameters(engine: Any, settings: dict[str, Any]) -> Any:
    params = engine.CommonParams()
    params.model.path = settings["path"]
    params.n_parallel = settings["slots"]
    params.n_ctx = settings["slots"] * settings["context_per_slot"]
    params.kv_unified = False
    params.cont_batching = True
    # The context must be what the header of the run says, so nothing is fitted to memory,
    # and a full context ends the stream instead of dropping its beginning.
    params.fit_params = False
    params.ctx_shift = False
    params.cache_prompt = False
    params.cache_ram_mib = 0
    params.cache_idle_slots = False
    params.n_ctx_checkpoints = 0
    # Tokens evaluated at once. n_batch stays: llama.cpp aborts when it is 1.
    params.n_ubatch = settings["micro_batch"]
    if not settings["flash_attention"]:
        kinds = engine.llama_flash_attn_type
        params.flash_attn_type = kinds.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.cpuparams.n_threads = settings["threads"]
    params.cpuparams_batch.n_threads = settings["threads"]
    params.cpuparams.poll = settings["poll"]
    params.cpuparams_batch.poll = settings["poll"]
    params.sampling.seed = settings["seed"]
    params.n_gpu_layers = settings["gpu_layers"]
    params.hostnames = ["127.0.0.1"]
    params.port = settings.get("port", 0)
    params.api_keys = [settings["secret"]]
    params.cors_origins = "http://127.0.0.1"
    params.ui = False
    params.endpoint_slots = False
    params.warmup = False
    # A ping would count as a sign of life of a stream that is stuck.
    params.sse_ping_interval = -1
    params.verbosity = 1
    return params


def main() -> int:
    """Serve the model until stdin ends."""
    channel = Channel()
    messages = iter(channel)
    settings = next(messages, None)
    if settings is None:
        return 0
    try:
        import xllamacpp as engine

        server = engine.Server(_parameters(engine, settings))
    except Exception as error:
        channel.reply({"error": f"{type(error).__name__}: {error}"})
        return 3
    channel.reply({"address": server.listening_address})
    for _ in messages:
        pass
    leave()
    return 0


if __name__ == "__main__":
    sys.exit(main())
