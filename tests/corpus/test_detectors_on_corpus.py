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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "verbatim", "counter", "circular", "alarms"),
    [
        ("development", (77, 77), (33, 37), (74, 81), (6, 198)),
        ("held-out", (77, 77), (42, 46), (93, 106), (17, 236)),
    ],
)
def test_what_is_found_and_what_is_a_false_alarm(
    part: Part,
    verbatim: tuple[int, int],
    counter: tuple[int, int],
    circular: tuple[int, int],
    alarms: tuple[int, int],
) -> None:
    doom, stuck = calibrations(traces_in([HERE], part), [])
    for (found, of), rate in (
        (verbatim, doom.recall_verbatim),
        (counter, doom.recall_counter),
        ((0, circular[1]), doom.recall_circular),
        # A loop is called where there is one, and nowhere else.
        ((0, alarms[1]), doom.false_positives),
        (circular, stuck.recall_circular),
        (alarms, stuck.false_positives),
    ):
        assert (round(rate.value * rate.n), rate.n) == (found, of)
    assert doom.f1.value >= 0.98
    assert stuck.stuck_f1.value >= 0.92


@pytest.mark.slow
def test_default_thresholds_are_the_calibrated_ones() -> None:
    script = HERE.parent.parent / "scripts" / "calibrate"
    result = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
