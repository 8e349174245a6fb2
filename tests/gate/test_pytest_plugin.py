"""The fixture and the options, as a project that uses them meets them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy.fft  # noqa: F401
import pytest
import scipy.stats  # noqa: F401
from runs import folder, mixed, records

# pytester takes what is first imported inside it out of `sys.modules` again, while its package
# keeps it: a later test would patch another module than the one that runs, or load numpy twice.
import loopbench.gate.running
import loopbench.harness.engines
import loopbench.harness.runner
import loopbench.harness.targets  # noqa: F401

pytest_plugins = ["pytester"]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return folder(tmp_path / "run", records(mixed(30, 100)))


def test_a_checkpoint_that_loops_fails_its_test(pytester: pytest.Pytester, run: Path) -> None:
    pytester.makepyfile(
        f"""
        def test_bad(loopbench_gate):
            loopbench_gate({str(run)!r}, max_doom_rate="1%")

        def test_good(loopbench_gate):
            decision = loopbench_gate({str(run)!r}, max_doom_rate="50%",
                                      per_task={{"chain_sum": 0.5}})
            assert decision.verdict == "pass"
            assert len(decision.checks) == 2
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["FAIL: a T=0: doom-loop rate 30.00 % * of 100 prompts is above 1 % *"]
    )


def test_one_that_goes_round_fails_by_its_stuck_rate(
    pytester: pytest.Pytester, tmp_path: Path
) -> None:
    run = folder(tmp_path / "round", records(["circular"] * 30 + ["clean"] * 270))
    pytester.makepyfile(
        f"""
        def test_doom(loopbench_gate):
            loopbench_gate({str(run)!r}, max_doom_rate="1%")

        def test_stuck(loopbench_gate):
            loopbench_gate({str(run)!r}, max_stuck_rate="2%")

        def test_rise(loopbench_gate):
            loopbench_gate({str(run)!r}, baseline={str(run)!r}, max_stuck_increase="5pp")
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["FAIL: a T=0: stuck rate 10.00 % * is above 2 % *"])


ASKS = "def test_checkpoint(loopbench_gate):\n    loopbench_gate()\n"


@pytest.mark.parametrize(
    ("options", "outcome", "words"),
    [
        (["--loopbench-max-doom-rate=50%"], "passed", ""),
        (["--loopbench-max-stuck-rate=50%"], "passed", ""),
        (["--loopbench-max-stuck-rate=1%"], "failed", "FAIL: a T=0: stuck rate 30.00 %"),
        (["--loopbench-baseline=nowhere", "--loopbench-max-stuck-increase=1pp"], "failed",
         "UNUSABLE: There is no baseline"),
        (["--loopbench-max-stuck-increase=1%"], "errors", "is not an increase"),
        (["--loopbench-max-doom-rate=1%", "--loopbench-sequential"], "failed", "always-valid"),
        (["--loopbench-max-doom-rate=30%"], "failed", "INCONCLUSIVE"),
        (["--loopbench-max-doom-rate=30%", "--loopbench-inconclusive=skip"], "skipped", ""),
        (["--loopbench-min-tool-score=1%"], "failed", "UNUSABLE: There is no data"),
        (["--loopbench-policy=gate.toml"], "passed", ""),
        (["--loopbench-baseline=nowhere", "--loopbench-max-increase=1pp"], "failed",
         "UNUSABLE: There is no baseline"),
        ([], "errors", "A gate needs a rule"),
        (["--loopbench-max-doom-rate=lots"], "errors", "'lots' is not a rate"),
        (["--loopbench-max-doom-rate=9%", "--loopbench-max-samples=5"], "errors",
         "is a recorded run"),
    ],
)  # fmt: skip
def test_target_and_rules_come_from_the_command_line(
    pytester: pytest.Pytester, run: Path, options: list[str], outcome: str, words: str
) -> None:
    pytester.makepyfile(ASKS)
    (pytester.path / "gate.toml").write_text('max_doom_rate = "60%"\n')
    result = pytester.runpytest(f"--loopbench-target={run}", *options)
    if outcome == "errors":
        # What the user asked for is wrong: that is no verdict on the checkpoint.
        assert result.parseoutcomes().get("passed", 0) == 0
        assert result.ret != 0
    else:
        result.assert_outcomes(**{outcome: 1})
    assert words in result.stdout.str() + result.stderr.str()


def test_a_model_is_run(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent.parent)!r})\n"
        "import pytest\nfrom fakes import LOOP, install\n"
        "@pytest.fixture(autouse=True)\ndef fake(monkeypatch):\n"
        "    install(monkeypatch, lambda request: (LOOP, 'length'))\n"
    )
    pytester.makepyfile(
        """
        def test_model(loopbench_gate):
            loopbench_gate("a", max_doom_rate="1%", sequential=True,
                           run={"tasks": ["chain_sum"], "max_new_tokens": 300})

        def test_typo(loopbench_gate):
            loopbench_gate("a", max_dom_rate="1%")

        def test_setting(loopbench_gate):
            loopbench_gate("a", max_doom_rate="1%", run={"task": ["chain_sum"]})

        def test_nothing(loopbench_gate):
            loopbench_gate(max_doom_rate="1%")
        """
    )
    result = pytester.runpytest()
    text = result.stdout.str()
    assert "FAIL: a T=0: doom-loop rate 100.00 %" in text
    assert "looked at 8 of at most 946 prompts" in text
    assert "loopbench_gate knows no rule 'max_dom_rate'" in text
    assert "Unknown setting 'task'" in text
    assert "give --loopbench-target" in text
    assert result.parseoutcomes().get("passed", 0) == 0


def test_a_file_of_outputs_is_judged_as_it_is(pytester: pytest.Pytester) -> None:
    pytester.makefile(
        ".jsonl",
        rows="".join(f'{{"prompt": "p{i}", "text": "End", "finish": "stop"}}\n' for i in range(9)),
    )
    pytester.makepyfile(
        """
        def test_good(loopbench_gate):
            assert loopbench_gate("rows.jsonl", max_doom_rate="50%").checks[0].prompts == 9

        def test_settings(loopbench_gate):
            loopbench_gate("rows.jsonl", max_doom_rate="50%", run={"limit": 3})
        """
    )
    result = pytester.runpytest()
    assert result.parseoutcomes().get("passed") == 1
    assert "rows.jsonl holds outputs: run and max_samples are for models" in result.stdout.str()


@pytest.mark.slow
def test_the_plugin_is_found_and_loads_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import sys\n"
        "def test_light():\n"
        "    heavy = ('torch', 'scipy', 'numpy', 'rich', 'aiohttp', 'loopbench.gate.running')\n"
        "    assert not [name for name in heavy if name in sys.modules]\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    result = subprocess.run(
        [*command, str(tmp_path)], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert result.returncode == 0, result.stdout
    told = subprocess.run(
        [*command, "--fixtures", str(tmp_path)], capture_output=True, text=True, cwd=tmp_path,
        check=True,
    )  # fmt: skip
    assert "loopbench_gate" in told.stdout
