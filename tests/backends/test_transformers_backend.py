"""The backend on tiny models with random weights: what it generates, and what it refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_checkpoints import END, edit, model, save, tokenizer

from loopbench.backends.transformers.backend import BACKEND, TransformersBackend, open_backend
from loopbench.errors import BackendError
from loopbench.types import Generation, ModelInfo, Request, Sampling

# A real model in every test.
pytestmark = pytest.mark.slow

KINDS = ("llama", "lfm2", "gemma3")
INFO = ModelInfo(
    name="tiny", path="/tiny", fingerprint="sha256:0", architecture="tiny", parameters=1,
    quantization="F64", context_length=512, template_hash=None, engine="transformers",
    engine_version="0",
)  # fmt: skip


class Watcher:
    """Asks to stop after a number of tokens."""

    def __init__(self, stop_after: int = 1 << 30) -> None:
        self.left = stop_after
        self.seen: list[int] = []

    def push(self, ids: Sequence[int], pieces: Sequence[str]) -> bool:
        assert len(ids) == len(pieces) > 0
        self.seen += ids
        self.left -= len(ids)
        return self.left <= 0


def backend(kind: str, slots: int, **more: Any) -> TransformersBackend:
    """Return a model in double precision: rounding then decides no choice."""
    return TransformersBackend(model(kind).double(), tokenizer(), INFO, slots=slots, **more)


def ask(count: int = 7, budget: int = 22, **sampling: Any) -> list[Request]:
    """Ask prompts of very different lengths for outputs of different budgets."""
    return [
        Request(
            key=f"k{i}",
            prompt="x" * (1 + 17 * (i * 5 % 7)) + str(i),
            sampling=Sampling(max_new_tokens=budget - 3 * i, **sampling),
        )
        for i in range(count)
    ]


def run(
    opened: TransformersBackend, requests: list[Request], stop_after: int = 1 << 30
) -> list[Generation]:
    done = {r.key: g for r, g in opened.generate(requests, lambda request: Watcher(stop_after))}
    return [done[request.key] for request in requests]


def reference(kind: str, request: Request) -> list[int]:
    """Return what transformers' own greedy search gives for one prompt alone."""
    net, words = model(kind).double(), tokenizer()
    ids = torch.tensor([words(request.prompt)["input_ids"]])
    net.generation_config = type(net.generation_config)(eos_token_id=257, pad_token_id=0)
    out = net.generate(ids, do_sample=False, max_new_tokens=request.sampling.max_new_tokens)
    return [int(token) for token in out[0, ids.shape[1] :]]


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_gives_what_each_row_gives_alone(kind: str) -> None:
    requests = ask()
    batched = run(backend(kind, slots=4), requests)
    assert [g.token_ids for g in batched] == [reference(kind, request) for request in requests]
    assert {g.finish for g in batched} <= {"stop", "length"}
    # Otherwise this would say nothing about rows that leave and join.
    assert len({tuple(g.token_ids) for g in batched}) == len(batched)


def test_a_model_without_positions_runs_row_by_row() -> None:
    opened = TransformersBackend(model("mamba"), tokenizer(), INFO, slots=4)
    assert opened.slots == 1
    net, words = model("mamba"), tokenizer()
    for request, result in opened.generate(ask(4, budget=20), lambda request: Watcher()):
        ids = words(request.prompt)["input_ids"]
        for token in result.token_ids:
            logits = net(torch.tensor([ids]), use_cache=False).logits[0, -1]
            assert int(logits.argmax()) == token
            ids = [*ids, token]
        assert len(set(result.token_ids)) > 2


def test_a_model_without_a_cache_is_refused() -> None:
    net = model("llama")
    net.forward = lambda input_ids, attention_mask: None
    with pytest.raises(BackendError, match="takes no cache of past tokens"):
        TransformersBackend(net, tokenizer(), INFO, slots=1)


@pytest.mark.parametrize("kind", KINDS)
def test_sampled_outputs_do_not_depend_on_the_batch(kind: str) -> None:
    settings = {
        "temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.01, "repetition_penalty": 1.3,
    }  # fmt: skip
    requests = ask(**settings)
    batched, alone = (run(backend(kind, slots=slots), requests) for slots in (5, 1))
    assert [g.token_ids for g in batched] == [g.token_ids for g in alone]
    other = [
        Request(key=r.key, prompt=r.prompt, sampling=Sampling(max_new_tokens=9, seed=1, **settings))
        for r in requests
    ]
    changed = run(backend(kind, slots=5), other)
    assert all(a.token_ids[:9] != b.token_ids for a, b in zip(batched, changed, strict=True))


