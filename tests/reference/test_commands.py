"""The commands, the plan of the recipe, and names in the catalogue."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from loopbench import tasks
from loopbench.cli.app import cli
from loopbench.cli.reference import STAGES
from loopbench.models import catalog
from loopbench.reference import stages
from loopbench.reference.config import StageConfig, parse
from loopbench.reference.recipe import PLAN
from loopbench.tasks.suites import SUITES


def test_every_stage_is_a_file_and_every_file_a_stage() -> None:
    files = {path.stem for path in Path(stages.__path__[0]).glob("*.py")} - {"__init__"}
    assert files == set(STAGES)


def test_the_plan_starts_every_stage_from_an_earlier_one() -> None:
    names = ["", *(planned.name for planned in PLAN)]
    for planned in PLAN:
        assert names.index(planned.start) < names.index(planned.name)
        assert planned.stage in STAGES


def test_reference_names_all_stages() -> None:
    names = catalog.expand(["x.gguf", "reference"])
    assert names[0] == "x.gguf"
    assert set(names[1:]) >= {
        f"reference-{stage}" for stage in ("mid", "sft", "dpo", "ftpo", "rlvr", "repair")
    }
    assert catalog.expand(["reference-sft"]) == ("reference-sft",)


@pytest.mark.parametrize(("suite", "n"), [("reference_hard", 400), ("reference_easy", 400)])
def test_the_reference_suites_have_enough_prompts(suite: str, n: int) -> None:
    entries = SUITES[suite].entries
    assert sum(entry.count for entry in entries) >= n
    for entry in entries:
        drawn = list(tasks.get(entry.task).samples(entry.count, level=entry.level))
        assert len({sample.prompt for sample in drawn}) == entry.count


def test_options_are_the_fields_of_a_configuration() -> None:
    config = parse(["--out", "x", "--lora-rank", "8", "--muon-lr", "0"], StageConfig, "about")
    assert (config.out, config.lora_rank, config.muon_lr, config.steps) == ("x", 8, 0.0, 100)


@pytest.mark.parametrize("arguments", [["--out", "x", "--stepz", "3"], [], ["--out"]])
def test_bad_options_are_a_usage_error(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as error:
        parse(arguments, StageConfig, "about")
    assert error.value.code == 2


def test_info_prints_json() -> None:
    result = CliRunner().invoke(cli, ["reference", "info", "tiny", "--format", "json"])
    assert json.loads(result.output)["total"] == 1_141_696


def test_the_commands_are_listed_without_torch() -> None:
    code = (
        "import sys; sys.argv = ['loopbench', 'train', '--version']\n"
        "import loopbench.cli.app, loopbench.cli.reference, loopbench.reference.info\n"
        "print('LOADED', *[m for m in ('torch', 'transformers', 'numpy') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["LOADED"]


def test_a_missing_trainer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in [m for m in sys.modules if m.startswith("loopbench.reference.s")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "loopbench.reference.model", raising=False)
    result = CliRunner().invoke(cli, ["train", "sft", "--out", "x"])
    assert isinstance(result.exception, ValueError)
    assert "pip install 'loopbench-edge[train]'" in str(result.exception)
