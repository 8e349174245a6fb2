from __future__ import annotations

import numpy as np
import pytest
from llama_cpp_calls import EOS, Llama, StoppingCriteriaList

from loopbench import detectors
from loopbench.integrations.llama_cpp import LoopStopping
from loopbench.types import LoopSpan

SUFFIX = detectors.get("suffix", min_repeats=4, min_tokens=24)
LOOP = list(b"ab " * 400)


def complete(llama: Llama, *criteria: LoopStopping, max_tokens: int = 1000) -> tuple[str, str]:
    output = llama.create_completion(
        "ab ab ab ab ab ab ab ab ab ab ab ab ab ",
        max_tokens=max_tokens,
        stopping_criteria=StoppingCriteriaList(criteria),
    )
    return output["choices"][0]["text"], output["choices"][0]["finish_reason"]


def test_a_loop_ends_the_completion_with_all_its_text() -> None:
    llama = Llama(script=LOOP)
    stop = LoopStopping(rules=[SUFFIX])
    text, reason = complete(llama, stop)
    assert (text, reason) == (("ab " * 11)[:32], "stop")
    assert stop.span == LoopSpan(start=0, end=32, period=3, repeats=10)
    # The prompt's 39 ids, then one more each time, and the last ones again.
    assert llama.calls == [*range(39, 72), 71]


def test_the_default_rules_stop_at_256_tokens() -> None:
    stop = LoopStopping()
    text, _ = complete(Llama(script=LOOP), stop)
    assert len(text) == 256
    assert stop.span == LoopSpan(start=0, end=256, period=3, repeats=85)


def test_a_counter_loop_is_found_in_the_text() -> None:
    script = list("".join(f"🙂 {i} né. " for i in range(100, 400)).encode())
    llama = Llama(script=script)
    stop = LoopStopping(llama, rules=[detectors.get("counter", min_repeats=4, min_tokens=64)])
    text, reason = complete(llama, stop)
    assert reason == "stop"
    assert stop.span is not None and stop.span.end == len(text.encode()) == 96
    assert stop.span.period == 14


@pytest.mark.parametrize("guesses", [0, 3])
def test_other_ends_stay_as_they_are(guesses: int) -> None:
    squares = [60 + i * i % 61 for i in range(300)]
    stop = LoopStopping(rules=[SUFFIX])
    text, reason = complete(Llama(script=[*squares[:70], EOS], guesses=guesses), stop)
    assert (len(text), reason, stop.span) == (70, "stop", None)
    stop = LoopStopping(rules=[SUFFIX])
    text, reason = complete(Llama(script=LOOP, guesses=guesses), stop, max_tokens=30)
    assert (len(text), reason, stop.span) == (30, "length", None)


def test_an_immediate_end() -> None:
    llama = Llama(script=[EOS])
    stop = LoopStopping(rules=[SUFFIX])
    assert complete(llama, stop) == ("", "stop")
    assert llama.calls == [39, 39]
    assert stop.span is None


def test_generate_itself_can_be_stopped() -> None:
    llama = Llama(script=LOOP)
    stop = LoopStopping(rules=[SUFFIX])
    tokens = list(llama.generate([1, 2, 3], stopping_criteria=StoppingCriteriaList([stop])))
    assert tokens == LOOP[:32]


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
