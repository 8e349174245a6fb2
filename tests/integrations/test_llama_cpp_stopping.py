"""The criterion inside the real llama-cpp-python, on a packaged model with forced tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from forced_llama import forced, load
from llama_cpp import Llama, StoppingCriteriaList

from loopbench import detectors
from loopbench.integrations.llama_cpp import LoopStopping
from loopbench.types import LoopSpan

SUFFIX = detectors.get("suffix", min_repeats=4, min_tokens=24)
LOOP = [300, 301, 302] * 400


@pytest.fixture(scope="module")
def llama() -> Llama:
    return load()


def complete(
    llama: Llama, script: Sequence[int], *criteria: LoopStopping, max_tokens: int = 1000
) -> tuple[int, str, str]:
    output = llama.create_completion(
        "ab ab ab ab ab ab ab ab ab ab ab ab ab ",
        max_tokens=max_tokens,
        temperature=0.0,
        repeat_penalty=1.0,
        logits_processor=forced(script),
        stopping_criteria=StoppingCriteriaList(criteria),
    )
    choice = output["choices"][0]
    return output["usage"]["completion_tokens"], choice["finish_reason"], choice["text"]


def test_a_loop_ends_the_completion_with_all_its_text(llama: Llama) -> None:
    stop = LoopStopping(rules=[SUFFIX])
    count, reason, text = complete(llama, LOOP, stop)
    assert (count, reason) == (32, "stop")
    assert text == llama.detokenize(LOOP[:32]).decode()
    assert stop.span == LoopSpan(start=0, end=32, period=3, repeats=10)


def test_the_default_rules_stop_at_256_tokens(llama: Llama) -> None:
    stop = LoopStopping()
    assert complete(llama, LOOP, stop)[0] == 256
    assert stop.span == LoopSpan(start=0, end=256, period=3, repeats=85)


def test_a_counter_loop_is_found_in_the_text(llama: Llama) -> None:
    lines = "".join(f"🙂 {i} né. " for i in range(100, 200))
    script = llama.tokenize(lines.encode(), add_bos=False)
    stop = LoopStopping(llama, rules=[detectors.get("counter", min_repeats=4, min_tokens=64)])
    count, reason, text = complete(llama, script, stop)
    assert reason == "stop"
    assert stop.span is not None and stop.span.end == count < len(script)
    assert lines.startswith(text)


def test_other_ends_stay_as_they_are(llama: Llama) -> None:
    squares = [60 + i * i % 61 for i in range(300)]
    stop = LoopStopping(rules=[SUFFIX])
    count, reason, _ = complete(llama, [*squares[:70], llama.token_eos()], stop)
    assert (count, reason, stop.span) == (70, "stop", None)
    stop = LoopStopping(rules=[SUFFIX])
    count, reason, _ = complete(llama, LOOP, stop, max_tokens=30)
    assert (count, reason, stop.span) == (30, "length", None)


def test_an_immediate_end(llama: Llama) -> None:
    stop = LoopStopping(rules=[SUFFIX])
    assert complete(llama, [llama.token_eos()], stop) == (0, "stop", "")
    assert stop.span is None


def test_generate_itself_can_be_stopped(llama: Llama) -> None:
    stop = LoopStopping(rules=[SUFFIX])
    tokens = llama.generate(
        [1, 2, 3],
        temp=0.0,
        repeat_penalty=1.0,
        logits_processor=forced(LOOP),
        stopping_criteria=StoppingCriteriaList([stop]),
    )
    assert list(tokens) == LOOP[:32]


@pytest.mark.parametrize("lengths", [[9, 10, 10, 10], [9, 10, 8], [9, 10, 15, 16], [9, 9, 10]])
def test_a_second_completion_is_refused(lengths: list[int]) -> None:
    stop = LoopStopping(rules=[SUFFIX])
    for n in lengths[:-1]:
        assert stop(np.arange(n, dtype=np.intc), None) is False
    with pytest.raises(ValueError, match="one completion: make a new one"):
        stop(np.arange(lengths[-1], dtype=np.intc), None)


def test_rules_that_read_text_need_the_model() -> None:
    with pytest.raises(ValueError, match="'counter' reads text"):
        LoopStopping(rules=[detectors.get("counter")])
