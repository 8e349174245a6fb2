"""SmolLM2-135M through lm-eval: the same as `loopbench run`, and as a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from toy import evaluate, toy_task

import loopbench
from loopbench.backends.llamacpp.process import EngineProcess
from loopbench.lmeval import simple_evaluate
from loopbench.lmeval.manager import LoopbenchTaskManager
from loopbench.lmeval.tasks import sample_of
from loopbench.models import catalog
from loopbench.results.store import read_records

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

MODEL = "smollm2-135m"
TASKS = ("countdown", "long_multiplication")
BUDGET = 24


def test_lm_eval_gives_what_loopbench_run_gives(tmp_path: Path) -> None:
    settings = {"deterministic": True, "threads": 1}
    run = loopbench.run(
        MODEL, out=tmp_path / "run", tasks=TASKS, limit=2, max_new_tokens=BUDGET, **settings
    )
    records = {record.sample_id: record for record in read_records(run.path)}
    results = simple_evaluate(
        model="loopbench",
        model_args={"pretrained": MODEL, **settings},
        tasks=[f"loopbench_{task}" for task in TASKS],
        task_manager=LoopbenchTaskManager(include_defaults=False),
        limit=1,
        gen_kwargs={"max_gen_toks": BUDGET},
        apply_chat_template=True,
        bootstrap_iters=0,
    )
    rows = [row for task in TASKS for row in results["samples"][f"loopbench_{task}"]]
    assert len(rows) == len(records) == 2
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
         "micro_batch": 512, "poll": 0, "seed": 0, "gpu_layers": 0,
         "flash_attention": True}, 300.0
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
    kwargs = {"until": [], "max_gen_toks": BUDGET}
    prompts = ["Write a long story about the sea.", "Count: 1, 2, 3, 4,"]
    results = evaluate(
        model, toy_task(prompts, generation_kwargs=kwargs), model_args=args,
        apply_chat_template="chat" in model,
    )  # fmt: skip
    verdicts = [row["loopbench"][0] for row in results["samples"]["toy"]]
    for said in verdicts:
        assert said["tokenization"] == "given"
        assert 1 <= said["tokens"] <= BUDGET
        assert said["finish"] == ("length" if said["tokens"] == BUDGET else "stop")
    assert "length" in {said["finish"] for said in verdicts}
