"""Contenders of `bench_harness` that are no program of their own; run as its child processes.

    bench_harness_children.py bare|sequential|serve|serve-python|dequantise SETTINGS [COMMAND ...]

SETTINGS is JSON. `bare` is the engine of LoopBench without LoopBench: its slots, the same
requests, nothing watched. `sequential` is the script that one writes first: llama-cpp-python,
one prompt after another. `serve` starts the server of `bare`, runs COMMAND with `{url}` and `{key}`
replaced by its address and key, and ends it; `serve-python` does so with the server of
llama-cpp-python. `dequantise` makes the folder that transformers loads.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loopbench.types import Sampling

SECRET = "bench"
START_S = 120.0
"""Most seconds that a server may take to load the model."""


def prompts(settings: dict[str, Any]) -> list[str]:
    """Return the prompts of the run."""
    # Not by str.splitlines: JSON may hold characters as they are at which that splits too.
    with Path(settings["prompts"]).open(encoding="utf-8") as lines:
        return [json.loads(line)["prompt"] for line in lines]


def report(settings: dict[str, Any], outputs: list[dict[str, Any]]) -> None:
    """Write the outputs, and print what such a script prints."""
    Path(settings["out"], "outputs.json").write_text(json.dumps(outputs), "utf-8")
    print(f"{len(outputs)} outputs, {sum(o['tokens'] for o in outputs):,} tokens")


def engine_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of the server: those that `loopbench run` uses."""
    from loopbench.models.info import slot_context

    return {
        "path": settings["gguf"],
        "slots": settings["slots"],
        "context_per_slot": slot_context(settings["budget"], settings["prompt_allowance"]),
        "threads": settings["threads"],
        "micro_batch": 512,
        "flash_attention": False,
        "poll": 0,
        "seed": 0,
        "gpu_layers": 0,
        "secret": SECRET,
    }


def poster(address: str, secret: str = SECRET) -> Callable[[str, dict[str, Any]], Any]:
    """Return a function that posts JSON to the server."""
    place = address.removeprefix("http://")

    def post(path: str, body: dict[str, Any]) -> Any:
        connection = http.client.HTTPConnection(place)
        headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        connection.request("POST", path, json.dumps(body), headers)
        with connection.getresponse() as response:
            reply = json.loads(response.read())
            if response.status != 200:
                raise RuntimeError(f"{path}: {reply}")
        return reply

    return post


def ask(
    post: Callable[[str, dict[str, Any]], Any], prompt: str, sampling: Sampling, context: int
) -> dict[str, Any]:
    """Send the requests of LoopBench for one prompt, and get a whole reply instead of a stream."""
    from loopbench.backends.parts.llama_server.stream import completion_body

    chat = {"messages": [{"role": "user", "content": prompt}]}
    text = post("/apply-template", chat)["prompt"]
    ids = post("/tokenize", {"content": text, "add_special": True, "parse_special": True})
    body = completion_body(ids["tokens"], sampling, sampling.max_new_tokens, prompt, context)
    reply = post("/completion", body | {"stream": False})
    return {"text": reply["content"], "tokens": reply["tokens_predicted"]}


def bare(settings: dict[str, Any]) -> None:
    """Run the requests of LoopBench on its engine, nothing watched."""
    import xllamacpp

    from loopbench.backends.llamacpp.server import _parameters
    from loopbench.types import Sampling

    own = engine_settings(settings)
    server = xllamacpp.Server(_parameters(xllamacpp, own))
    post = poster(server.listening_address)
    sampling = Sampling(max_new_tokens=settings["budget"])

    def one(prompt: str) -> dict[str, Any]:
        return ask(post, prompt, sampling, own["context_per_slot"])

    with ThreadPoolExecutor(settings["slots"]) as pool:
        report(settings, list(pool.map(one, prompts(settings))))


