"""The backend `llama-cpp-python` in its own process, on a model that only counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from models.gguf_bytes import gguf

from loopbench.backends import canonical, get, names
from loopbench.backends.forms import locate
from loopbench.backends.llama_cpp_python.engine import Ask, BatchedStreams
from loopbench.errors import BackendError
from loopbench.types import Generation, Request, Sampling

FAKES = Path(__file__).parent / "fake_packages"


class Watcher:
    def __init__(self, stop_after: int = 1 << 30) -> None:
        self.left = stop_after
        self.seen: list[tuple[int, str]] = []

    def push(self, ids: Sequence[int], pieces: Sequence[str]) -> bool:
        self.seen += zip(ids, pieces, strict=True)
        self.left -= len(ids)
        return self.left <= 0


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", str(FAKES))
    monkeypatch.syspath_prepend(FAKES)
    path = tmp_path / "m.gguf"
    path.write_bytes(gguf({"general.architecture": "llama", "llama.context_length": 4096}))
    return path


def opened(path: Path, **settings: Any) -> Any:
    return get("llama-cpp-python").open(path, **{"threads": 1, "max_new_tokens": 64} | settings)


def ask(*prompts: str, budget: int = 64, **more: Any) -> list[Request]:
    sampling = Sampling(max_new_tokens=budget)
    return [Request(key=f"{i}", prompt=p, sampling=sampling, **more) for i, p in enumerate(prompts)]


def run(engine: Any, requests: list[Request], stop_after: int = 1 << 30) -> list[Generation]:
    done = {r.key: g for r, g in engine.generate(requests, lambda r: Watcher(stop_after))}
    return [done[r.key] for r in requests]


def test_streams_end_by_themselves_at_the_budget_and_when_they_loop(place: Path) -> None:
    with opened(place, slots=2) as engine:
        (ended,), cut = run(engine, ask("Y")), run(engine, ask("A", budget=2))
        (looped,) = run(engine, ask("F"), stop_after=3)
    assert (ended.text, ended.finish, ended.raw_finish) == ("Z", "stop", "eog")
    assert (ended.token_ids, ended.output_tokens) == ([25, 26], 2)
    assert (cut[0].text, cut[0].finish, cut[0].output_tokens) == ("BC", "length", 2)
    assert (looped.text, looped.finish, looped.token_ids) == ("GHI", "loop", [6, 7, 8])


def test_a_character_that_is_split_over_tokens_belongs_to_its_last(place: Path) -> None:
    with opened(place) as engine:
        (one,) = run(engine, ask("C", budget=3))
        (cut,) = run(engine, ask("C", budget=1))
    assert (one.text, one.token_chars, one.token_ids) == ("éF", [0, 1, 1], [3, 4, 5])
    assert (cut.text, cut.token_chars) == ("\ufffd", [1])


def test_more_prompts_than_sequences_are_refilled_in_order(place: Path) -> None:
    prompts = ["A", "AAAA", "G", "HH", "I", "J", "K", "L"] * 3
    with opened(place, slots=3) as engine:
        found = run(engine, ask(*prompts, budget=3))
        watched = run(engine, ask(*prompts, budget=9), stop_after=2)
    for prompt, whole, stopped in zip(prompts, found, watched, strict=True):
        first = ord(prompt[-1]) - ord("A") + 1
        assert whole.token_ids == [first, first + 1, first + 2]
        assert whole.prompt_tokens == len(prompt)
        assert stopped.token_ids == [first, first + 1]


def test_a_continuation_goes_on_after_its_prefix(place: Path) -> None:
    with opened(place) as engine:
        (rest,) = run(engine, ask("A", budget=5, prefix_ids=(1, 2)))
        (none,) = run(engine, ask("A", budget=2, prefix_ids=(1, 2)))
    assert rest.token_ids == [3, 4, 5]
    assert (none.token_ids, none.finish) == ([], "length")


def test_a_prompt_that_does_not_fit_is_one_failed_generation(place: Path) -> None:
    with opened(place, prompt_allowance=8) as engine:
        long, short = run(engine, ask("A" * 4000, "F", budget=2))
    assert (long.finish, long.raw_finish) == ("error", "request_failed")
    assert "The prompt has 4,000 tokens" in str(long.error)
    assert short.text == "GH"


def test_a_long_prompt_delays_no_stream(place: Path) -> None:
    with opened(place, prompt_allowance=2000) as engine:
        found = run(engine, ask("A" * 1500, "F", budget=3))
    assert [g.token_ids for g in found] == [[1, 2, 3], [6, 7, 8]]


def test_an_engine_that_dies_fails_its_streams_and_is_started_again(place: Path) -> None:
    with opened(place, slots=2) as engine:
        first = run(engine, ask("X"))
        later = run(engine, ask("A", "X", "B", budget=2))
    assert first[0].finish == "error"
    assert "The engine stopped (exit code 9); 1 stream was lost" in str(first[0].error)
    assert later[1].finish == "error"
    assert later[2].error is not None
    assert later[2].error.startswith("Not run: The engine stopped")


def test_an_engine_that_hangs_is_ended(place: Path) -> None:
    with opened(place, stall_s=0.5) as engine:
        (stuck,) = run(engine, ask("Z"))
    assert (stuck.finish, stuck.raw_finish) == ("error", "stalled")


def test_giving_up_frees_the_sequences(place: Path) -> None:
    with opened(place, slots=2) as engine:
        results: Iterator[Any] = engine.generate(ask("A", "F", "G", budget=4), lambda r: Watcher())
        next(results)
        results.close()  # type: ignore[attr-defined]
        assert [g.text for g in run(engine, ask("F", "G", budget=2))] == ["GH", "HI"]


def test_what_cannot_be_loaded_is_a_sentence(place: Path) -> None:
    refused = place.with_name("refused.gguf")
    refused.write_bytes(place.read_bytes())
    with pytest.raises(BackendError, match=r"cannot load .*refused\.gguf: .*refuses the file"):
        opened(refused)


def test_a_closed_backend_says_so(place: Path) -> None:
    engine = opened(place)
    engine.close()
    engine.close()
    with pytest.raises(BackendError, match="closed"):
        run(engine, ask("A"))


def test_it_is_called_as_its_package_is(place: Path) -> None:
    assert "llama-cpp-python" in names()
    assert canonical("llama_cpp_python") == "llama-cpp-python"
    assert locate(str(place), "llama_cpp_python").backend == "llama-cpp-python"
    assert get("llama-cpp-python").describe(place).engine == "llama.cpp (llama-cpp-python)"


def counting_engine(*, flash_attention: bool) -> BatchedStreams:
    import importlib.util

    spec = importlib.util.spec_from_file_location("counting", FAKES / "llama_cpp.py")
    assert spec and spec.loader
    lib = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(lib)
    settings = {"path": "m", "slots": 1, "context_per_slot": 128, "threads": 1, "gpu_layers": 0}
    settings |= {"batch": 8, "micro_batch": 8, "flash_attention": flash_attention}
    return BatchedStreams(lib, settings)


def test_flash_attention_is_left_to_the_engine_or_off() -> None:
    assert not hasattr(counting_engine(flash_attention=True)._context.params, "flash_attn_type")
    assert counting_engine(flash_attention=False)._context.params.flash_attn_type == 0


@pytest.mark.parametrize(
    ("asked", "chain"),
    [
        ({}, [("greedy",)]),
        ({"top_k": 5}, [("greedy",)]),
        (
            {"repetition_penalty": 1.5},
            [("penalties", 128, 1.5, 0.0, 0.0), ("greedy",)],
        ),
        (
            {"temperature": 0.5, "top_k": 5, "top_p": 0.9, "min_p": 0.1},
            [("temp", 0.5), ("top_k", 5), ("top_p", 0.9), ("min_p", 0.1), ("dist",)],
        ),
        ({"temperature": 1.0}, [("temp", 1.0), ("dist",)]),
    ],
)
def test_only_the_samplers_that_were_asked_for_are_in_the_chain(
    place: Path, asked: dict[str, Any], chain: list[Any]
) -> None:
    engine = counting_engine(flash_attention=True)
    plain = {"temperature": 0.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0,
             "repetition_penalty": 1.0, "seed": 1}  # fmt: skip
    engine.add(Ask(0, [1, 2], [], 4, plain | asked))
    assert engine._streams[0].sampler == chain


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{{ bos_token and messages[0]['content'] }}F", None),
        ("{{ raise_exception('only pictures') }}", "only pictures"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        (
            "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}",
            "longer than 0.3 s",
        ),
    ],
)
def test_a_template_is_rendered_in_a_sandbox(place: Path, template: str, says: str | None) -> None:
    metadata = {
        "general.architecture": "llama",
        "llama.context_length": 4096,
        "tokenizer.chat_template": template,
    }
    place.write_bytes(gguf(metadata))
    with opened(place, template_s=0.3) as engine:
        (one,) = run(engine, ask("AA", budget=1))
    if says is None:
        assert (one.text, one.prompt_tokens) == ("G", 3)
    else:
        assert one.finish == "error"
        assert "The chat template cannot be rendered" in str(one.error)
        assert says in str(one.error)


def test_what_the_model_has_no_tokens_for_is_refused_alone(place: Path) -> None:
    with opened(place, slots=2) as engine:
        (empty,), (unknown,) = run(engine, ask("")), run(engine, ask("A", prefix_ids=(10**6,)))
        (well,) = run(engine, ask("Y"))
    assert (empty.finish, empty.error) == ("error", "The prompt has no tokens.")
    assert "tokens that the model does not know" in str(unknown.error)
    assert well.finish == "stop"
