"""A run judged again on a cluster, against the same in one process."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripted import scripted_run

from loopbench.distributed.cluster import Cluster
from loopbench.distributed.scoring import judged_again
from loopbench.results.rescoring import rescore_run

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
