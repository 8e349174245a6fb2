"""`scripts/bench_harness` runs; its table says what was measured."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parent.parent / "scripts" / "bench_harness"


@pytest.mark.slow
def test_contenders_run_to_a_table(tmp_path: Path) -> None:
    options = "--only loopbench,sequential --sets looping --limit 2 --budget 9 --rounds 2"
    command = [sys.executable, SCRIPT, "--model", "reference-sft", *options.split()]
    done = subprocess.run([*command, "--json", tmp_path / "r"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "r").read_text())["measurements"]
    names = ["loopbench", "sequential"]
    assert [row["contender"] for row in rows] == names + names[::-1]
    assert all(row["outputs"] == 2 and 2 <= row["tokens"] <= 18 for row in rows)
    assert "llama-cpp-python, one prompt after another" in done.stdout


def test_ratios_are_taken_within_a_round_and_loops_judged_at_the_budget() -> None:
    script = runpy.run_path(str(SCRIPT))
    # The machine was four times slower in round 1; the ratio is 2 in both.
    costs = {("loopbench", 0): 1.0, ("sequential", 0): 2.0, ("loopbench", 1): 4.0,
             ("sequential", 1): 8.0}  # fmt: skip
    shared: dict[str, Any] = dict.fromkeys(("wall_s", "peak_mib", "tokens", "outputs"), 7)
    rows = [{"contender": c, "round": n, "cpu_s": s, "loops": 2, **shared}
            for (c, n), s in costs.items()]  # fmt: skip
    last = script["table"](rows).splitlines()[-1]
    assert last.endswith("| 5.0 | 2.00 | 7 | 7 | 7 | 2 of 7 | 2 |")
    looping = "so it goes, " * 60
    for budget, loops in ((180, 1), (4096, 0)):
        found = script["totals"]([(looping, None, None)], budget, lambda text: len(text.split()))
        assert found == {"outputs": 1, "tokens": 180, "loops": loops}
