"""Ray Data pipelines against the same work in one process."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from scripted import scripted_run

from loopbench.distributed.cluster import Cluster
from loopbench.distributed.scoring import (
    Generate,
    judge_batch,
    judged_again,
)
from loopbench.results.rescoring import rescore_run
from loopbench.types import Sampling

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"

pytestmark = [
    pytest.mark.slow,
    # Ray leaves the pipes of the daemons that it started to the collector.
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
    # Ray Data's own default settings.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context"),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    return scripted_run(tmp_path / "run", monkeypatch)


@pytest.fixture(scope="module")
def cluster():
    with Cluster("local", 2) as cluster:
        yield cluster


def test_a_run_is_scored_the_same(cluster: Cluster, folder: Path, tmp_path: Path) -> None:
    alone = rescore_run(folder, tmp_path / "alone")
    spread = rescore_run(
        folder,
        tmp_path / "spread",
        judged=lambda source, keep: judged_again(
            cluster, source, keep=keep, tell=print, size=5_000
        ),
    )
    assert spread == alone
    first, second = (
        (tmp_path / name / "records.jsonl").read_bytes() for name in ("alone", "spread")
    )
    assert first == second


def test_a_full_cluster_is_waited_for_and_not_in_silence(cluster: Cluster, folder: Path) -> None:
    ray = cluster.ray()

    class Holder:
        def hold(self) -> None:
            pass

    holder = ray.remote(num_cpus=2)(Holder).remote()
    ray.get(holder.hold.remote())
    told: list[str] = []

    def tell(sentence: str) -> None:
        if not told:
            ray.kill(holder)  # only now there is room
        told.append(sentence)

    judged = list(judged_again(cluster, folder, keep=False, tell=tell, every=1.0))
    assert len(judged) == 12
    assert told[0] == "Waiting for the cluster to judge; free are no CPUs and no GPUs."


def test_prompts_become_outputs_and_verdicts(cluster: Cluster, tmp_path: Path) -> None:
    import pyarrow.parquet

    ray = cluster.ray()
    prompts = [f"Add {n} and 4.\n" for n in range(6)]
    source = tmp_path / "prompts.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"prompt": prompts}), source)
    sampling = Sampling(max_new_tokens=64)
    settings = {"slots": 1, "threads": 1, "deterministic": True}
    made = ray.data.read_parquet(str(source)).map_batches(
        Generate,
        fn_constructor_args=("reference-sft", sampling, settings),
        batch_format="pyarrow",
        batch_size=3,
        compute=ray.data.ActorPoolStrategy(size=1),
    )
    rows = sorted(made.take_all(), key=lambda row: row["prompt"])
    alone = Generate("reference-sft", sampling, settings)(pyarrow.table({"prompt": prompts}))
    assert [(r["prompt"], list(r["token_ids"]), r["outcome"]) for r in rows] == [
        (r["prompt"], r["token_ids"], r["outcome"]) for r in alone.to_pylist()
    ]
    verdicts = ray.data.from_arrow(alone).map_batches(judge_batch, batch_format="pyarrow")
    assert [r["outcome"] for r in verdicts.take_all()] == alone.column("outcome").to_pylist()


def test_the_documented_pipelines_run(cluster: Cluster, tmp_path: Path) -> None:
    import pyarrow.parquet

    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    prompts = [f"Add {n} and 4.\n" for n in range(4)]
    (tmp_path / "prompts").mkdir()
    pyarrow.parquet.write_table(
        pyarrow.table({"prompt": prompts}), tmp_path / "prompts" / "a.parquet"
    )
    cluster.ray()
    exec(compile(example.replace("/shared", str(tmp_path)), PAGE.name, "exec"), {})
    rows = pyarrow.parquet.read_table(tmp_path / "verdicts").to_pylist()
    assert sorted(row["prompt"] for row in rows) == prompts
    for row in rows:
        verdict = json.loads(row["verdict"])
        assert verdict["outcome"] == row["outcome"]
        assert verdict["tokens"] == len(row["token_ids"]) > 0
