"""The model type `loopbench`: lm-eval's requests through the project's own backend."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from fakes import ANSWER, LOOP, FakeBackend, FakeFactory
from toy import CIRCULAR, evaluate, toy_task

import loopbench.lmeval.model as module
from loopbench.errors import BackendError
from loopbench.lmeval.model import LoopbenchLM, register
from loopbench.types import Request

pytestmark = pytest.mark.filterwarnings("ignore")

STOPS = ["One. ", "\n", "\n", "Two. ", "Three."]
RAMBLE = [f"w{i * i}x " for i in range(2000)]
SCRIPT = {"loop": (LOOP, "stop"), "answer": (ANSWER, "stop"), "ramble": (RAMBLE, "stop"),
          "stops": (STOPS, "stop"), "broken": ([], "error"),
          "round": ([f"{word} " for word in CIRCULAR.split()] * 2, "stop"),
          "think": (["Hmm. ", "</think>", " 7"], "stop")}  # fmt: skip


class Backend(FakeBackend):
    def render(self, messages: list[dict[str, str]]) -> str:
        return "".join(f"[{m['role']}]{m['content']}" for m in messages) + "[assistant]"


class Factory(FakeFactory):
    def open(self, path: Any, **settings: Any) -> Backend:
        self.settings = settings
        return Backend(self.script, self.requests)


@pytest.fixture
def factory(monkeypatch: pytest.MonkeyPatch) -> Factory:
    def script(request: Request) -> Any:
        return next(said for word, said in SCRIPT.items() if word in request.prompt)

    factory = Factory(script)
    header = SimpleNamespace(chat_template="a template", template_hash="sha256:1")
    monkeypatch.setattr(module, "backends", SimpleNamespace(get=lambda name: factory))
    monkeypatch.setattr(module.catalog, "resolve", lambda model: (model, f"/m/{model}.gguf"))
    monkeypatch.setattr(module.gguf, "read_header", lambda path: header)
    return factory


def run(lm: Any, *prompts: str, until: list[str] | None = None, **options: Any) -> Any:
    kwargs = {"until": until or [], "max_gen_toks": 600, **options.pop("gen_kwargs", {})}
    return evaluate(lm, toy_task(prompts, generation_kwargs=kwargs), **options)


def verdicts(results: Any) -> list[dict[str, Any]]:
    return [row["loopbench"][0] for row in results["samples"]["toy"]]


def test_streams_are_watched_and_judged_by_their_ids(factory: Factory) -> None:
    results = run(LoopbenchLM("a"), "loop", "answer", "ramble")
    loop, answer, ramble = verdicts(results)
    assert (loop["outcome"], loop["finish"], loop["tokenization"]) == ("doom", "loop", "given")
    # Stopped long before the budget.
    assert 256 <= loop["tokens"] < 400
    assert (answer["outcome"], ramble["outcome"], ramble["tokens"]) == ("clean", "truncated", 600)
    assert results["config"]["model_fingerprint"] == "sha256:a"


def test_without_early_stopping_a_loop_goes_on_to_the_budget(factory: Factory) -> None:
    (loop,) = verdicts(run(LoopbenchLM("a", early_stop=False), "loop"))
    assert (loop["outcome"], loop["finish"], loop["tokens"]) == ("doom", "length", 600)


def test_streams_that_go_round_are_stopped_only_where_that_is_asked_for(factory: Factory) -> None:
    budget = {"max_gen_toks": 1000}
    (whole,) = verdicts(run(LoopbenchLM("a"), "round", gen_kwargs=budget))
    assert (whole["outcome"], whole["finish"], whole["tokens"]) == ("circular", "length", 1000)
    results = run(LoopbenchLM("a", stop_circular=True), "round", "ramble", gen_kwargs=budget)
    stopped, ramble = verdicts(results)
    assert (stopped["outcome"], stopped["finish"], ramble["finish"]) == (
        "circular", "loop", "length",
    )  # fmt: skip
    # It must have gone on for 400 words since it was seen, of one token each here.
    assert 700 <= stopped["tokens"] < 1000
    row = results["results"]["toy"]
    assert (row["stuck_rate,none"], row["doom_rate,none"], row["circular_rate,none"]) == (
        0.5,
        0,
        0.5,
    )


def test_stopping_some_streams_and_none_exclude_each_other(factory: Factory) -> None:
    with pytest.raises(ValueError, match="exclude each other"):
        LoopbenchLM("a", stop_circular=True, early_stop=False)


def test_stop_strings_end_a_stream_wherever_its_tokens_are_cut(factory: Factory) -> None:
    results = run(LoopbenchLM("a"), "stops", until=["\n\n"])
    (row,) = results["samples"]["toy"]
    assert row["resps"] == [["One. "]]
    (verdict,) = row["loopbench"]
    assert (verdict["finish"], verdict["raw_finish"]) == ("stop", "until")
    assert (verdict["raw"], verdict["tokens"]) == ("One. \n\n", 3)


def test_thinking_is_cut_from_the_answer_and_not_from_what_is_judged(factory: Factory) -> None:
    results = run(LoopbenchLM("a", think_end_token="</think>"), "think")
    (row,) = results["samples"]["toy"]
    assert (row["resps"], row["exact_match"]) == ([["7"]], 1)
    assert row["loopbench"][0]["raw"] == "Hmm. </think> 7"


def test_sampling_is_what_the_task_asks_for(factory: Factory) -> None:
    sampled = {"do_sample": True, "temperature": 0.3, "top_p": 0.9, "top_k": 40, "min_p": 0.05}
    run(LoopbenchLM("a", seed=5), "answer", gen_kwargs=sampled)
    run(LoopbenchLM("a"), "answer", gen_kwargs={"do_sample": False, "temperature": 0.7})
    first, second = (request.sampling for request in factory.requests)
    assert (first.temperature, first.top_p, first.top_k, first.min_p) == (0.3, 0.9, 40, 0.05)
    assert (first.seed, first.max_new_tokens) == (5, 600)
    assert second.temperature == 0
    with pytest.raises(ValueError, match="generation argument 'num_beams'"):
        run(LoopbenchLM("a"), "answer", gen_kwargs={"num_beams": 4})


def test_repeats_have_streams_of_their_own(factory: Factory) -> None:
    task = toy_task(["answer"], repeats=3)
    evaluate(LoopbenchLM("a"), task)
    assert len({request.key for request in factory.requests}) == 3


def test_prompts_are_plain_unless_the_template_is_asked_for(factory: Factory) -> None:
    run(LoopbenchLM("a"), "answer")
    run(LoopbenchLM("a"), "answer", apply_chat_template=True, system_instruction="Be brief.")
    plain, chat = (request.prompt for request in factory.requests)
    assert plain == "answer"
    assert chat == "[system]Be brief.[user]answer[assistant]"
    # The engine must not put it through the template a second time.
    assert factory.settings["templated"] is False


def test_the_context_holds_prompt_and_budget(factory: Factory) -> None:
    run(LoopbenchLM("a", slots=3, threads=1), "answer " * 10_000)
    assert factory.settings["max_new_tokens"] == 600
    assert factory.settings["prompt_allowance"] == 256 + 35_000
    assert (factory.settings["slots"], factory.settings["threads"]) == (3, 1)
    run(LoopbenchLM("a", max_length=2048), "answer")
    assert factory.settings["context_per_slot"] == 2048


def test_failures_are_told_and_count_nowhere(factory: Factory, logged) -> None:
    results = run(LoopbenchLM("a"), "broken", "loop")
    assert results["results"]["toy"]["doom_rate,none"] == 1
    assert "the engine stopped" in logged.text
    with pytest.raises(BackendError, match=r"No generation succeeded.*the engine stopped"):
        run(LoopbenchLM("a"), "broken")


def test_the_cache_keeps_origins_and_no_failures(factory: Factory, tmp_path) -> None:
    cache = str(tmp_path / "cache")
    before = run(LoopbenchLM("a"), "loop", "answer", use_cache=cache)
    asked = len(factory.requests)
    after = run(LoopbenchLM("a"), "loop", "answer", use_cache=cache)
    assert len(factory.requests) == asked
    assert verdicts(after) == verdicts(before)


def test_likelihoods_are_refused_with_a_sentence(factory: Factory) -> None:
    with pytest.raises(NotImplementedError, match="generative tasks only"):
        LoopbenchLM("a").loglikelihood([])
    with pytest.raises(ValueError, match="--model_args pretrained="):
        LoopbenchLM()


def test_the_names_are_registered_here_and_by_entry_points() -> None:
    from importlib.metadata import entry_points

    from lm_eval.api.registry import get_model

    register()
    register()
    for name in ("loopbench", "loopbench-gguf"):
        assert get_model(name) is LoopbenchLM
        (point,) = entry_points(group="lm_eval.models", name=name)
        assert point.load() is LoopbenchLM