def test_settings_may_differ_from_row_to_row() -> None:
    mixed = [*ask(3), *ask(3, temperature=0.7, top_k=9), *ask(3, repetition_penalty=1.2)]
    requests = [
        Request(key=f"m{i}", prompt=r.prompt, sampling=r.sampling) for i, r in enumerate(mixed)
    ]
    together, alone = (run(backend("llama", slots=slots), requests) for slots in (9, 1))
    assert [g.token_ids for g in together] == [g.token_ids for g in alone]


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_that_leaves_makes_the_batch_smaller(kind: str) -> None:
    opened = backend(kind, slots=4)
    shapes: list[tuple[int, ...]] = []
    step = opened._model.forward

    def forward(*args: Any, **settings: Any) -> Any:
        shapes.append(tuple(settings["attention_mask"].shape))
        return step(*args, **settings)

    opened._model.forward = forward
    short, long = Sampling(max_new_tokens=3), Sampling(max_new_tokens=12)
    requests = [
        Request(key="long prompt", prompt="y" * 100, sampling=short),
        *(Request(key=f"k{i}", prompt=f"y{i}", sampling=long) for i in range(2)),
    ]
    results = run(opened, requests)
    assert [len(g.token_ids) for g in results] == [3, 12, 12]
    assert (3, 102) in shapes
    # Without the long row, two rows of two tokens and what they have said are left.
    assert shapes[-1] == (2, 2 + 11)


def test_every_token_is_watched_and_a_watcher_stops_its_row_at_once() -> None:
    watchers: dict[str, Watcher] = {}
    requests = ask(6)

    def watch(request: Request) -> Watcher:
        watchers[request.key] = Watcher(5 if request.key in ("k0", "k3") else 1 << 30)
        return watchers[request.key]

    results = {r.key: g for r, g in backend("llama", slots=3).generate(requests, watch)}
    assert [(g.finish, g.raw_finish) for k, g in results.items() if k in ("k0", "k3")] == [
        ("loop", "watch")
    ] * 2
    for key, result in results.items():
        ended = result.token_ids[:-1] if result.finish == "stop" else result.token_ids
        assert watchers[key].seen == ended
    for key in ("k1", "k2", "k4", "k5"):
        (request,) = (r for r in requests if r.key == key)
        assert results[key].token_ids == reference("llama", request)


def test_requests_are_taken_only_when_a_slot_is_free() -> None:
    taken: list[str] = []

    def lazily() -> Iterator[Request]:
        for request in ask():
            taken.append(request.key)
            yield request

    finished = 0
    for _ in backend("llama", slots=3).generate(lazily(), lambda request: Watcher()):
        finished += 1
        assert len(taken) <= finished + 2
    assert finished == 7


@pytest.mark.parametrize(("kind", "exact"), [*((kind, False) for kind in KINDS), ("lfm2", True)])
def test_a_continuation_goes_on_as_the_whole_stream_did(kind: str, exact: bool) -> None:
    opened = backend(kind, slots=3, exact_prefix=exact)
    for sampling in ({}, {"temperature": 0.9, "repetition_penalty": 1.2}):
        requests = ask(3, **sampling)
        whole = run(opened, requests)
        cut = [
            Request(
                key=r.key, prompt=r.prompt, sampling=r.sampling, prefix_ids=tuple(g.token_ids[:7])
            )
            for r, g in zip(requests, whole, strict=True)
        ]
        rest = run(opened, cut)
        assert [g.token_ids[:7] + c.token_ids for g, c in zip(whole, rest, strict=True)] == [
            g.token_ids for g in whole
        ]
        assert [g.text for g in whole] == [
            g.text[: sum(g.token_chars[:7])] + c.text for g, c in zip(whole, rest, strict=True)
        ]


def test_a_prefix_that_uses_the_budget_up_leaves_nothing() -> None:
    request = Request(
        key="k", prompt="x", sampling=Sampling(max_new_tokens=3), prefix_ids=(1, 2, 3)
    )
    (result,) = run(backend("llama", slots=1), [request])
    assert (result.finish, result.raw_finish, result.token_ids) == ("length", "limit", [])


def test_text_and_characters_agree() -> None:
    for result in run(backend("llama", slots=4), ask(temperature=1.0)):
        assert len(result.token_ids) == len(result.token_chars) == result.output_tokens
        assert sum(result.token_chars) == len(result.text)
        # An incomplete character at the end has no text, and bytes that are no character may
        # be replaced together or one by one.
        whole = tokenizer().decode(result.token_ids, skip_special_tokens=True)
        one = re.compile("\ufffd+")
        assert one.sub("?", whole).startswith(one.sub("?", result.text).removesuffix("?"))


