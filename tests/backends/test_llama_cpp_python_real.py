"""The real llama-cpp-python on the real SmolLM2 file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from loopbench.backends import get
from loopbench.models import catalog, quantising
from loopbench.types import Generation, Request, Sampling

pytestmark = pytest.mark.slow
PROMPTS = ("Say hi.", "Write ten star emojis.", "Count from 1 to 30.", "Name three colours.")


class Watcher:
    def __init__(self, stop_after: int = 1 << 30) -> None:
        self.left = stop_after

    def push(self, ids: Sequence[int], pieces: Sequence[str]) -> bool:
        self.left -= len(ids)
        return self.left <= 0


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The F16 form of the model."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOOPBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        return quantising.variant(catalog.resolve("smollm2-135m")[1], "f16", requantize=True)


def run(
    model: Path,
    backend: str,
    budget: int,
    stop_after: int = 1 << 30,
    penalty: float = 1.0,
    **settings: Any,
) -> dict[str, Generation]:
    sampling = Sampling(max_new_tokens=budget, repetition_penalty=penalty)
    requests = [Request(key=str(i), prompt=p, sampling=sampling) for i, p in enumerate(PROMPTS)]
    with get(backend).open(model, threads=1, max_new_tokens=budget, **settings) as engine:
        return {r.key: g for r, g in engine.generate(requests, lambda r: Watcher(stop_after))}


@pytest.mark.parametrize(("form", "penalty"), [("f16", 1.0), ("q4_1", 1.0), ("q4_1", 1.1)])
def test_greedy_tokens_are_those_of_the_other_binding(
    model: Path, form: str, penalty: float
) -> None:
    file = model if form == "f16" else catalog.resolve("smollm2-135m")[1]
    ours = run(file, "llama-cpp-python", 48, penalty=penalty, deterministic=True)
    theirs = run(file, "llamacpp", 48, penalty=penalty, deterministic=True)
    for key in theirs:
        # A server does not stream the ids of a character that the budget cuts.
        sent = len(theirs[key].token_ids)
        assert ours[key].token_ids[:sent] == theirs[key].token_ids
        assert sent == len(ours[key].token_ids) or ours[key].text.endswith("\ufffd")
        assert ours[key].text.rstrip("\ufffd") == theirs[key].text.rstrip("\ufffd")
        assert ours[key].prompt_tokens == theirs[key].prompt_tokens
        assert ours[key].output_tokens == theirs[key].output_tokens
        assert ours[key].finish == theirs[key].finish


def test_streams_are_dropped_one_by_one_and_their_sequences_refilled(model: Path) -> None:
    stopped = run(model, "llama-cpp-python", 64, stop_after=5, slots=2)
    assert {g.finish for g in stopped.values()} == {"loop"}
    assert [len(g.token_ids) for g in stopped.values()] == [5] * 4


def test_a_sequence_holds_nothing_of_the_stream_before(model: Path) -> None:
    alone = run(model, "llama-cpp-python", 24, deterministic=True)
    again = run(model, "llama-cpp-python", 24, slots=1)
    first = {key: g.token_ids[:8] for key, g in alone.items()}
    assert {key: g.token_ids[:8] for key, g in again.items()} == first


def test_prompts_of_a_quantised_file_are_decoded_in_batches() -> None:
    """A build that uses AMX must not crash on them."""
    found = run(catalog.resolve("smollm2-135m")[1], "llama-cpp-python", 4, slots=4)
    assert [g.error for g in found.values()] == [None] * 4
    assert [len(g.token_ids) for g in found.values()] == [4] * 4
