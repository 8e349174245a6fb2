"""Any causal model can be trained from SFT on, whole or with adapters."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import torch
import transformers

from loopbench.reference import model as models
from loopbench.reference import tokenizer
from loopbench.reference.presets import preset

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


def make(shape: str, folder: Path) -> Path:
    words = tokenizer.packaged()
    torch.manual_seed(0)
    model = models.build(preset("micro"), words, 0)
    if shape == "llama":
        model = transformers.LlamaForCausalLM(
            transformers.LlamaConfig(
                vocab_size=len(words), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                num_attention_heads=2, num_key_value_heads=1, pad_token_id=0, bos_token_id=1,
                eos_token_id=words.eos_token_id,
            )
        )  # fmt: skip
    models.save(model, words, folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("rank", ["0", "4"])
@pytest.mark.parametrize("stage", ["repair", "dpo"])
@pytest.mark.parametrize("shape", ["llama", "lfm2"])
def test_two_steps_change_the_weights(shape: str, stage: str, rank: str, tmp_path: Path) -> None:
    base = make(shape, tmp_path / "base")
    more = ["--examples", "4"] if stage == "repair" else [
        "--prompts", "3", "--samples", "1", "--budget", "30", "--batch", "2",
    ]  # fmt: skip
    importlib.import_module(f"loopbench.reference.stages.{stage}").main(
        ["--out", str(tmp_path / "out"), "--model", str(base), "--steps", "2", "--threads", "1",
         "--lora-rank", rank, "--muon-lr", "0", *more]
    )  # fmt: skip
    before, after = (
        dict(models.load(folder).state_dict()) for folder in (base, tmp_path / "out/model")
    )
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[name], after[name]) for name in before)


def test_adapters_reach_the_convolutions() -> None:
    words = tokenizer.packaged()
    model = models.with_lora(models.build(preset("micro"), words, 0), 2)
    adapted = {n.split(".lora_")[0] for n, p in model.named_parameters() if p.requires_grad}
    for part in ("conv.in_proj", "conv.out_proj", "self_attn.q_proj", "feed_forward.w2"):
        assert any(name.endswith(part) for name in adapted), part


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(models.CheckpointError, match=r"no config\.json"):
        models.load(tmp_path)
