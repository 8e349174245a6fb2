"""HELM's `scenario_state.json`.

After `helm/benchmark/adaptation/request_state.py` and `helm/common/request.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loopbench.files.finishes import finish_of, raw_of
from loopbench.files.formats.chats import answer_text
from loopbench.files.formats.common import budget_of, first_text, mappings, object_of, prompt_of
from loopbench.files.outputs import FileOutput, Row, RowError


class Helm:
    """One output per completion of a request."""

    name = "helm"
    title = "HELM's scenario_state.json"
    finish = "`finish_reason.reason` of each completion, where the client kept it"

    def recognises(self, row: Row) -> bool:
        """See `Format.recognises`."""
        value = row.value
        if not isinstance(value, Mapping):
            return False
        states = list(mappings(value.get("request_states")))
        return bool(states) and any(isinstance(s.get("result"), Mapping) for s in states)

    def outputs(self, row: Row) -> Iterator[FileOutput]:
        """See `Format.outputs`."""
        value = object_of(row)
        if not isinstance(value.get("request_states"), list):
            raise RowError("its field 'request_states' is no list")
        spec = value.get("adapter_spec")
        for place, state in enumerate(mappings(value["request_states"])):
            yield from _completions(state, spec if isinstance(spec, Mapping) else {}, place)


def _completions(
    state: Mapping[str, Any], spec: Mapping[str, Any], place: int
) -> Iterator[FileOutput]:
    result, request, instance = (
        found if isinstance(found := state.get(name), Mapping) else {}
        for name in ("result", "request", "instance")
    )
    trial = state.get("train_trial_index")
    common: dict[str, Any] = {
        "id": first_text(instance, ("id",)),
        "model": first_text(request, ("model", "model_deployment")) or first_text(spec, ("model",)),
        "prompt": prompt_of(request),
        "budget": budget_of(request) or budget_of(spec),
    }
    at = f"request_states[{place}].result"
    if result.get("success") is False:
        error = first_text(result, ("error",)) or "its generation failed"
        yield FileOutput(finish="error", error=error, field=at, **common)
        return
    first = trial if type(trial) is int and 0 <= trial < 1 << 20 else 0
    for number, completion in enumerate(mappings(result.get("completions"))):
        field = f"{at}.completions[{number}].text"
        if not isinstance(text := completion.get("text"), str):
            raise RowError(f"its field {field!r} holds no text")
        thinking, told = completion.get("thinking"), completion.get("finish_reason")
        thoughts = thinking.get("text") if isinstance(thinking, Mapping) else None
        yield FileOutput(
            text=answer_text(thoughts, text),
            finish=finish_of(told),
            raw_finish=raw_of(told),
            repeat=first + number,
            field=field,
            **common,
        )


FORMAT = Helm()