def avoid_amx() -> None:
    """Leave out llama.cpp's extra kinds of buffers where it would use AMX.

    Its AMX kernels crash on some virtual machines; elsewhere the repacked weights are wanted.
    """
    from llama_cpp import llama_cpp

    # Said here again: this may run in an environment without LoopBench.
    if b"AMX_INT8 = 1" not in llama_cpp.llama_print_system_info():
        return
    defaults = llama_cpp.llama_model_default_params

    def without_extra_buffers() -> Any:
        parameters = defaults()
        parameters.use_extra_bufts = False
        return parameters

    llama_cpp.llama_model_default_params = without_extra_buffers


def sequential(settings: dict[str, Any]) -> None:
    """Ask llama-cpp-python one prompt after another."""
    avoid_amx()
    from llama_cpp import Llama

    model = Llama(
        settings["gguf"], n_ctx=settings["budget"] + settings["prompt_allowance"],
        n_threads=settings["threads"], n_threads_batch=settings["threads"], verbose=False,
    )  # fmt: skip
    outputs = []
    for prompt in prompts(settings):
        reply: Any = model.create_chat_completion(
            [{"role": "user", "content": prompt}], temperature=0.0, repeat_penalty=1.0,
            max_tokens=settings["budget"],
        )  # fmt: skip
        text = reply["choices"][0]["message"]["content"] or ""
        outputs.append({"text": text, "tokens": reply["usage"]["completion_tokens"]})
    report(settings, outputs)


def serve(settings: dict[str, Any], command: list[str]) -> int:
    """Run a client against the server."""
    from loopbench.backends.llamacpp.process import EngineProcess

    engine = EngineProcess(engine_settings(settings), 300.0)
    try:
        url = engine.start()
        filled = [part.replace("{url}", url).replace("{key}", engine.secret) for part in command]
        return subprocess.run(filled, env=os.environ | {"OPENAI_API_KEY": engine.secret}).returncode
    finally:
        engine.stop()


def python_server(settings: dict[str, Any]) -> None:
    """Be the server of llama-cpp-python, on the port of the settings."""
    avoid_amx()
    from llama_cpp.server.__main__ import main as serve_forever

    sys.argv[1:] = [
        "--model", settings["gguf"], "--host", "127.0.0.1", "--port", str(settings["port"]),
        "--n_ctx", str(settings["budget"] + settings["prompt_allowance"]),
        "--n_threads", str(settings["threads"]), "--n_threads_batch", str(settings["threads"]),
        # By default it drops a reply when the next request arrives.
        "--interrupt_requests", "false", "--verbose", "false",
    ]  # fmt: skip
    serve_forever()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Say whether a server on this port answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=5) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def serve_python(settings: dict[str, Any], command: list[str]) -> int:
    """Run a client against the server of llama-cpp-python, which has one stream at a time."""
    port = free_port()
    mine = json.dumps(settings | {"port": port})
    server = subprocess.Popen([sys.executable, __file__, "python-server", mine])
    try:
        deadline = time.monotonic() + START_S
        while not answers(port):
            if server.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the server of llama-cpp-python did not start")
            time.sleep(0.2)
        url = f"http://127.0.0.1:{port}"
        filled = [part.replace("{url}", url).replace("{key}", SECRET) for part in command]
        return subprocess.run(filled).returncode
    finally:
        server.terminate()
        server.wait()


def dequantise(settings: dict[str, Any]) -> None:
    """Write the weights of a GGUF file as a transformers folder of 32-bit floats."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, file = str(Path(settings["gguf"]).parent), Path(settings["gguf"]).name
    tokenizer: Any = AutoTokenizer.from_pretrained(folder, gguf_file=file)
    read: Any = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32)
    config = read.config
    # It still says "gguf" of weights that are floats by now, and would not be saved so.
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    model: Any = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.load_state_dict(read.state_dict())
    model.save_pretrained(settings["folder"])
    tokenizer.save_pretrained(settings["folder"])


def main() -> int:
    """Run one of the above."""
    kind, settings, command = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3:]
    if kind in ("serve", "serve-python"):
        return {"serve": serve, "serve-python": serve_python}[kind](settings, command)
    alone = {
        "bare": bare, "sequential": sequential, "python-server": python_server,
        "dequantise": dequantise,
    }  # fmt: skip
    alone[kind](settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
