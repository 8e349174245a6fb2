"""Runs over the actors of a local Ray cluster, against the same runs without one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from loopbench.distributed import cluster as clusters
from loopbench.distributed.placing import Placement
from loopbench.distributed.pool import RayBackend
from loopbench.errors import BackendError
from loopbench.harness.api import run
from loopbench.harness.engines import Engines
from loopbench.harness.plan import settings_of
from loopbench.judging.progress import Silent
from loopbench.results.store import read_audits, read_header, read_records

pytestmark = [
    pytest.mark.slow,
    # Ray leaves the pipes of the daemons that it started to the collector.
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
]

LOOPBENCH = (sys.executable, "-c", "from loopbench.cli.app import main; main()")
SMALL = {
    "tasks": ["reference"],
    "limit": 24,
    "max_new_tokens": 400,
    "slots": 2,
    "threads": 1,
    "audit_min": 2,
}


@pytest.fixture(scope="module")
def ray():
    """A cluster that all runs of this module use."""
    cluster = clusters.Cluster("local", 4)
    with cluster:
        yield cluster.ray()
    import ray

    assert not ray.is_initialized()


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Path:
    """What the reference model says without a cluster, without early stopping."""
    out = tmp_path_factory.mktemp("recorded") / "run"
    run("reference-sft", out=out, deterministic=True, early_stop=False, **SMALL)
    return out


def actors() -> list[psutil.Process]:
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if (process.cmdline() or [""])[0].startswith("ray::Worker"):
                found.append(process)
    return found


def ended() -> bool:
    """Whether all actors go away: Ray ends them while nobody waits."""
    return not psutil.wait_procs(actors(), timeout=30)[1]


def said(folder: Path) -> dict[str, tuple]:
    """What was generated and how it was judged, by key; each key once."""
    found = list(read_records(folder))
    assert len({record.key for record in found}) == len(found)
    return {
        r.key: (r.generation.token_ids, r.generation.finish, r.outcome, r.verdicts, r.grade)
        for r in found
    }


def audited(folder: Path) -> dict[str, tuple]:
    return {a.key: (a.generation.token_ids, a.outcome, a.escaped) for a in read_audits(folder)}


def test_two_actors_give_the_records_and_audits_of_a_local_run(
    ray, recording: Path, tmp_path: Path
) -> None:
    chosen = {"audit_min": 2}
    alone = run(str(recording), out=tmp_path / "alone", **chosen)
    spread = run(str(recording), out=tmp_path / "spread", ray="local", ray_actors=2, **chosen)
    assert said(spread.path) == said(alone.path)
    assert audited(spread.path) == audited(alone.path)
    assert len(said(spread.path)) == 24
    assert [row.doom_rate for row in spread.rows] == [row.doom_rate for row in alone.rows]
    engine = read_header(spread.path).engine
    assert (engine["slots"], engine["ray_actors"]) == (2, 2)
    assert ended()


def test_greedy_generations_are_those_of_the_engine_alone(
    ray, recording: Path, tmp_path: Path
) -> None:
    spread = run(
        "reference-sft",
        out=tmp_path / "run",
        deterministic=True,
        early_stop=False,
        ray="local",
        ray_actors=2,
        **SMALL,
    )
    assert said(spread.path) == said(recording)


class Killing(Silent):
    """Kills one actor's process when so many generations are done."""

    def __init__(self, after: int) -> None:
        self.after, self.killed, self.tokens = after, 0, 0
        self.notes: list[str] = []

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)

    def token(self, count: int) -> None:
        self.tokens += count

    def done(self, outcome: str) -> None:
        self.after -= 1
        if self.after == 0:
            actors()[0].kill()
            self.killed += 1


def test_what_a_lost_actor_was_generating_is_generated_again(
    ray, recording: Path, tmp_path: Path
) -> None:
    killing = Killing(5)
    spread = run(
        "reference-sft",
        out=tmp_path / "run",
        deterministic=True,
        early_stop=False,
        ray="local",
        ray_actors=2,
        progress=killing,
        **SMALL,
    )
    assert killing.killed == 1
    (lost,) = (note for note in killing.notes if "lost" in note)
    assert lost.startswith("A Ray actor was lost (")
    assert lost.endswith("): another one is started.")
    assert killing.tokens > 0
    assert said(spread.path) == said(recording)


def test_a_run_whose_actors_are_all_lost_says_so_and_goes_on(
    ray, recording: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr("loopbench.distributed.pool.MOST_LOSSES", 1)
    common = {"out": tmp_path / "run", "deterministic": True, "early_stop": False, **SMALL}
    (row,) = run("reference-sft", ray="local", progress=Killing(5), **common).rows
    assert 0 < row.n_error < row.n == 24
    errors = {r.generation.error for r in read_records(tmp_path / "run")} - {None}
    assert all("lost" in error for error in errors)
    (row,) = run("reference-sft", ray="local", resume=True, **common).rows
    assert (row.n, row.n_error) == (24, 0)
    made = {r.key: r for r in read_records(tmp_path / "run")}
    kept = {key: value[0] for key, value in said(recording).items()}
    assert {key: r.generation.token_ids for key, r in made.items()} == kept


def test_a_model_that_cannot_be_loaded_is_one_sentence(ray, recording: Path) -> None:
    settings = settings_of("reference-sft", ray="local", ray_actors=2, max_new_tokens=100_000)
    from loopbench import backends
    from loopbench.backends.forms import locate

    target = locate("reference-sft")
    model = backends.get("llamacpp").describe(target.place)
    with Engines(settings, print) as engines, pytest.raises(BackendError, match="does not fit"):
        engines.open(target, model, 10_000_000, 8).close()
    other = model.__class__(
        **{f: getattr(model, f) for f in model.__struct_fields__ if f != "fingerprint"},
        fingerprint="sha256:other",
    )
    place = Placement(actors=1, cpus=1, gpus=0, slots=1)
    with pytest.raises(BackendError, match="install the same"):
        RayBackend(ray, target, other, {"slots": 1, "threads": 1}, place, print)
    assert ended()


def test_ctrl_c_leaves_a_run_that_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = [
        *LOOPBENCH, "run", "reference-sft", "--tasks", "reference", "--limit", "100",
        "--max-new-tokens", "400", "--slots", "1", "--ray", "local", "--ray-actors", "2",
        "--out", str(out), "--format", "json",
    ]  # fmt: skip

    def lines() -> int:
        file = out / "records.jsonl"
        return len(file.read_bytes().splitlines()) if file.exists() else 0

    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A job in a shell's background ignores the signal, and its children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        until = time.monotonic() + 200
        while lines() < 2 and process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        family = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)
        printed, complaints = process.communicate(timeout=100)
    assert process.returncode == 130
    assert json.loads(printed)[0]["n"] == lines() < 100
    assert json.loads(printed)[0]["n_error"] == 0
    assert f"--resume --out {out}" in complaints
    assert "Traceback" not in complaints
    assert complaints.startswith("Starting a Ray cluster on this machine.\n")
    assert psutil.wait_procs(family, timeout=30)[1] == []
    # It may go on without a cluster as well as with one.
    rest = [word for word in command if word not in ("--ray", "local", "--ray-actors", "2")]
    done = subprocess.run([*rest, "--resume"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert (row["n"], row["n_error"]) == (100, 0)
