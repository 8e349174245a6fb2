"""`scripts/follow_circular`: circular outputs of a real run go on, and only these."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from loopbench.harness.api import run
from loopbench.results.store import read_records
from loopbench.types import Record

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).parents[2] / "scripts" / "follow_circular"


def follow(run_folder: Path, out: Path, times: int) -> str:
    command = [sys.executable, SCRIPT, run_folder, "--times", str(times), "--out", out]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six outputs of 512 tokens, one of them circular."""
    out = tmp_path_factory.mktemp("cut") / "run"
    run(
        "reference-sft", tasks=["reference_hard"], limit=6, max_new_tokens=512, threads=1,
        early_stop=False, out=out,
    )  # fmt: skip
    return out


def by_key(folder: Path) -> dict[object, Record]:
    return {record.key: record for record in read_records(folder)}


def test_the_circular_output_goes_on_token_for_token(cut: Path, tmp_path: Path) -> None:
    said = follow(cut, tmp_path / "longer", 3)
    before, after = by_key(cut), by_key(tmp_path / "longer")
    assert before.keys() == after.keys()
    circular = {key for key, record in before.items() if record.outcome == "circular"}
    assert circular
    assert f"{len(circular)} outputs from 512 to 1536 tokens" in said
    for key, first in before.items():
        if key not in circular:
            assert after[key] == first
            continue
        one, whole = first.generation, after[key].generation
        assert whole.token_ids[: len(one.token_ids)] == one.token_ids
        assert whole.text.startswith(one.text)
        assert sum(whole.token_chars) == len(whole.text)
        assert len(one.token_ids) < len(whole.token_ids) <= 1536
        assert len(whole.token_ids) == whole.output_tokens == len(whole.token_chars)
    assert "0 outputs" not in follow(cut, tmp_path / "longer", 3)
    assert by_key(tmp_path / "longer") == after


def test_an_output_that_has_no_room_stays_as_it_is(cut: Path, tmp_path: Path) -> None:
    follow(cut, tmp_path / "same", 1)
    assert by_key(tmp_path / "same") == by_key(cut)