def test_the_end_token_is_reported_and_has_no_text() -> None:
    opened = backend("llama", slots=1)
    net = opened._model
    with torch.no_grad():
        net.lm_head.weight[257] = 30 * net.lm_head.weight.abs().max()
        net.lm_head.weight[257] *= torch.sign(net.model.norm.weight.sum())
    results = run(opened, ask(6, temperature=1.0))
    ended = [g for g in results if g.finish == "stop"]
    assert ended
    for result in ended:
        assert (result.raw_finish, result.token_ids[-1]) == ("eos", 257)
        assert result.token_chars[-1] == 0
        assert END not in result.text


def test_broken_weights_are_an_error_of_their_rows() -> None:
    opened = backend("llama", slots=2)
    with torch.no_grad():
        opened._model.lm_head.weight[3] = float("nan")
    results = run(opened, ask(3))
    assert {g.error for g in results} == {"The model's logits are not numbers."}


def test_a_failing_step_is_an_error_and_the_next_requests_are_run() -> None:
    opened = backend("llama", slots=2)
    step, calls = opened._model.forward, iter(range(1000))

    def forward(*args: Any, **settings: Any) -> Any:
        if next(calls) == 3:
            raise RuntimeError("out of memory\nand more")
        return step(*args, **settings)

    opened._model.forward = forward
    results = run(opened, ask(5))
    errors = [g for g in results if g.finish == "error"]
    assert len(errors) == 2
    assert {g.error for g in errors} == {"transformers failed: out of memory."}


def test_prompts_that_cannot_be_run_are_errors_of_their_own() -> None:
    opened = backend("llama", slots=2, context=60)
    long = Request(key="long", prompt="x" * 50, sampling=Sampling(max_new_tokens=20))
    empty = Request(key="empty", prompt="", sampling=Sampling(max_new_tokens=20))
    alien = Request(
        key="alien", prompt="x", sampling=Sampling(max_new_tokens=20), prefix_ids=(999,)
    )
    fine = Request(key="fine", prompt="x", sampling=Sampling(max_new_tokens=20))
    results = run(opened, [long, empty, alien, fine])
    assert "it needs 70 of the model's 60 tokens of context" in str(results[0].error)
    assert results[1].error == "The prompt has no tokens."
    assert results[2].error == "The prompt has tokens that the model does not know."
    assert results[3].error is None


