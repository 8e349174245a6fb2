"""SmolLM2-135M through lm-eval: the same as `loopbench run`, and as a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from toy import evaluate, toy_task

import loopbench
from loopbench import catalog
from loopbench.backends.llamacpp_process import EngineProcess
from loopbench.lmeval.tasks import sample_of
from loopbench.store import read_records

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

MODEL = "smollm2-135m"
TASKS = ("countdown", "long_multiplication")


def test_lm_eval_gives_what_loopbench_run_gives(tmp_path: Path) -> None:
    from loopbench.lmeval.manager import task_manager_class

    settings = {"deterministic": True, "threads": 1}
    run = loopbench.run(
        MODEL, out=tmp_path / "run", tasks=TASKS, limit=4, max_new_tokens=40, **settings
    )
    records = {record.sample_id: record for record in read_records(run.path)}
    rows = []
    for task in TASKS:
        results = evaluate(
            "loopbench", f"loopbench_{task}", model_args={"pretrained": MODEL, **settings},
            limit=2, gen_kwargs={"max_gen_toks": 40}, apply_chat_template=True,
            task_manager=task_manager_class()(include_defaults=False),
        )  # fmt: skip
        rows += results["samples"][f"loopbench_{task}"]
    assert len(rows) == len(records) == 4
    for row in rows:
        record = records[sample_of(row["doc"]).id]
        (said,) = row["loopbench"]
        assert said["token_ids"] == record.generation.token_ids
        assert row["resps"] == [[record.generation.text]]
        assert (said["outcome"], row["score"]) == (record.outcome, record.grade.score)


@pytest.fixture(scope="module")
def server() -> Iterator[EngineProcess]:
    _, path = catalog.resolve(MODEL)
    engine = EngineProcess(
        {"path": str(path), "slots": 2, "context_per_slot": 1024, "threads": 1,
         "micro_batch": 512, "poll": 0, "seed": 0, "gpu_layers": 0}, 300.0
    )  # fmt: skip
    engine.address = engine.start()
    yield engine
    engine.stop()


@pytest.mark.parametrize(
    ("model", "path"),
    [("local-completions", "completions"), ("local-chat-completions", "chat/completions")],
)
def test_a_real_server_tells_ids_and_finish(
    server: EngineProcess, monkeypatch: pytest.MonkeyPatch, model: str, path: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", server.secret)
    args = {"model": "m", "base_url": f"{server.address}/v1/{path}", "tokenizer_backend": "None",
            "num_concurrent": 2}  # fmt: skip
    kwargs = {"until": [], "max_gen_toks": 24}
    prompts = ["Count: 1, 2, 3, 4,", "Say yes or no: is water wet?"]
    results = evaluate(
        model, toy_task(prompts, generation_kwargs=kwargs), model_args=args,
        apply_chat_template="chat" in model,
    )  # fmt: skip
    for row in results["samples"]["toy"]:
        (said,) = row["loopbench"]
        assert said["tokenization"] == "given"
        assert 1 <= said["tokens"] <= 24
        assert said["finish"] == ("length" if said["tokens"] == 24 else "stop")
    assert results["samples"]["toy"][0]["loopbench"][0]["finish"] == "length"
