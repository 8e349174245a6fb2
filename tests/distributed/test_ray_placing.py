"""Runs on clusters that have no room for their actors, or none yet."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from scripted import scripted_run

import loopbench
from loopbench.distributed import cluster as clusters
from loopbench.distributed import pool
from loopbench.judging.progress import Silent
from loopbench.results.store import read_records

pytestmark = [
    pytest.mark.slow,
    # Ray leaves the pipes of the daemons that it started to the collector.
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
]

LOOPBENCH = (sys.executable, "-c", "from loopbench.cli.app import main; main()")


class Notes(Silent):
    """Keeps what it is told, and does something once: at a word, or after so many outputs."""

    def __init__(self, act: Callable[[], Any], *, word: str = "\0", outputs: int = -1) -> None:
        self.sentences: list[str] = []
        self._act, self._word, self._left, self._acted = act, word, outputs, False

    def note(self, sentence: str) -> None:
        self.sentences.append(sentence)
        if self._word in sentence:
            self._once()

    def done(self, outcome: str) -> None:
        self._left -= 1
        if self._left == 0:
            self._once()

    def _once(self) -> None:
        if not self._acted:
            self._acted = True
            self._act()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    # The script's engine is gone again when the recording is replayed.
    with pytest.MonkeyPatch.context() as patched:
        return scripted_run(tmp_path / "recorded", patched)


@pytest.fixture
def machines() -> Iterator[Any]:
    """A cluster that others started, whose head takes no actors."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    yield cluster
    cluster.shutdown()


def keys(folder: Path) -> list[str]:
    return sorted(record.key for record in read_records(folder))


def impatient(monkeypatch, patience_s: float) -> None:
    for module in (clusters, pool):
        monkeypatch.setattr(module, "TELL_EVERY_S", 0.2)
        monkeypatch.setattr(module, "PATIENCE_S", patience_s)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (["--ray-gpus", "999"], "1 Ray actor with 1 CPU and 999 GPUs cannot be placed"),
        (
            ["--ray-actors", "2", "--ray-cpus", "50000"],
            "2 Ray actors with 50000 CPUs each cannot be placed",
        ),
    ],
)
def test_a_machine_that_is_too_small_is_one_sentence(
    tmp_path: Path, recording: Path, asked: list[str], sentence: str
) -> None:
    out = tmp_path / "run"
    command = [*LOOPBENCH, "run", str(recording), "--out", str(out), "--ray", "local", *asked]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2
    starting, complaint = done.stderr.splitlines()
    assert starting == "Starting a Ray cluster on this machine."
    has = f"this machine has {psutil.cpu_count()} CPU"
    assert complaint.startswith(f"loopbench: {sentence}: {has}")
    assert complaint.endswith("Lower --ray-actors, --ray-cpus or --ray-gpus.")
    assert not out.exists()


def test_a_cluster_without_a_machine_for_an_actor_is_one_sentence(
    machines: Any, recording: Path, tmp_path: Path, monkeypatch
) -> None:
    impatient(monkeypatch, 0)
    with pytest.raises(ValueError) as caught:
        loopbench.run(str(recording), out=tmp_path / "run", ray=machines.address, ray_gpus=1)
    assert str(caught.value) == (
        "1 Ray actor with 1 CPU and 1 GPU cannot be placed: the cluster has 1 machine with "
        "no CPUs and no GPUs. Lower --ray-actors, --ray-cpus or --ray-gpus."
    )
    assert not (tmp_path / "run").exists()


def test_a_machine_that_joins_is_used_and_one_that_leaves_is_missed(
    machines: Any, recording: Path, tmp_path: Path, monkeypatch
) -> None:
    impatient(monkeypatch, 60)
    joined: list[Any] = []
    progress = Notes(lambda: joined.append(machines.add_node(num_cpus=1)), word="Waiting")
    given = {"ray": machines.address, "ray_actors": 2}
    made = loopbench.run(str(recording), out=tmp_path / "grown", progress=progress, **given)
    assert keys(made.path) == keys(recording)
    assert progress.sentences[0] == (
        "2 Ray actors with 1 CPU each cannot be placed: the cluster has 1 machine with no CPUs "
        "and no GPUs. Waiting for a machine that can hold one."
    )
    # No slot is free for more than four at a time, so some are not generated yet.
    impatient(monkeypatch, 1)
    progress = Notes(lambda: machines.remove_node(joined[0]), outputs=1)
    given = {"ray": machines.address, "slots": 1}
    made = loopbench.run(str(recording), out=tmp_path / "shrunk", progress=progress, **given)
    errors = {r.generation.error for r in read_records(made.path)} - {None}
    assert len(errors) == 1
    assert errors.pop().startswith("Not run: No machine for 1 of 1 Ray actor with 1 CPU: ")
    assert any("was lost" in sentence for sentence in progress.sentences)


def test_a_busy_cluster_is_waited_for(
    machines: Any, recording: Path, tmp_path: Path, monkeypatch
) -> None:
    import ray

    impatient(monkeypatch, 0)
    machines.add_node(num_cpus=1)
    ray.init(address=machines.address, log_to_driver=False)
    try:
        holder = ray.remote(Silent).options(num_cpus=1).remote()
        ray.get(holder.__ray_ready__.remote())
        progress = Notes(lambda: ray.kill(holder), word="Waiting")
        made = loopbench.run(
            str(recording), out=tmp_path / "run", ray=machines.address, progress=progress
        )
    finally:
        ray.shutdown()
    assert keys(made.path) == keys(recording)
    assert progress.sentences[0] == (
        "Waiting for 1 of 1 Ray actor with 1 CPU: the cluster has 1 machine with 1 CPU and "
        "no GPUs, 1 machine with no CPUs and no GPUs; free are no CPUs and no GPUs."
    )
