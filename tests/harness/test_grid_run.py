"""A grid: one command, one folder, one table, one heat map."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fakes import ANSWER, LOOP, FakeFactory, install

from loopbench.cli.app import cli
from loopbench.gate.running import observe_run
from loopbench.harness.api import rows_of
from loopbench.harness.plan import settings_of
from loopbench.report.heatmap import heat_map
from loopbench.results.observed import GateUnusable
from loopbench.results.store import read_records
from loopbench.tasks.suites import at_levels


@pytest.fixture
def factory(monkeypatch: pytest.MonkeyPatch) -> FakeFactory:
    """A model that loops unless its repetition penalty is above 1."""
    return install(
        monkeypatch,
        lambda r: (ANSWER, "stop") if r.sampling.repetition_penalty > 1 else (LOOP, "length"),
    )


def run(folder: Path, *grid: str, resume: bool = False, more: tuple[str, ...] = ()) -> Result:
    words = ["run", "a", "--tasks", "chain_sum", "--limit", "4", "--max-new-tokens", "400"]
    words += ["--audit-min", "0", "--audit-share", "0", "--out", str(folder)]
    words += [*more, *(["--resume"] if resume else []), "--grid", *grid]
    return CliRunner().invoke(cli, words)


def test_every_cell_is_a_row_with_its_coordinates(tmp_path: Path, factory: FakeFactory) -> None:
    axes = ("temperature=0,0.3", "penalty=1.0,1.05", "level=easy,hard")
    result = run(tmp_path / "run", *axes)
    assert result.exit_code == 0, result.stderr
    rows = rows_of(tmp_path / "run", "level")
    assert [(r.temperature, r.repetition_penalty, r.group, r.doom_rate.value) for r in rows] == [
        (0.0, 1.0, "easy", 1.0), (0.0, 1.0, "hard", 1.0),
        (0.0, 1.05, "easy", 0.0), (0.0, 1.05, "hard", 0.0),
        (0.3, 1.0, "easy", 1.0), (0.3, 1.0, "hard", 1.0),
        (0.3, 1.05, "easy", 0.0), (0.3, 1.05, "hard", 0.0),
    ]  # fmt: skip
    assert "penalty" in result.stdout
    assert "hard" in result.stdout


def test_finished_cells_are_not_run_again(tmp_path: Path, factory: FakeFactory) -> None:
    run(tmp_path / "run", "temperature=0", "penalty=1.0")
    assert len(factory.requests) == 4
    again = run(tmp_path / "run", "temperature=0", "penalty=1.0", resume=True)
    assert again.exit_code == 0, again.stderr
    assert len(factory.requests) == 4
    wider = run(tmp_path / "run", "temperature=0,0.5", "penalty=1.0,1.1", resume=True)
    assert wider.exit_code == 0, wider.stderr
    assert len(factory.requests) == 16
    keys = [record.key for record in read_records(tmp_path / "run")]
    assert len(keys) == len(set(keys)) == 16
    assert len(rows_of(tmp_path / "run")) == 4


def test_what_a_cell_measures_stays_the_same(tmp_path: Path, factory: FakeFactory) -> None:
    run(tmp_path / "run", "temperature=0")
    result = run(tmp_path / "run", "temperature=0,1", "level=easy", resume=True)
    assert "was started with other settings" in str(result.exception)


@pytest.mark.parametrize(
    ("axes", "more", "says"),
    [
        (("temperature=0",), ("--temperature", "1"), "exclude each other"),
        (("penalty=0",), (), "must be above 0"),
        (("level=hrad",), (), "Did you mean 'hard'"),
    ],
)
def test_a_grid_that_cannot_be_run_is_refused(
    tmp_path: Path, factory: FakeFactory, axes: tuple[str, ...], more: tuple[str, ...], says: str
) -> None:
    result = run(tmp_path / "run", *axes, more=more)
    assert result.exit_code != 0
    assert says in result.stderr + str(result.exception)
    assert not factory.requests


def test_each_quantisation_is_a_model(
    tmp_path: Path, factory: FakeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    from loopbench.models import quantising

    asked = []

    def variant(source: Path, quant: str, *, requantize: bool, threads: int) -> Path:
        asked.append((source.name, quant, requantize))
        return source.with_name(f"{source.stem}-{quant}-0.gguf")

    monkeypatch.setattr(quantising, "variant", variant)
    result = run(tmp_path / "run", "quant=q8_0,q4_0", more=("--requantize",))
    assert result.exit_code == 0, result.stderr
    assert asked == [("a.gguf", "q8_0", True), ("a.gguf", "q4_0", True)]
    assert [row.model for row in rows_of(tmp_path / "run")] == ["a-q8_0", "a-q4_0"]


def test_levels_are_those_of_every_task() -> None:
    assert at_levels(["chain_sum", "countdown"], ["easy", "hard"]) == [
        "chain_sum:easy", "chain_sum:hard", "countdown:easy", "countdown:hard",
    ]  # fmt: skip
    assert len(at_levels(["edge"], ["easy"])) == 9
    with pytest.raises(ValueError, match="chain_sum:easy names a level"):
        at_levels(["chain_sum:easy"], ["hard"])


def test_samplings_are_all_combinations() -> None:
    settings = settings_of("a", temperatures=[0, 1], penalties=[1.0, 1.1])
    found = [(s.temperature, s.repetition_penalty) for s in settings.samplings()]
    assert found == [(0.0, 1.0), (0.0, 1.1), (1.0, 1.0), (1.0, 1.1)]


def test_a_gate_does_not_mix_penalties(tmp_path: Path, factory: FakeFactory) -> None:
    run(tmp_path / "run", "penalty=1.0,1.1")
    with pytest.raises(GateUnusable, match="varies the repetition penalty"):
        observe_run(tmp_path / "run").cells()


def test_the_fastest_axis_goes_along_x(tmp_path: Path, factory: FakeFactory) -> None:
    run(tmp_path / "run", "temperature=0,0.3", "penalty=1.0,1.05")
    plan = heat_map(rows_of(tmp_path / "run"))
    assert (plan.x_title, plan.x) == ("temperature", ["0", "0.3"])
    assert (plan.y_title, plan.y) == ("penalty", ["1", "1.05"])
    assert plan.values == [[100.0, 100.0], [0.0, 0.0]]
    assert plan.texts[1][0] == "0.0\n[0.0, 49.0]\nn=4"
    with pytest.raises(ValueError, match="nothing to draw"):
        heat_map([])


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_the_heat_map_is_a_picture(tmp_path: Path, factory: FakeFactory, ending: str) -> None:
    file = tmp_path / "pictures" / f"map.{ending}"
    result = run(tmp_path / "run", "penalty=1.0,1.05", more=("--heatmap", str(file)))
    assert result.exit_code == 0, result.stderr
    assert file.read_bytes()[:4] == {"svg": b"<?xm", "png": b"\x89PNG"}[ending]


def test_an_unknown_kind_of_picture_is_a_sentence(tmp_path: Path, factory: FakeFactory) -> None:
    result = run(tmp_path / "run", "penalty=1.0", more=("--heatmap", str(tmp_path / "map.gfi")))
    assert isinstance(result.exception, ValueError)
    assert "gfi" in str(result.exception)
