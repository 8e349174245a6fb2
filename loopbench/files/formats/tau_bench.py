"""Trajectories of tau-bench and tau2-bench.

After their writers: `tau_bench/run.py` and `types.py`, and `tau2/data_model/simulation.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loopbench.files.formats.chats import said
from loopbench.files.formats.common import first_text, mappings, object_of
from loopbench.files.outputs import FileOutput, Row, RowError
from loopbench.types import Finish

_ENDS: dict[str, Finish] = {
    "user_stop": "stop",
    "agent_stop": "stop",
    # Each of these stopped what would have gone on.
    "max_steps": "length",
    "too_many_errors": "length",
    "context_window_exceeded": "length",
    "timeout": "length",
}


class TauBench:
    """One output per trajectory: what the agent said and called, turn after turn."""

    name = "tau_bench"
    title = "trajectories of tau-bench and tau2-bench"
    finish = "`termination_reason` of tau2-bench; tau-bench does not tell"

    def recognises(self, row: Row) -> bool:
        """See `Format.recognises`."""
        value = row.value
        if not isinstance(value, Mapping):
            return False
        if isinstance(value.get("traj"), list):
            return "task_id" in value and "reward" in value
        if isinstance(runs := value.get("simulations"), list):
            return any(_is_run(run) for run in mappings(runs)) or (not runs and "tasks" in value)
        return _is_run(value)

    def outputs(self, row: Row) -> Iterator[FileOutput]:
        """See `Format.outputs`."""
        value = object_of(row)
        if isinstance(runs := value.get("simulations"), list):
            for place, run in enumerate(mappings(runs)):
                yield _simulation(run, value.get("info"), f"simulations[{place}].messages")
        elif isinstance(value.get("traj"), list):
            yield _trajectory(value)
        elif "termination_reason" in value:
            yield _simulation(value, value.get("info"), "messages")
        else:
            raise RowError("it has no list 'traj' or 'simulations'")


def _is_run(value: Mapping[str, Any]) -> bool:
    return "termination_reason" in value and "task_id" in value and "messages" in value


def _trajectory(value: Mapping[str, Any]) -> FileOutput:
    info = value.get("info")
    error = info.get("error") if isinstance(info, Mapping) else None
    common: dict[str, Any] = {
        "id": first_text(value, ("task_id",)),
        "repeat": _trial(value),
        "field": "traj",
    }
    if isinstance(error, str) and not value["traj"]:
        return FileOutput(finish="error", error=error or "it failed", **common)
    return FileOutput(text=_text(value["traj"], "traj"), **common)


def _simulation(value: Mapping[str, Any], info: Any, field: str) -> FileOutput:
    info = info if isinstance(info, Mapping) else {}
    told = first_text(value, ("termination_reason",))
    common: dict[str, Any] = {
        "id": first_text(value, ("task_id", "id")),
        "repeat": _trial(value),
        "model": _inner(info, "agent_info", "llm"),
        "task": _inner(info, "environment_info", "domain_name"),
        "raw_finish": told,
        "field": field,
    }
    ended = _ENDS.get((told or "").rsplit(".", 1)[-1].lower())
    text = _text(value.get("messages"), field)
    if not text and ended is None:
        return FileOutput(finish="error", error=told or "it has no messages", **common)
    return FileOutput(text=text, finish=ended or "unknown", **common)


def _text(messages: Any, field: str) -> str:
    if not isinstance(messages, list):
        raise RowError(f"its field {field!r} is no list of messages")
    turns = (said(m) for m in mappings(messages) if m.get("role") == "assistant")
    return "\n".join(turn for turn in turns if turn)


def _trial(value: Mapping[str, Any]) -> int:
    trial = value.get("trial")
    return trial if type(trial) is int and 0 <= trial < 1 << 31 else 0


def _inner(value: Mapping[str, Any], *names: str) -> str | None:
    for name in names:
        found = value.get(name)
        if isinstance(found, str):
            return found
        value = found if isinstance(found, Mapping) else {}
    return None


FORMAT = TauBench()
