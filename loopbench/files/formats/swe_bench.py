"""Predictions for SWE-bench, and trajectories of SWE-agent and mini-swe-agent.

After the files that SWE-bench's harness takes, `sweagent/agent/agents.py` of SWE-agent and its
test trajectories, and `minisweagent/agents/default.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loopbench.files.formats.chats import said
from loopbench.files.formats.common import first_text, mappings, object_of
from loopbench.files.outputs import FileOutput, Row, RowError
from loopbench.types import Finish

_PATCHES = ("full_output", "model_patch")
"""The surest first: a patch was cut out of the output."""
_LIMITS = (
    "exit_cost",
    "exit_context",
    "exit_total_execution_time",
    "limitsexceeded",
    "timeexceeded",
)
_TRIED = 8


class SweBench:
    """One output per prediction, or per trajectory."""

    name = "swe_bench"
    title = "SWE-bench predictions, trajectories of SWE-agent and mini-swe-agent"
    finish = "`exit_status` of trajectories; predictions do not tell"

    def recognises(self, row: Row) -> bool:
        """See `Format.recognises`."""
        value = row.value
        if not isinstance(value, Mapping):
            return False
        if _is_prediction(value) or _is_trajectory(value) or _is_mini(value):
            return True
        first = list(value.values())[:_TRIED]
        return bool(first) and all(isinstance(v, Mapping) and _is_prediction(v) for v in first)

    def outputs(self, row: Row) -> Iterator[FileOutput]:
        """See `Format.outputs`."""
        value = object_of(row)
        if _is_trajectory(value):
            yield _trajectory(value, [_step(step) for step in mappings(value["trajectory"])])
        elif _is_mini(value):
            yield _trajectory(value, [_turn(message) for message in mappings(value["messages"])])
        elif _is_prediction(value):
            yield _prediction(value, None)
        elif not value:
            raise RowError("it has no field 'model_patch'")
        else:
            for name, inner in value.items():
                if not isinstance(inner, Mapping):
                    raise RowError(f"its field {name!r} is no prediction")
                yield _prediction(inner, str(name))


def _is_prediction(value: Mapping[str, Any]) -> bool:
    return "model_patch" in value and ("instance_id" in value or "model_name_or_path" in value)


def _is_trajectory(value: Mapping[str, Any]) -> bool:
    steps = value.get("trajectory")
    if not isinstance(steps, list) or not isinstance(value.get("info"), Mapping):
        return False
    return all("response" in step or "action" in step for step in mappings(steps[:_TRIED]))


def _is_mini(value: Mapping[str, Any]) -> bool:
    told = value.get("trajectory_format")
    return (
        isinstance(told, str)
        and told.startswith("mini-swe-agent")
        and isinstance(value.get("messages"), list)
    )


def _prediction(value: Mapping[str, Any], name: str | None) -> FileOutput:
    common: dict[str, Any] = {
        "id": first_text(value, ("instance_id",)) or name,
        "model": first_text(value, ("model_name_or_path",)),
    }
    field = next((f for f in _PATCHES if isinstance(value.get(f), str)), None)
    if field:
        return FileOutput(text=value[field], field=field, **common)
    if value.get("model_patch", "") is None:
        return FileOutput(finish="error", error="there is no patch", field="model_patch", **common)
    raise RowError("its field 'model_patch' holds no text")


def _step(step: Mapping[str, Any]) -> str:
    text = next((t for n in ("response", "action") if isinstance(t := step.get(n), str)), "")
    return said({"content": text, "tool_calls": step.get("tool_calls")}) or ""


def _turn(message: Mapping[str, Any]) -> str:
    return (said(message) or "") if message.get("role") == "assistant" else ""


def _trajectory(value: Mapping[str, Any], steps: list[str]) -> FileOutput:
    info = value.get("info")
    told = first_text(info, ("exit_status",)) if isinstance(info, Mapping) else None
    return FileOutput(
        text="\n".join(step for step in steps if step),
        finish=_finish(told),
        raw_finish=told,
        id=first_text(value, ("instance_id",)),
        field="trajectory" if "trajectory" in value else "messages",
    )


def _finish(told: str | None) -> Finish:
    word = (told or "").strip().lower()
    # `submitted (exit_cost)`: the agent was stopped, and what it had was handed in.
    if any(limit in word for limit in _LIMITS):
        return "length"
    return "stop" if word in ("submitted", "exit_forfeit") else "unknown"


FORMAT = SweBench()
