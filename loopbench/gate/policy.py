"""What a checkpoint must show to pass: thresholds, from options and from `gate.toml`. Pure."""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from loopbench.types import Struct

Metric = Literal[
    "doom",
    "stuck",
    "circular",
    "truncated",
    "accuracy",
    "extraction_f1",
    "tool_score",
    "agent_score",
]
BINARY: tuple[Metric, ...] = ("doom", "stuck", "circular", "truncated", "accuracy", "agent_score")
"""Metrics to which one generation adds 0 or 1."""
SCORES: tuple[Metric, ...] = ("accuracy", "extraction_f1", "tool_score", "agent_score")
"""Metrics that only some tasks have."""
Inconclusive = Literal["fail", "pass"]
EVERY_TASK = "*"
FILE = "gate.toml"


class GateRule(NamedTuple):
    """A threshold: its field in the policy, what it measures and on which side is good."""

    name: str
    metric: Metric
    most: bool
    """The metric must stay at or below the threshold; otherwise at or above it."""
    noun: str


RULES = (
    GateRule("max_doom_rate", "doom", True, "doom-loop rate"),
    GateRule("max_stuck_rate", "stuck", True, "stuck rate"),
    GateRule("max_truncated", "truncated", True, "truncated rate"),
    GateRule("min_accuracy", "accuracy", False, "accuracy"),
    GateRule("min_extraction_f1", "extraction_f1", False, "extraction F1"),
    GateRule("min_tool_score", "tool_score", False, "tool score"),
    GateRule("min_agent_score", "agent_score", False, "agent score"),
)
INCREASES = (
    GateRule("max_increase", "doom", True, "rise of the doom-loop rate"),
    GateRule("max_stuck_increase", "stuck", True, "rise of the stuck rate"),
)
"""Rules about a baseline: differences of rates, in points."""
_METRICS: dict[str, GateRule] = {rule.name: rule for rule in RULES}


class Thresholds(Struct, frozen=True):
    """Limits as fractions; None for what is not asked."""

    max_doom_rate: float | None = None
    max_stuck_rate: float | None = None
    max_truncated: float | None = None
    min_accuracy: float | None = None
    min_extraction_f1: float | None = None
    min_tool_score: float | None = None
    min_agent_score: float | None = None

    def rules(self) -> list[tuple[GateRule, float]]:
        """Return the rules that are asked for, with their thresholds."""
        return _asked(self, RULES)


class Policy(Struct, frozen=True):
    """Everything that decides about a checkpoint."""

    overall: Thresholds = Thresholds()
    per_task: dict[str, Thresholds] = msgspec.field(default_factory=dict)
    """By task; `*` stands for every task of the run."""
    max_increase: float | None = None
    """Most that the doom-loop rate may rise above the baseline's, as a fraction."""
    max_stuck_increase: float | None = None
    """Most that the stuck rate may rise above the baseline's."""
    confidence: float = 0.95
    """Of every one-sided limit: the chance of a wrong pass and of a wrong fail is below 1 − it."""
    max_errors: float = 0.0
    """Share of failed generations up to which a run still counts."""
    inconclusive: Inconclusive = "fail"

    @property
    def alpha(self) -> float:
        """Level of every test."""
        return 1 - self.confidence

    def increases(self) -> list[tuple[GateRule, float]]:
        """Return the rules about a baseline that are asked for, with their thresholds."""
        return _asked(self, INCREASES)

    def check(self) -> None:
        """Refuse a policy that nothing could pass, or everything would.

        Raises
        ------
        ValueError
            One sentence that says what to change.
        """
        if not 0.5 <= self.confidence < 1:
            raise ValueError(
                f"The confidence must be at least 50 % and below 100 %, got {self.confidence:.4g}."
            )
        if not 0 <= self.max_errors < 1:
            raise ValueError(f"max_errors must be below 100 %, got {self.max_errors:.4g}.")
        asked = self.overall.rules()
        for thresholds in self.per_task.values():
            asked += thresholds.rules()
        if not asked and not self.increases():
            raise ValueError(
                "A gate needs a rule, such as --max-doom-rate 1%, or a policy file with one."
            )
        for rule, value in asked:
            if not 0 < value < 1:
                raise ValueError(
                    f"{rule.name} must lie between 0 % and 100 %, both excluded, got "
                    f"{100 * value:g} %: no number of samples could show it."
                )
        for rule, value in self.increases():
            if not 0 <= value < 1:
                raise ValueError(
                    f"{rule.name} must be at least 0pp and below 100pp, got {100 * value:g}pp."
                )


def _asked(limits: Thresholds | Policy, rules: Sequence[GateRule]) -> list[tuple[GateRule, float]]:
    values = ((rule, getattr(limits, rule.name)) for rule in rules)
    return [(rule, value) for rule, value in values if value is not None]


