"""What the rules of doom do on the whole corpus, so that a change that costs is seen.

The counts are those that docs/detectors.md reports; a better detector may raise them.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from loopbench.calibration.command import calibrations, traces_in
from loopbench.calibration.measures import Part

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    ("part", "verbatim", "counter"),
    [("development", (77, 77), (29, 33)), ("held-out", (77, 77), (35, 36))],
)
def test_loops_found_and_no_false_alarm(
    part: Part, verbatim: tuple[int, int], counter: tuple[int, int]
) -> None:
    (doom,) = calibrations(traces_in([HERE], part), [])
    for (found, of), rate in (
        (verbatim, doom.recall_verbatim),
        (counter, doom.recall_counter),
        ((0, 135), doom.false_positives),
    ):
        assert (round(rate.value * rate.n), rate.n) == (found, of)
    assert doom.recall_circular.value == 0


@pytest.mark.slow
def test_default_thresholds_are_the_calibrated_ones() -> None:
    script = HERE.parent.parent / "scripts" / "calibrate"
    result = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
