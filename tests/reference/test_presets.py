"""Parameters counted from shapes are those of the models that are built."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import transformers
from click.testing import CliRunner

from loopbench.cli.app import cli
from loopbench.naming import UnknownNameError
from loopbench.reference.info import InfoError, classify, describe, from_config, render
from loopbench.reference.presets import PRESETS, adjusted_feed_forward, count, preset

QWEN3 = {
    "model_type": "qwen3", "vocab_size": 151_936, "hidden_size": 1024, "num_hidden_layers": 28,
    "intermediate_size": 3072, "num_attention_heads": 16, "num_key_value_heads": 8,
    "head_dim": 128, "tie_word_embeddings": True,
}  # fmt: skip
LFM2_350M = {
    "model_type": "lfm2", "vocab_size": 65_536, "hidden_size": 1024, "num_hidden_layers": 16,
    "block_ff_dim": 6656, "block_ffn_dim_multiplier": 1.0, "block_multiple_of": 256,
    "num_attention_heads": 16, "num_key_value_heads": 8, "conv_L_cache": 3,
    "full_attn_idxs": [2, 5, 8, 10, 12, 14],
}  # fmt: skip


def test_the_narrow_shape_has_the_layout_of_the_wide_one() -> None:
    narrow, wide = preset("lfm2-350m-narrow").config(), preset("lfm2-350m").config()
    assert {name for name in wide if narrow[name] != wide[name]} == {
        "hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads"
    }  # fmt: skip
    assert narrow["intermediate_size"] / narrow["hidden_size"] == 4.5
    assert wide["intermediate_size"] / wide["hidden_size"] == 4.5
    assert narrow["num_attention_heads"] == 2 * narrow["num_key_value_heads"]


@pytest.mark.parametrize(
    ("name", "total", "share"),
    [
        ("tiny", 1_141_696, 0.050),
        ("6m", 6_282_752, 0.018),
        ("30m", 31_050_368, 0.007),
        ("lfm2-350m", 354_483_968, 0.189),
        ("lfm2-700m", 742_489_344, 0.136),
        ("lfm2-1.2b", 1_170_340_608, 0.115),
    ],
)
def test_published_and_own_sizes(name: str, total: int, share: float) -> None:
    parts = count(preset(name))
    assert parts.total == total
    assert parts.embedding_share == pytest.approx(share, abs=5e-4)
    assert parts.effective == total - parts.embedding


def test_an_unknown_preset_is_told() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'tiny'"):
        preset("tinny")


@pytest.mark.parametrize("name", ["micro", "tiny"])
def test_the_count_is_torchs(name: str) -> None:
    shape = preset(name)
    model = transformers.Lfm2ForCausalLM(transformers.Lfm2Config(**shape.config()))
    sizes = {n: p.numel() for n, p in model.named_parameters()}
    assert classify(sizes) == count(shape)
    assert model.num_parameters() == count(shape).total


def test_configurations_of_others_match_their_published_shares() -> None:
    qwen = from_config(QWEN3)
    assert (qwen.total, round(qwen.embedding_share, 3)) == (596_049_920, 0.261)
    assert from_config(LFM2_350M) == count(PRESETS["lfm2-350m"])
    assert adjusted_feed_forward(6656, 1.0, 256) == 4608


def test_untied_embeddings_count_twice() -> None:
    once, twice = from_config(QWEN3), from_config(QWEN3 | {"tie_word_embeddings": False})
    assert twice.embedding == 2 * once.embedding


def test_a_folder_is_counted_from_its_configuration(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(QWEN3))
    result = CliRunner().invoke(cli, ["reference", "info", str(tmp_path)])
    assert result.exit_code == 0
    assert "596,049,920" in result.output
    assert "26.1%" in result.output
    assert json.loads(render(describe(str(tmp_path)), "json"))["effective"] == 440_467_456


def test_what_cannot_be_counted_is_told(tmp_path: Path) -> None:
    with pytest.raises(InfoError, match=r"holds no config\.json"):
        describe(str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "mamba", "vocab_size": 8}))
    with pytest.raises(InfoError, match="says no num_hidden_layers"):
        describe(str(tmp_path))