def rate(text: str | int | float) -> float:
    """Read a rate: `1%`, `0.01` or the number 0.01.

    Raises
    ------
    ValueError
        If it is none, or a bare number above 1, which could mean percent.
    """
    return _number(text, ("%",), "a rate such as 1% or 0.01")


def increase(text: str | int | float) -> float:
    """Read a difference of rates: `0.5pp` (percentage points), or the number 0.005."""
    return _number(text, ("pp",), "an increase such as 0.5pp (percentage points)")


def _number(text: str | int | float, units: tuple[str, ...], what: str) -> float:
    bare, scale = str(text).strip(), 1.0
    for unit in units:
        if bare.endswith(unit):
            bare, scale = bare.removesuffix(unit).strip(), 100.0
    try:
        value = float(bare) / scale
    except ValueError:
        raise ValueError(f"{text!r} is not {what}.") from None
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not {what}.")
    if scale == 1 and not 0 <= value <= 1:
        raise ValueError(f"{text!r} is not {what}; did you mean {bare}{units[0]}?")
    return value


class PolicyFile(NamedTuple):
    """What a policy file says: the policy, and where its baseline lies."""

    policy: Policy
    baseline: str | None


_FREE = {"confidence": rate, "max_errors": rate}
_TOP = (*_METRICS, "per_task", "baseline", "inconclusive", *_FREE)


def parse(text: str, source: str = FILE) -> PolicyFile:
    """Read a policy file.

    Raises
    ------
    ValueError
        One sentence that names the file and the place.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{source} is not valid TOML: {error}.") from error
    _known(data, _TOP, source)
    fields: dict[str, Any] = {
        name: _at(source, name, read, data[name]) for name, read in _FREE.items() if name in data
    }
    if "inconclusive" in data:
        if data["inconclusive"] not in ("fail", "pass"):
            raise ValueError(
                f"{source}: inconclusive is 'fail' or 'pass', got {data['inconclusive']!r}."
            )
        fields["inconclusive"] = data["inconclusive"]
    baseline, risen = _baseline(data.get("baseline", {}), source)
    per_task = data.get("per_task", {})
    if not isinstance(per_task, dict):
        raise ValueError(f'{source}: per_task is a table such as [per_task] countdown = "5%".')
    policy = Policy(
        overall=_thresholds({k: v for k, v in data.items() if k in _METRICS}, source),
        per_task={task: _of_task(task, value, source) for task, value in per_task.items()},
        **fields | risen,
    )
    return PolicyFile(policy, baseline)


def _baseline(data: Any, source: str) -> tuple[str | None, dict[str, float]]:
    if not isinstance(data, dict):
        raise ValueError(f"{source}: baseline is a table with path and max_increase.")
    where, names = f"{source}, [baseline]", [rule.name for rule in INCREASES]
    _known(data, ("path", *names), where)
    path = data.get("path")
    if path is not None and not isinstance(path, str):
        raise ValueError(f"{where}: path is a text, got {path!r}.")
    return path, {name: _at(where, name, increase, data[name]) for name in names if name in data}


def _of_task(task: str, value: Any, source: str) -> Thresholds:
    if not isinstance(value, dict):
        value = {"max_doom_rate": value}
    where = f"{source}, [per_task.{task}]"
    _known(value, _METRICS, where)
    return _thresholds(value, where)


def _thresholds(data: Mapping[str, Any], source: str) -> Thresholds:
    return Thresholds(**{name: _at(source, name, rate, value) for name, value in data.items()})


def _at(source: str, name: str, read: Any, value: Any) -> float:
    try:
        return float(read(value))
    except ValueError as error:
        raise ValueError(f"{source}: {name}: {error}") from error


def _known(data: Mapping[str, Any], names: Any, source: str) -> None:
    for name in data:
        if name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(names)}."
            raise ValueError(f"{source} has an unknown entry {name!r}; {hint}")


def merged(file: Policy, **given: Any) -> Policy:
    """Return a policy with what was given on the command line in the place of the file's.

    Parameters
    ----------
    **given
        Fields of `Thresholds` and of `Policy`; None for what was not given. Tasks in
        `per_task` are maximal doom-loop rates and keep the file's other rules of that task.
    """
    given = {name: value for name, value in given.items() if value is not None}
    overall = {name: given.pop(name) for name in list(given) if name in _METRICS}
    per_task = dict(file.per_task)
    for task, most in given.pop("per_task", {}).items():
        per_task[task] = msgspec.structs.replace(
            per_task.get(task, Thresholds()), max_doom_rate=most
        )
    return msgspec.structs.replace(
        file,
        overall=msgspec.structs.replace(file.overall, **overall),
        per_task=per_task,
        **given,
    )
