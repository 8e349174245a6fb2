"""lm-eval's `hf` model type with a real, tiny model whose every step is known."""

from __future__ import annotations

import pytest
from toy import evaluate, toy_task

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

CYCLE = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&()*+,-./:;<=?@[]^_~"
NEXT = {
    # Prompt `x`: a loop. `y`: an answer. `z`: a cycle too long to be one within the budget.
    "x": "a", "a": "b", "b": "c", "c": "a", "y": "d", "d": "7", "7": "</s>",
    # `w`: thinking, then an answer. `u`: a loop that a stop string would cut short.
    "w": "t", "t": ">", ">": "d", "u": "f", "f": "|", "|": "f",
}  # fmt: skip
CYCLE = CYCLE.replace("7", "").replace(">", "").replace("|", "")
NEXT |= {"z": CYCLE[0], **dict(zip(CYCLE, CYCLE[1:] + CYCLE[0], strict=True))}
BUDGET = 200


def markov_lm(**options):
    """Return an `hf` model in which each token has one successor."""
    import torch
    from lm_eval.models.huggingface import HFLM
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    letters = sorted({*NEXT, *NEXT.values()} - {"</s>"})
    vocabulary = {t: i for i, t in enumerate(["<s>", "</s>", "<pad>", *letters])}
    plain = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    plain.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    plain.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=plain, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    size = -(-len(vocabulary) // 4) * 4
    config = LlamaConfig(
        vocab_size=len(vocabulary), hidden_size=size, intermediate_size=8, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=1024, bos_token_id=0, eos_token_id=1,
        pad_token_id=2, tie_word_embeddings=False,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    layer = model.model.layers[0]
    with torch.no_grad():
        # Nothing but the last token reaches the head.
        layer.self_attn.o_proj.weight.zero_()
        layer.mlp.down_proj.weight.zero_()
        model.model.embed_tokens.weight.copy_(torch.eye(len(vocabulary), size))
        model.lm_head.weight.zero_()
        for before, after in NEXT.items():
            model.lm_head.weight[vocabulary[after], vocabulary[before]] = 1.0
    return HFLM(pretrained=model, tokenizer=tokenizer, device="cpu", **options)


def task(*prompts: str, until: list[str] | None = None):
    kwargs = {"until": until or [], "max_gen_toks": BUDGET, "do_sample": False}
    return toy_task(prompts, generation_kwargs=kwargs)


def verdicts(results) -> list[dict]:
    return [row["loopbench"][0] for row in results["samples"]["toy"]]


@pytest.mark.parametrize("batch_size", [1, 3])
def test_ids_finish_and_truncation_reach_the_detectors(batch_size: int) -> None:
    results = evaluate(markov_lm(batch_size=batch_size), task("x", "y", "z"))
    loop, answer, cycle = verdicts(results)
    assert (loop["outcome"], loop["period"], loop["tokens"]) == ("doom", 3, BUDGET)
    assert (answer["outcome"], answer["raw_finish"], answer["tokens"]) == ("clean", "eos", 3)
    assert (cycle["outcome"], cycle["finish"]) == ("truncated", "length")
    row = results["results"]["toy"]
    third = pytest.approx(1 / 3)
    assert (row["doom_rate,none"], row["truncated_rate,none"]) == (third, third)
    assert {v["tokenization"] for v in verdicts(results)} == {"given"}
    assert results["samples"]["toy"][1]["resps"] == [["d7"]]


def test_an_until_string_ends_a_row_though_its_batch_goes_on() -> None:
    free, cut = (
        verdicts(evaluate(markov_lm(batch_size=2), task("x", "u", until=until)))[1]
        for until in ([], ["|"])
    )
    assert (free["outcome"], free["period"]) == ("doom", 2)
    # Two tokens, whatever the other row of the batch went on with.
    assert (cut["outcome"], cut["raw_finish"], cut["tokens"], cut["raw"]) == (
        "clean", "until", 2, "f|",
    )  # fmt: skip


@pytest.mark.parametrize("by_id", [False, True])
def test_thinking_is_judged_before_it_is_cut_off(by_id: bool) -> None:
    lm = markov_lm(batch_size=1, think_end_token=">")
    if by_id:
        lm.think_end_token = lm.tokenizer.convert_tokens_to_ids(">")
    results = evaluate(lm, task("w"))
    (row,) = results["samples"]["toy"]
    assert row["resps"] == [["d7"]]
    assert (row["loopbench"][0]["raw"], row["loopbench"][0]["tokens"]) == ("t>d7", 5)


def test_the_cache_of_an_interrupted_run_keeps_the_origins(tmp_path) -> None:
    lm = markov_lm(batch_size=1)
    cache = str(tmp_path / "cache")
    before = evaluate(lm, task("x", "y"), use_cache=cache)
    from sqlitedict import SqliteDict

    with SqliteDict(cache + "_rank0.db") as kept:
        assert {type(response).__name__ for response in kept.values()} == {"Response"}
    lm.model.generate = None
    after = evaluate(lm, task("x", "y"), use_cache=cache)
    assert verdicts(after) == verdicts(before)


def test_loopbench_tasks_get_the_same_prompts_and_grades() -> None:
    from lm_eval.tasks import TaskManager

    from loopbench import tasks
    from loopbench.lmeval import tasks_path
    from loopbench.lmeval.tasks import sample_of
    from loopbench.tasks.suites import content_hash, select

    manager = TaskManager(include_path=str(tasks_path()), include_defaults=False)
    lm = markov_lm(batch_size=4, max_length=4096)
    results = evaluate(
        lm, "loopbench_edge", limit=2, task_manager=manager,
        gen_kwargs={"max_gen_toks": 8}, log_samples=True,
    )  # fmt: skip
    seen = []
    for rows in results["samples"].values():
        for row in rows:
            sample = sample_of(row["doc"])
            seen.append(sample)
            assert row["arguments"][0][0] == sample.prompt
            grade = tasks.get(sample.task).grade(sample, str(row["resps"][0][0]))
            assert row["score"] == (grade.score or 0)
    suite = select(["edge"], None, 0)
    assert len(seen) == 2 * len({s.task for s in suite})
    assert content_hash(seen) == content_hash([s for s in suite if s in seen])
