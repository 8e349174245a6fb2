"""Completions as vLLM returns them, without vLLM."""

from __future__ import annotations

from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest

from loopbench.lmeval.capture import _class_of
from loopbench.lmeval.capture_vllm import capture
from loopbench.lmeval.judging import judge_response


def completion(text: str, ids: list[int], finish: str | None, stop: Any = None) -> SimpleNamespace:
    return SimpleNamespace(text=text, token_ids=tuple(ids), finish_reason=finish, stop_reason=stop)


@pytest.mark.parametrize(
    ("finish", "stop", "outcome", "raw"),
    [
        ("length", None, "doom", "length"),
        ("stop", None, "recovered", "stop"),
        ("stop", 2, "recovered", "stop"),
        ("stop", "\n\n", "recovered", "until"),
        ("abort", None, "error", "abort"),
        (None, None, "doom", ""),
    ],
)
def test_ids_and_finish_come_with_the_text(finish, stop, outcome, raw) -> None:
    said = completion("so it " * 100, [5, 6] * 100, finish, stop)
    lm = SimpleNamespace(_model_generate=lambda **more: [SimpleNamespace(outputs=[said])])
    with ExitStack() as undo:
        capture(lm, undo)
        (request,) = lm._model_generate(requests=[[1]], generate=True, sampling_params=[None])
    judgement = judge_response(request.outputs[0].text)
    assert (judgement.outcome, judgement.tokenization) == (outcome, "given")
    assert judgement.raw_finish == raw


def test_scoring_requests_are_left_alone() -> None:
    said = completion("a", [1], "stop")
    lm = SimpleNamespace(_model_generate=lambda **more: [SimpleNamespace(outputs=[said])])
    with ExitStack() as undo:
        capture(lm, undo)
        lm._model_generate(requests=[[1]], generate=False)
    assert type(said.text) is str


def test_a_class_is_known_by_its_place_without_importing_it() -> None:
    known = type("VLLM", (), {"__module__": "lm_eval.models.vllm_causallms"})
    derived = type("Mine", (known,), {})
    place = ("lm_eval.models.vllm_causallms", "VLLM")
    assert _class_of(derived(), *place) is known
    assert _class_of(SimpleNamespace(), *place) is None