def test_what_the_watcher_raises_is_raised_and_a_closed_backend_refuses() -> None:
    class Broken:
        def push(self, ids: Sequence[int], pieces: Sequence[str]) -> bool:
            raise ZeroDivisionError

    opened = backend("llama", slots=2)
    with pytest.raises(ZeroDivisionError):
        list(opened.generate(ask(2), lambda request: Broken()))
    opened.close()
    opened.close()
    with pytest.raises(BackendError, match="closed"):
        next(opened.generate(ask(1), lambda request: Watcher()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("models") / "tiny", "lfm2")


def test_a_folder_is_described_and_run(folder: Path) -> None:
    info = BACKEND.describe(folder)
    assert (info.name, info.architecture, info.quantization) == ("tiny", "lfm2", "F32")
    assert (info.parameters, info.context_length) == (47680, 512)
    assert info.engine == "transformers"
    assert info.fingerprint.startswith("sha256:")
    assert BACKEND.describe(folder, dtype="bfloat16").quantization == "BF16"
    with open_backend(folder, slots=2, threads=1, max_new_tokens=60) as opened:
        assert opened.info() == info
        (first, second) = run(opened, ask(2, budget=20))
        # The template writes <|user|>…<|assistant|> around the prompt.
        assert first.prompt_tokens == len("<|user|>") + len("<|assistant|>") + 2
    assert second.error is None
    with open_backend(folder, deterministic=True, threads=1, max_new_tokens=60) as opened:
        assert opened.slots == 1


def copy(folder: Path, target: Path, **config: Any) -> Path:
    target.mkdir()
    for file in folder.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    edit(target / "config.json", **config)
    return target


def test_pickles_and_code_are_refused(folder: Path, tmp_path: Path) -> None:
    pickled = copy(folder, tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(
        ValueError, match=r"has only pytorch_model\.bin: save the model as safetens"
    ):
        BACKEND.describe(pickled)
    coded = copy(
        folder, tmp_path / "coded", model_type="mine",
        auto_map={"AutoModelForCausalLM": "modeling_mine.Mine"},
    )  # fmt: skip
    with pytest.raises(ValueError, match="brings its own model code, which is never run"):
        BACKEND.describe(coded)
    with pytest.raises(ValueError, match="it has no readable config"):
        BACKEND.describe(tmp_path)


def test_adapters_are_refused(folder: Path, tmp_path: Path) -> None:
    adapted = copy(folder, tmp_path / "adapted")
    (adapted / "adapter_config.json").write_text("{}")
    with pytest.raises(ValueError, match="merge it into its base model"):
        BACKEND.describe(adapted)


def test_weights_that_are_there_twice_count_once(folder: Path, tmp_path: Path) -> None:
    twice = copy(folder, tmp_path / "twice")
    weights = (twice / "model.safetensors").read_bytes()
    (twice / "consolidated.safetensors").write_bytes(weights)
    assert BACKEND.describe(twice).parameters == BACKEND.describe(folder).parameters
    (twice / "model.safetensors").rename(twice / "model-00001-of-00001.safetensors")
    index = {"weight_map": {"a": "model-00001-of-00001.safetensors", "b": "../../elsewhere"}}
    (twice / "model.safetensors.index.json").write_text(json.dumps(index))
    sharded = BACKEND.describe(twice)
    assert sharded.parameters == BACKEND.describe(folder).parameters
    assert sharded.fingerprint == BACKEND.describe(folder).fingerprint


def test_weights_that_are_missing_or_broken_are_refused(folder: Path, tmp_path: Path) -> None:
    deeper = copy(folder, tmp_path / "deeper", num_hidden_layers=6, layer_types=["conv"] * 6)
    with pytest.raises(BackendError, match=r"does not fit its config\.json"):
        open_backend(deeper, threads=1, max_new_tokens=60)
    cut = copy(folder, tmp_path / "cut")
    weights = cut / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ValueError, match="is not a whole safetensors file"):
        BACKEND.describe(cut)


def test_impossible_settings_are_one_sentence(folder: Path) -> None:
    with pytest.raises(ValueError, match="There is no device 'cuda:9' here"):
        BACKEND.describe(folder, device="cuda:9")
    with pytest.raises(ValueError, match="Unknown --dtype 'int3'"):
        BACKEND.describe(folder, dtype="int3")
    with pytest.raises(BackendError, match="trained for 512 tokens"):
        open_backend(folder, max_new_tokens=512)
    with pytest.raises(ValueError, match=r"is not a model folder|hub does not give it"):
        BACKEND.describe("no/such-model")


def test_the_hub_is_asked_for_safe_files_only(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    asked: dict[str, Any] = {}

    def download(repo: str, **settings: Any) -> str:
        asked.update(settings, repo=repo)
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert BACKEND.describe("LiquidAI/LFM2-350M").name == "LFM2-350M"
    assert asked["repo"] == "LiquidAI/LFM2-350M"
    assert not any(glob.endswith((".bin", ".py", ".pt")) for glob in asked["allow_patterns"])

    def offline(repo: str, **settings: Any) -> str:
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    with pytest.raises(ValueError, match=r"hub does not give it: no route\.$"):
        BACKEND.describe("LiquidAI/LFM2-350M")


def test_a_missing_engine_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BackendError, match=r"pip install 'loopbench-edge\[hf\]'"):
        BACKEND.describe("/nowhere")


def test_a_template_in_the_tokenizers_settings_is_found(folder: Path, tmp_path: Path) -> None:
    old = copy(folder, tmp_path / "old")
    template = (old / "chat_template.jinja").read_text()
    (old / "chat_template.jinja").unlink()
    edit(old / "tokenizer_config.json", chat_template=[{"name": "default", "template": template}])
    assert BACKEND.describe(old).template_hash == BACKEND.describe(folder).template_hash
    edit(old / "tokenizer_config.json", chat_template=None)
    assert BACKEND.describe(old).template_hash is None
    assert json.loads((old / "config.json").read_text())["model_type"] == "lfm2"


def test_a_whole_run_on_a_folder(folder: Path, tmp_path: Path) -> None:
    from loopbench.harness.api import run as measure
    from loopbench.results.store import read_audits, read_header, read_records

    settings = {
        "tasks": ["chain_sum"], "limit": 3, "max_new_tokens": 20, "slots": 2, "threads": 1,
        "dtype": "float32", "device": "cpu", "temperatures": [0.0, 0.7],
    }  # fmt: skip
    result = measure(str(folder), out=tmp_path / "run", **settings)
    header = read_header(tmp_path / "run")
    assert header.engine == {
        "backend": "transformers", "slots": 2, "threads": 1, "device": "cpu", "dtype": "float32",
    }  # fmt: skip
    assert [(row.n, row.n_error, row.quantization) for row in result.rows] == [(3, 0, "F32")] * 2
    assert result.rows[0].template_hash == header.models[0].template_hash
    before = list(read_records(tmp_path / "run"))
    measure(str(folder), out=tmp_path / "run", resume=True, **settings)
    assert list(read_records(tmp_path / "run")) == before
    assert list(read_audits(tmp_path / "run")) == []
