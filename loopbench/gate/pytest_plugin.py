"""The fixture `loopbench_gate`: a checkpoint that loops too often is a test that fails.

Loaded by every pytest where LoopBench is installed, so nothing heavy is imported before the
fixture is called.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from loopbench.gate.decision import Decision
    from loopbench.gate.running import Gated

RATES = (
    "max_doom_rate",
    "max_stuck_rate",
    "max_truncated",
    "min_accuracy",
    "min_extraction_f1",
    "min_tool_score",
    "min_agent_score",
)
INCREASES = ("max_increase", "max_stuck_increase")
_VALUES = {
    "target": "Model or run folder that the gate judges.",
    **{name: f"Gate rule {name}, such as 1%." for name in RATES},
    "baseline": "Run folder or baseline file.",
    "max_increase": "Most rise of the doom-loop rate above the baseline's, such as 0.5pp.",
    "max_stuck_increase": "Most rise of the stuck rate above the baseline's.",
    "policy": "Policy file, such as gate.toml.",
    "max_samples": "Most prompts for a model.",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the `--loopbench-*` options."""
    group = parser.getgroup("loopbench", "gate for doom loops of language models")
    for name, text in _VALUES.items():
        group.addoption(
            f"--loopbench-{name.replace('_', '-')}", dest=f"loopbench_{name}", help=text
        )
    group.addoption(
        "--loopbench-sequential",
        dest="loopbench_sequential",
        action="store_true",
        help="Stop a model's run as soon as the numbers decide.",
    )
    group.addoption(
        "--loopbench-inconclusive",
        dest="loopbench_inconclusive",
        choices=("fail", "skip"),
        default="fail",
        help="What a test does if the data do not decide (default: fail).",
    )


@pytest.fixture
def loopbench_gate(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Decision]:
    """Return a function that judges a checkpoint and fails the test unless it passes.

    Called as ``loopbench_gate("runs/nightly", max_doom_rate="1%")``; what is left out is taken
    from the command line, such as ``--loopbench-target``. Rules are those of `loopbench gate`,
    and `run` takes settings of `loopbench.run` for a model. Returns the decision of a pass.
    """

    def require_pass(
        target: str | Path | None = None, *, run: dict[str, Any] | None = None, **rules: Any
    ) -> Decision:
        from loopbench.gate.report import sentence
        from loopbench.results.observed import GateUnusable

        chosen = {name: request.config.getoption(f"loopbench_{name}") for name in _VALUES}
        chosen |= {"sequential": request.config.getoption("loopbench_sequential"), **rules}
        chosen["target"] = target or chosen["target"]
        try:
            gated = _gated(chosen, run or {}, tmp_path)
        except GateUnusable as error:
            pytest.fail(f"UNUSABLE: {error}", pytrace=False)
        except ValueError as error:
            raise pytest.UsageError(str(error)) from error
        said = sentence(gated.decision, looked=gated.looked, samples=gated.samples)
        if gated.decision.verdict == "pass":
            return gated.decision
        if (
            gated.decision.verdict == "inconclusive"
            and request.config.getoption("loopbench_inconclusive") == "skip"
        ):
            pytest.skip(said)
        pytest.fail(said, pytrace=False)

    return require_pass


def _gated(chosen: dict[str, Any], run: dict[str, Any], folder: Path) -> Gated:
    from loopbench.errors import expected
    from loopbench.gate import running as gating
    from loopbench.harness.plan import settings_of
    from loopbench.results.observed import GateUnusable

    target, sequential, most = (chosen.pop(n) for n in ("target", "sequential", "max_samples"))
    if not target:
        raise ValueError("Name a model or a run folder, or give --loopbench-target.")
    files = [Path(path) if (path := chosen.pop(n)) else None for n in ("policy", "baseline")]
    with expected(ValueError, GateUnusable):
        policy, baseline = gating.read_policy(*files, **_rules(chosen))
        common: dict[str, Any] = {
            "baseline": gating.load_baseline(baseline) if baseline else None,
            "sequential": sequential,
        }
        if gating.is_run(Path(target)):
            if run or most:
                raise ValueError(f"{target} is a recorded run: run and max_samples are for models.")
            return gating.gate_run(Path(target), policy, **common)
        if gating.is_recording(str(target)):
            if run or most:
                raise ValueError(f"{target} holds outputs: run and max_samples are for models.")
            return gating.gate_recording(str(target), policy, out=folder / "loopbench", **common)
        return gating.gate_model(
            settings_of(str(target), **run),
            policy,
            out=folder / "loopbench",
            max_samples=int(most) if most else None,
            **common,
        )


def _rules(chosen: dict[str, Any]) -> dict[str, Any]:
    """Read the rules, given as texts such as `1%` or as numbers."""
    from loopbench.gate import policy

    rules: dict[str, Any] = {}
    for name, value in chosen.items():
        if name == "per_task":
            rules[name] = {task: policy.rate(most) for task, most in value.items()}
        elif name in (*RATES, *INCREASES, "confidence", "max_errors"):
            read = policy.increase if name in INCREASES else policy.rate
            rules[name] = None if value is None else read(value)
        else:
            raise ValueError(f"loopbench_gate knows no rule {name!r}.")
    return rules
