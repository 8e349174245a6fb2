"""The contenders of `bench_harness`: the command of each, what it needs, what it leaves behind."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bench_harness_results import (
    Output,
    read_inspect,
    read_lm_eval,
    read_loopbench,
    read_plain,
)

from loopbench.harness.runner import PROMPT_ALLOWANCE

HERE = Path(__file__).resolve().parent
LM_EVAL_TASK = """\
task: bench_harness
dataset_path: json
dataset_kwargs:
  data_files:
    test: {prompts}
test_split: test
output_type: generate_until
doc_to_text: "{{{{prompt}}}}"
doc_to_target: "42"
generation_kwargs:
  until: []
  do_sample: false
  temperature: 0.0
  max_gen_toks: {budget}
metric_list:
  - metric: bypass
metadata:
  version: 1
"""


class Setting(NamedTuple):
    """What every contender is given."""

    gguf: Path
    folder: Path
    """The same weights for transformers."""
    prompts: Path
    out: Path
    """Empty folder of this run of this contender."""
    budget: int
    slots: int
    threads: int
    pythons: dict[str, str]
    """Package -> the interpreter that has it, where that is not this one."""

    def python(self, package: str) -> str:
        """Return the interpreter for a contender that needs this package."""
        return self.pythons.get(package, sys.executable)


class Contender(NamedTuple):
    """A way to get from a model and prompts to a table."""

    title: str
    needs: str
    """Package that it cannot do without, by its import name."""
    command: Callable[[Setting], list[str]]
    read: Callable[[Path], list[Output]]


def child_settings(setting: Setting) -> dict[str, str | int]:
    """Return the setting as `bench_harness_children` reads it."""
    return {
        "gguf": str(setting.gguf), "folder": str(setting.folder), "prompts": str(setting.prompts),
        "out": str(setting.out), "budget": setting.budget, "slots": setting.slots,
        "threads": setting.threads, "prompt_allowance": PROMPT_ALLOWANCE,
    }  # fmt: skip


def child(kind: str, setting: Setting, *command: str, python: str = sys.executable) -> list[str]:
    """Return the command of a contender in `bench_harness_children`."""
    words = json.dumps(child_settings(setting))
    return [python, str(HERE / "bench_harness_children.py"), kind, words, *command]


def _loopbench(model: str, *options: str) -> Callable[[Setting], list[str]]:
    def command(s: Setting) -> list[str]:
        program = Path(sys.executable).with_name("loopbench")
        return [
            str(program), "run", str(getattr(s, model)), "--tasks", f"jsonl:{s.prompts}",
            "--max-new-tokens", str(s.budget), "--slots", str(s.slots),
            "--threads", str(s.threads), "--out", str(s.out), *options,
        ]  # fmt: skip

    return command


def _lm_eval(s: Setting, model: str, model_args: str, *more: str) -> list[str]:
    task = s.out.with_suffix(".yaml")
    task.write_text(LM_EVAL_TASK.format(prompts=s.prompts, budget=s.budget), "utf-8")
    return [
        s.python("lm_eval"), "-m", "lm_eval", "--model", model, "--model_args", model_args,
        "--tasks", str(task), "--apply_chat_template", "--log_samples",
        "--output_path", str(s.out), *more,
    ]  # fmt: skip


def _lm_eval_hf(s: Setting) -> list[str]:
    arguments = f"pretrained={s.folder},dtype=float32"
    return _lm_eval(s, "hf", arguments, "--device", "cpu", "--batch_size", str(s.slots))


def _lm_eval_server(s: Setting) -> list[str]:
    arguments = (
        "model=bench,base_url={url}/v1/completions,tokenizer_backend=huggingface,"
        f"tokenizer={s.folder},tokenized_requests=True,num_concurrent={s.slots},"
        f"max_retries=1,timeout=7200,max_length={s.budget + PROMPT_ALLOWANCE}"
    )
    return child("serve", s, *_lm_eval(s, "local-completions", arguments))


def _inspect(s: Setting, *more: str) -> list[str]:
    return [
        s.python("inspect_ai"), "-m", "inspect_ai", "eval", "bench_harness_inspect.py",
        "-T", f"path={s.prompts}", "--max-connections", str(s.slots),
        "--max-tokens", str(s.budget), "--log-dir", str(s.out), "--log-format", "json",
        "--display", "plain", "--no-fail-on-error", *more,
    ]  # fmt: skip


def _inspect_hf(s: Setting) -> list[str]:
    return _inspect(
        s, "--model", "hf/bench", "-M", f"model_path={s.folder}", "-M", "do_sample=false",
        "-M", "device=cpu",
    )  # fmt: skip


def _inspect_served(s: Setting, *more: str) -> list[str]:
    options = ("--model-base-url", "{url}/v1", "-M", "api_key={key}", "--temperature", "0")
    return _inspect(s, "--model", "llama-cpp-python/bench", *options, *more)


def _inspect_server(s: Setting) -> list[str]:
    return child("serve", s, *_inspect_served(s))


def _inspect_python(s: Setting) -> list[str]:
    # Unless told, this server penalises what was said before by 1.1.
    command = _inspect_served(s, "-T", "repeat_penalty=1.0")
    return child("serve-python", s, *command, python=s.python("sse_starlette"))


_NO_AUDITS = ("--audit-min", "0", "--audit-share", "0")
LOOPBENCH, BARE = "loopbench", "bare"
LOOPBENCH_HF = "loopbench-hf"
CONTENDERS = {
    LOOPBENCH: Contender(
        "LoopBench, llama.cpp", "xllamacpp", _loopbench("gguf", *_NO_AUDITS), read_loopbench
    ),
    "loopbench-audits": Contender(
        "LoopBench, llama.cpp, every stopped stream audited",
        "xllamacpp",
        _loopbench("gguf"),
        read_loopbench,
    ),
    "loopbench-full": Contender(
        "LoopBench, llama.cpp, no early stopping",
        "xllamacpp",
        _loopbench("gguf", "--no-early-stop"),
        read_loopbench,
    ),
    "loopbench-flash": Contender(
        "LoopBench, llama.cpp, flash attention",
        "xllamacpp",
        _loopbench("gguf", "--flash-attention", "on", *_NO_AUDITS),
        read_loopbench,
    ),
    BARE: Contender(
        "the engine alone (xllamacpp)", "xllamacpp", lambda s: child("bare", s), read_plain
    ),
    "lm-eval-server": Contender(
        "lm-eval `local-completions`, llama server", "lm_eval", _lm_eval_server, read_lm_eval
    ),
    "inspect-server": Contender(
        "inspect_ai `llama-cpp-python`, llama server", "inspect_ai", _inspect_server, read_inspect
    ),
    "inspect-python": Contender(
        "inspect_ai `llama-cpp-python`, its own server",
        "sse_starlette",  # of llama-cpp-python[server]
        _inspect_python,
        read_inspect,
    ),
    "sequential": Contender(
        "llama-cpp-python, one prompt after another",
        "llama_cpp",
        lambda s: child("sequential", s, python=s.python("llama_cpp")),
        read_plain,
    ),
    "loopbench-python": Contender(
        "LoopBench, llama-cpp-python",
        "llama_cpp",
        _loopbench("gguf", "--backend", "llama-cpp-python", *_NO_AUDITS),
        read_loopbench,
    ),
    LOOPBENCH_HF: Contender(
        "LoopBench, transformers", "torch", _loopbench("folder", *_NO_AUDITS), read_loopbench
    ),
    "loopbench-hf-full": Contender(
        "LoopBench, transformers, no early stopping",
        "torch",
        _loopbench("folder", "--no-early-stop"),
        read_loopbench,
    ),
    "lm-eval-hf": Contender("lm-eval `hf`", "lm_eval", _lm_eval_hf, read_lm_eval),
    "inspect-hf": Contender("inspect_ai `hf`", "inspect_ai", _inspect_hf, read_inspect),
}
