"""`generate` of real models, stopped row by row."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_models import EOS, FAMILIES, PAD, byte_tokenizer, follower, left_padded, text_tokenizer
from transformers import GenerationConfig

from loopbench import detectors
from loopbench.integrations.transformers import LoopStopping
from loopbench.types import LoopSpan

# A real model in every test.
pytestmark = pytest.mark.slow

VOCAB = 320
SUFFIX = detectors.get("suffix", min_repeats=4, min_tokens=24)
CYCLE = {5: 10, 12: 10}  # 5 leads into 10 11 12 10 11 12 …
ENDING = {160: EOS}  # 100 101 … 160 and the end
ROWS = left_padded([[5], [99], [7, 8] * 30 + [199]])
"""One prompt that ends in the cycle, one that ends by itself, one that goes on."""


def generate(model: Any, inputs: dict[str, torch.Tensor], **options: Any) -> list[list[int]]:
    output = model.generate(**inputs, **{"max_new_tokens": 96, "do_sample": False, **options})
    return output[:, inputs["input_ids"].shape[1] :].tolist()


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def model(request: pytest.FixtureRequest) -> Any:
    return follower(request.param, VOCAB, CYCLE | ENDING)


def test_a_looping_row_stops_and_the_others_go_on(model: Any) -> None:
    criteria = LoopStopping(model.generation_config, rules=[SUFFIX])
    stopped = generate(model, ROWS, stopping_criteria=[criteria])
    free = generate(model, ROWS)
    assert criteria.spans == [LoopSpan(start=0, end=32, period=3, repeats=10), None, None]
    assert stopped[0] == free[0][:32] + [PAD] * 64
    assert free[0][32:] == [12, 10, 11] * 21 + [12]
    assert stopped[1] == free[1] == [*range(100, 161), EOS] + [PAD] * 34
    assert stopped[2] == free[2] == [*range(200, 296)]


def test_generation_ends_when_every_row_has_stopped(model: Any) -> None:
    criteria = LoopStopping(model.generation_config, rules=[SUFFIX])
    rows = generate(model, left_padded([[3, 5], [11]]), stopping_criteria=[criteria])
    assert [len(row) for row in rows] == [32, 32]
    assert criteria.spans == [
        LoopSpan(start=0, end=32, period=3, repeats=10),
        LoopSpan(start=0, end=32, period=3, repeats=10),
    ]


def test_the_default_rule_stops_at_256_tokens() -> None:
    model = follower("llama", VOCAB, CYCLE)
    criteria = LoopStopping(model.generation_config)
    (row,) = generate(model, left_padded([[5]]), max_new_tokens=400, stopping_criteria=[criteria])
    assert len(row) == 256
    assert criteria.spans == [LoopSpan(start=0, end=256, period=3, repeats=85)]


def test_without_an_end_token_rows_are_cut_by_their_spans() -> None:
    model = follower("llama", VOCAB, CYCLE)
    model.generation_config.eos_token_id = None
    criteria = LoopStopping(model.generation_config, rules=[SUFFIX])
    rows = generate(model, left_padded([[5], [199]]), stopping_criteria=[criteria])
    assert criteria.spans[0] == LoopSpan(start=0, end=32, period=3, repeats=10)
    # Without an end token `generate` goes on writing into a stopped row.
    assert rows[0] == [10, 11, 12] * 32


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize("sampled", [False, True])
def test_it_stops_where_the_watcher_of_the_rows_own_tokens_says(family: str, sampled: bool) -> None:
    torch.manual_seed(0)
    model = FAMILIES[family](40, 32)
    inputs = left_padded([[2, 3, 4, 5], [6], [9, 9, 9, 9, 9, 9, 9], [30, 31]])
    options = {"do_sample": True, "temperature": 0.01, "top_k": 0} if sampled else {}
    criteria = LoopStopping(model.generation_config, rules=[SUFFIX])
    rows = generate(model, inputs, max_new_tokens=120, stopping_criteria=[criteria], **options)
    expected = []
    for row in rows:
        end = next((i for i, token in enumerate(row) if token in (EOS, PAD)), len(row))
        expected.append(SUFFIX.watch().push(row[:end]))
    assert criteria.spans == expected
    assert any(criteria.spans)


def test_a_counter_loop_is_stopped_by_its_text() -> None:
    lines = {200 + i: f"{i}. Lily lies.\n" for i in range(120)}
    model = follower("lfm2", VOCAB, {})
    counter = detectors.get("counter", min_repeats=8, min_tokens=32)
    criteria = LoopStopping(
        model.generation_config, text_tokenizer(lines, VOCAB), rules=[SUFFIX, counter]
    )
    (row,) = generate(model, left_padded([[199]]), stopping_criteria=[criteria])
    (span,) = criteria.spans
    assert row == [*range(200, 232)]
    assert span == LoopSpan(start=0, end=32, period=1, repeats=31)


def test_characters_split_over_tokens_reach_the_rules_whole() -> None:
    tokenizer = byte_tokenizer()
    ids = tokenizer.encode("".join(f"🙂 {i} né. " for i in range(100, 140)))
    counter = detectors.get("counter", min_repeats=4, min_tokens=64)
    criteria = LoopStopping(GenerationConfig(), tokenizer, rules=[counter], prompt_length=0)
    steps = [criteria(torch.tensor([ids[:n]]), None).tolist() for n in range(1, len(ids) + 1)]
    text = "".join(tokenizer.decode([i]) for i in ids)
    assert "\ufffd" in text
    assert criteria.spans[0] is not None
    assert criteria.spans[0].period == 14
    assert steps[criteria.spans[0].end - 2 :][:2] == [[False], [True]]


def test_the_end_of_a_row_is_not_part_of_a_loop() -> None:
    config = GenerationConfig(eos_token_id=[2, 3], pad_token_id=4)
    for end in (2, 3, 4):
        criteria = LoopStopping(config, rules=[SUFFIX], prompt_length=0)
        rows = torch.tensor([[9, end] + [end] * 98])
        assert criteria(rows, None).tolist() == [False]
        assert criteria.spans == [None]


def test_several_tokens_per_step() -> None:
    model = follower("llama", VOCAB, CYCLE)
    prompt = left_padded([[10, 11, 12, 10, 11, 12, 5]])
    criteria = LoopStopping(model.generation_config, rules=[SUFFIX], prompt_length=7)
    (row,) = generate(model, prompt, prompt_lookup_num_tokens=4, stopping_criteria=[criteria])
    assert criteria.spans == [LoopSpan(start=0, end=32, period=3, repeats=10)]
    assert 32 <= len(row) <= 37


def test_it_serves_one_batch_after_another() -> None:
    model = follower("llama", VOCAB, CYCLE)
    criteria = LoopStopping(model.generation_config, rules=[SUFFIX])
    first = generate(model, left_padded([[5]]), stopping_criteria=[criteria])
    with pytest.raises(ValueError, match=r"call reset\(\) before each generate"):
        generate(model, left_padded([[199]]), stopping_criteria=[criteria])
    criteria.reset()
    assert criteria.spans == []
    assert len(generate(model, left_padded([[199], [5]]), stopping_criteria=[criteria])[0]) == 96
    assert [span is not None for span in criteria.spans] == [False, True]
    assert len(first[0]) == 32


def test_beam_search_is_refused() -> None:
    model = follower("llama", VOCAB, CYCLE)
    criteria = LoopStopping(model.generation_config, rules=[SUFFIX])
    with pytest.raises(ValueError, match="num_beams must be 1"):
        generate(model, ROWS, num_beams=2, stopping_criteria=[criteria])


@pytest.mark.parametrize(
    "rows",
    [[[1, 2, 3], [1, 2, 3], [1, 2, 3]], [[1, 2], [3, 4]], [[1, 2, 5], [3, 5, 5]]],
    ids=["more rows", "no new token", "another past"],
)
def test_rows_that_do_not_go_on_are_refused(rows: list[list[int]]) -> None:
    criteria = LoopStopping(GenerationConfig(), rules=[SUFFIX])
    criteria(torch.tensor([[1, 2], [3, 4]]), None)
    with pytest.raises(ValueError, match="not those of the step before"):
        criteria(torch.tensor(rows), None)


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="'counter' reads text: give a tokenizer"):
        LoopStopping(GenerationConfig(), rules=[detectors.get("counter")])
    with pytest.raises(ValueError, match="at least one"):
        LoopStopping(GenerationConfig(), rules=[])
    with pytest.raises(ValueError, match="between 0 and 2, got 3"):
        LoopStopping(GenerationConfig(), prompt_length=3)(torch.tensor([[1, 2]]), None)
