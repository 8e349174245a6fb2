"""The pure parts of `scripts/bench_ray`, and that the page shows what was kept."""

from __future__ import annotations

import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import msgspec
import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "scripts"


@pytest.fixture(scope="module")
def bench() -> Any:
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(SCRIPTS))
        loader = SourceFileLoader("bench_ray", str(SCRIPTS / "bench_ray"))
        spec = spec_from_loader("bench_ray", loader)
        assert spec
        module = module_from_spec(spec)
        patched.setitem(sys.modules, "bench_ray", module)
        patched.setattr(sys, "dont_write_bytecode", True)
        loader.exec_module(module)
        yield module


def test_ratios_are_taken_within_a_round(bench: Any) -> None:
    rows = [
        bench.Measurement("start", "", 0, 5.0, 9.0),
        *(
            bench.Measurement("replay", way, number, cpu_s, 99.0)
            for number, slow in enumerate((1, 4))
            for way, cpu_s in ((bench.ALONE, 2.0 * slow), ("one actor", (3.0 + number) * slow))
        ),
    ]
    assert bench.table(rows).splitlines()[2:] == [
        "| start | – | 5.0 | – | 1 |",
        "| replay | without Ray | 5.0 | – | 2 |",
        "| replay | one actor | 9.5 | 1.75 (1.50 to 2.00) | 2 |",
    ]


def test_processes_that_have_ended_are_counted(bench: Any) -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\ninput()"
    command = [sys.executable, "-c", burn]
    with bench.Meter() as meter:
        before = meter.seconds()
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            meter.look()
            process.communicate(b"\n")
        meter.look()
        assert meter.seconds() - before > 0.25


def test_the_page_shows_what_was_measured(bench: Any) -> None:
    kept = msgspec.json.decode(bench.KEPT.read_bytes(), type=bench.Result)
    page = bench.PAGE.read_text("utf-8")
    assert bench.insert(page, "ray", bench.table(kept.measurements)) == page
    ways = {(row.what, row.way) for row in kept.measurements}
    assert len(ways) == 1 + len(bench.WAYS) + len(bench.MODEL_WAYS)
    assert {row.round for row in kept.measurements} == {0, 1}
