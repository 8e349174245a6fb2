"""What LoopBench adds to its engine: both ways of asking, on one engine process, in turns.

Whole programs differ by several percent from process to process, whatever they do: how their
memory happens to lie decides more than a harness does. So here one engine answers both, and what
is counted is its CPU time and that of the asking process.

A large model hides what is added in the noise of its own products. What is added to a token hardly
depends on the model, so a small one (`--model reference-sft`) shows it: microseconds per token.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import psutil
from bench_harness_children import ask, engine_settings, poster, prompts
from scipy import stats

from loopbench.backends.llamacpp.backend import LlamaCppBackend
from loopbench.backends.llamacpp.process import EngineProcess
from loopbench.backends.parts.llama_server.client import Limits
from loopbench.judging.jobs import Job
from loopbench.judging.progress import Silent, Watching
from loopbench.judging.records import record_of
from loopbench.judging.rules import MEASURE, STOP, detectors_of
from loopbench.models import gguf
from loopbench.models.info import model_info
from loopbench.types import Sample, Sampling

LOAD_S = 300.0


class LocatedEngine(EngineProcess):
    """An engine that remembers where it answers."""

    address = ""

    def start(self) -> str:
        """Start it and return the address."""
        self.address = super().start()
        return self.address


class Blocks(NamedTuple):
    """CPU seconds of one round: the same prompts asked in both ways."""

    loopbench: float
    bare: float


def student(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean and its 95 % interval by Student; with one value that is nan."""
    mean = sum(values) / len(values)
    half = math.nan
    if len(values) > 1:
        half = float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values))
    return mean, mean - half, mean + half


def interval(rounds: Sequence[Blocks]) -> tuple[float, float, float]:
    """Return the overhead as a fraction: geometric mean of the rounds' ratios and its interval."""
    mean, low, high = student([math.log(r.loopbench / r.bare) for r in rounds])
    return math.expm1(mean), math.expm1(low), math.expm1(high)


def added_us(rounds: Sequence[Blocks], tokens: int) -> tuple[float, float, float]:
    """Return the CPU microseconds added to each token of a block: mean and its interval."""
    return student([1e6 * (r.loopbench - r.bare) / tokens for r in rounds])


def cpu_s(engine: psutil.Process) -> float:
    """Return the CPU time that the engine and this process have taken."""
    times = engine.cpu_times()
    return float(times.user + times.system) + time.process_time()


def jobs(settings: dict[str, Any], count: int) -> list[Job]:
    """Return the shortest prompts: reading them costs both ways the same, and hides the rest."""
    chosen = sorted(prompts(settings), key=len)[:count]
    sampling = Sampling(max_new_tokens=settings["budget"])
    samples = [
        Sample(task="bench", task_version=1, id=str(i), level="hard", category="ungraded",
               prompt=prompt, reference=None)
        for i, prompt in enumerate(chosen)
    ]  # fmt: skip
    return [Job(sample.id, sample, sampling, 0) for sample in samples]


def _watched(backend: LlamaCppBackend, asked: Sequence[Job], file: Path) -> int:
    """Ask as a run does: streams watched, outputs judged, one synced line for each."""
    stop, measure = detectors_of(STOP), detectors_of(MEASURE)
    by_key = {job.key: job for job in asked}
    tokens = 0
    with file.open("ab") as lines:
        for request, generation in backend.generate(
            [job.request() for job in asked], Watching(stop, Silent())
        ):
            if generation.finish == "loop":
                raise SystemExit(
                    "An output was stopped early, so the two ways did not do the same work:"
                    " choose a set without loops (--sets plain) or a smaller --budget."
                )
            record = record_of(by_key[request.key], "bench", generation, measure)
            lines.write(msgspec.json.encode(record) + b"\n")
            lines.flush()
            os.fsync(lines.fileno())
            tokens += generation.output_tokens
    return tokens


def _bare(post: Callable[[str, dict[str, Any]], Any], asked: Sequence[Job], context: int) -> int:
    """Ask for whole replies, and do nothing with them."""
    with ThreadPoolExecutor(len(asked)) as pool:
        replies = pool.map(lambda job: ask(post, job.sample.prompt, job.sampling, context), asked)
        return sum(reply["tokens"] for reply in replies)


def overhead(settings: dict[str, Any], rounds: int, count: int, folder: Path) -> dict[str, Any]:
    """Measure both ways in turns; returns the rounds and what they come to."""
    own = engine_settings(settings)
    engine = LocatedEngine(own, LOAD_S)
    path = Path(own["path"])
    info = model_info(path, path.stem, gguf.read_header(path), engine="llama.cpp", version="")
    limits = Limits(own["context_per_slot"], LOAD_S, LOAD_S)
    backend = LlamaCppBackend(engine, info, slots=own["slots"], limits=limits, templated=True)
    asked, found, sizes = jobs(settings, count), [], set()
    try:
        process = psutil.Process(engine.pid)
        post = poster(engine.address, engine.secret)
        ways = {
            "loopbench": lambda: _watched(backend, asked, folder / "records.jsonl"),
            "bare": lambda: _bare(post, asked, own["context_per_slot"]),
        }
        for way in ways.values():
            way()  # the model's pages are read from the disk by the first
        for number in range(rounds):
            taken = {}
            for name in sorted(ways, reverse=number % 2 == 0):
                before = cpu_s(process)
                sizes.add(ways[name]())
                taken[name] = cpu_s(process) - before
            found.append(Blocks(**taken))
            print(json.dumps(taken), flush=True)
    finally:
        backend.close()
    mean, low, high = interval(found)
    return {
        "budget": settings["budget"], "prompts": len(asked),
        "tokens": sorted(sizes), "rounds": [list(blocks) for blocks in found],
        "mean": mean, "low": low, "high": high, "added_us": added_us(found, max(sizes)),
    }  # fmt: skip
