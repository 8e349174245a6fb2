"""The tokenizer and the exported model are the same in Hugging Face and in llama.cpp."""

from __future__ import annotations

from pathlib import Path

import pytest

from loopbench.models import gguf
from loopbench.reference import data, encode, sampling, tokenizer
from loopbench.reference import model as models
from loopbench.reference.export import ExportError, export, gguf_name
from loopbench.reference.presets import count, preset
from loopbench.types import Request, Sampling

CHECKPOINT = Path(tokenizer.__file__).parent / "checkpoints" / "sft"


class _Watch:
    def push(self, ids: object, pieces: object) -> bool:
        return False


@pytest.fixture(scope="module")
def micro(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("micro") / "model"
    words = tokenizer.packaged()
    models.save(models.build(preset("micro"), words, 3), words, folder)
    return folder


def test_the_tokenizer_is_trained_the_same_every_time() -> None:
    first, second = (tokenizer.train(documents=60, size=300) for _ in range(2))
    assert first.get_vocab() == second.get_vocab()


def test_text_survives_the_tokenizer_and_digits_stand_alone() -> None:
    words = tokenizer.packaged()
    text = (
        "<think>Try 12+7=19?19 yes</think>Answer: 12+7 ünï 日本 \r\n\t<|tool_call_start|>[f(a=1)]"
    )
    ids = words(text, add_special_tokens=False)["input_ids"]
    assert words.decode(ids) == text
    assert words.tokenize("1234") == ["1", "2", "3", "4"]
    assert [words.decode([i]) for i in ids[:2]] == ["<think>", "Try"]


def test_every_prompt_begins_and_ends_a_turn() -> None:
    words = tokenizer.packaged()
    assert words.decode(encode.prompt_ids(words, "Compute 1+2.")) == tokenizer.chat("Compute 1+2.")


@pytest.mark.parametrize("quantization", ["F32", "F16", "Q8_0", "Q4_0"])
def test_the_header_says_what_is_in_the_file(
    micro: Path, tmp_path: Path, quantization: str
) -> None:
    file = export(micro, tmp_path / "m.gguf", quantization=quantization)
    header = gguf.read_header(file)
    assert (header.architecture, header.quantization) == ("lfm2", quantization)
    assert header.parameters == count(preset("micro")).total
    assert header.chat_template == tokenizer.TEMPLATE


def test_what_cannot_be_exported_is_told(micro: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="Unknown quantisation 'Q2'"):
        export(micro, tmp_path / "m.gguf", quantization="Q2")
    with pytest.raises(ExportError, match=r"no config\.json"):
        export(tmp_path, tmp_path / "m.gguf")
    with pytest.raises(ExportError, match="Only LFM2"):
        gguf_name("model.layers.0.mlp.gate_proj.weight")


def _greedy_in_llama_cpp(file: Path, prompts: list[str], budget: int) -> list[list[int]]:
    from loopbench.backends.llamacpp.backend import open_backend

    requests = [
        Request(key=str(i), prompt=prompt, sampling=Sampling(max_new_tokens=budget))
        for i, prompt in enumerate(prompts)
    ]
    with open_backend(file, deterministic=True, threads=1, max_new_tokens=budget) as backend:
        results = {r.key: g for r, g in backend.generate(requests, lambda request: _Watch())}
    assert all(g.error is None for g in results.values())
    return [results[str(i)].token_ids for i in range(len(prompts))]


def _compare(folder: Path, file: Path, count: int, budget: int) -> None:
    words, model = models.load_tokenizer(folder), models.load(folder)
    prompts = [
        data.problem(data.rng_of("export", i), data.Mixture(), "validation")[0].prompt
        for i in range(count)
    ]
    ids = [encode.prompt_ids(words, prompt) for prompt in prompts]
    ours = sampling.generate(
        model, ids, temperature=0, budget=budget, end=words.eos_token_id, seed=0, batch=1
    )
    assert _greedy_in_llama_cpp(file, prompts, budget) == ours


@pytest.mark.slow
def test_greedy_tokens_of_untrained_weights_agree(micro: Path, tmp_path: Path) -> None:
    file = export(micro, tmp_path / "m.gguf", quantization="F32")
    _compare(micro, file, 8, 24)


@pytest.mark.slow
def test_greedy_tokens_of_a_trained_model_agree_on_fifty_prompts(tmp_path: Path) -> None:
    file = export(CHECKPOINT, tmp_path / "m.gguf", quantization="F32")
    _compare(CHECKPOINT, file, 50, 160)


@pytest.mark.slow
def test_padded_batches_equal_single_runs(micro: Path) -> None:
    words, model = models.load_tokenizer(micro), models.load(micro)
    prompts = ["Compute 1+2.", "Pick two of 3 8 14 with sum 22.", "x"]
    ids = [encode.prompt_ids(words, prompt) for prompt in prompts]
    settings = {"temperature": 0, "budget": 60, "end": words.eos_token_id, "seed": 0}
    together = sampling.generate(model, ids, **settings)  # type: ignore[arg-type]
    alone = [sampling.generate(model, [one], **settings)[0] for one in ids]  # type: ignore[arg-type]
    assert together == alone
