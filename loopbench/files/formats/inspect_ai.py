"""inspect_ai's logs: `.eval` archives and `.json` documents, one output per sample and epoch.

After what version 0.3.285 writes (`log/_log.py`, `model/_model_output.py`); the form of samples
is the same in its first logs. The archive is read member by member, without inspect's own reader:
that holds all samples with all their events, some hundred times the text of the outputs. A test
compares the two where inspect_ai is installed.

The turns of an agent's sample are joined in their order, without what its prompt said for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loopbench.files.finishes import finish_in, finish_of, raw_of
from loopbench.files.formats.chats import prompt_in, role_of, said
from loopbench.files.formats.common import budget_of, count, first_text, mappings, tokens_of
from loopbench.files.outputs import FileOutput, Row, RowError

_BY_PEOPLE = frozenset({"operator", "custom"})
"""Limits that say nothing about how long the output was."""


class InspectAI:
    """Samples of inspect_ai's logs."""

    name = "inspect_ai"
    title = "inspect_ai's logs, `.eval` and `.json`"
    finish = "`stop_reason`, and the limit of the sample"

    def recognises(self, row: Row) -> bool:
        """See `Format.recognises`."""
        value = row.value
        if not isinstance(value, dict):
            return False
        if _is_log(value):
            return not value.get("samples")
        return {"epoch", "input"} <= set(value) and not {"output", "messages"}.isdisjoint(value)

    def outputs(self, row: Row) -> Iterator[FileOutput]:
        """See `Format.outputs`."""
        value = row.value
        if not isinstance(value, dict):
            raise RowError("it is no object")
        if _is_log(value):
            raise RowError("this log of inspect_ai holds no samples")
        output = value.get("output")
        output = output if isinstance(output, dict) else {}
        about = _about(value, output, row.context)
        if (error := _message(value.get("error"))) or (error := _message(output.get("error"))):
            yield FileOutput(finish="error", error=error, **about)
            return
        choices = list(mappings(output.get("choices")))
        turns = _turns(value)
        if not choices and not turns:
            if "choices" not in output and not isinstance(output.get("completion"), str):
                raise RowError("its field 'output' has no choices")
            yield FileOutput(
                text=str(output.get("completion") or ""), field="output.completion", **about
            )
            return
        if len(turns) > 1 and len(choices) < 2:
            yield _joined(value, turns, choices, about)
            return
        if len(choices) == 1:
            about["output_tokens"] = tokens_of(output)
        # All choices of a sample belong to its epoch.
        first = about.pop("repeat") * max(1, len(choices))
        for at, choice in enumerate(choices or [{"message": turns[0]}]):
            message = choice.get("message")
            word = finish_in(choice)
            yield FileOutput(
                text=(said(message) if isinstance(message, dict) else None) or "",
                **_end(value, word),
                repeat=first + at,
                budget=_budget(row.context),
                field=f"output.choices[{at}].message" if choices else "messages",
                **about,
            )


def _is_log(value: Mapping[str, Any]) -> bool:
    """Whether it is a whole log, whose samples are rows of their own."""
    return isinstance(value.get("eval"), dict) and {"version", "plan"} <= set(value)


def _about(
    value: Mapping[str, Any], output: Mapping[str, Any], context: Mapping[str, Any]
) -> dict[str, Any]:
    header = context.get("eval")
    header = header if isinstance(header, dict) else {}
    asked = value.get("input")
    return {
        "id": first_text(value, ("id", "uuid")),
        "repeat": (count(value.get("epoch")) or 1) - 1,
        "model": first_text(header, ("model",)) or first_text(output, ("model",)),
        "task": first_text(header, ("task",)),
        "prompt": asked if isinstance(asked, str) and asked else prompt_in(asked),
    }


def _message(error: Any) -> str | None:
    if isinstance(error, dict):
        return first_text(error, ("message",)) or "the sample failed"
    return error if isinstance(error, str) and error else None


def _turns(value: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what the model said, not what the prompt said in its name."""
    return [
        turn
        for turn in mappings(value.get("messages"))
        if role_of(turn) == "assistant" and turn.get("source") != "input"
    ]


def _joined(
    value: Mapping[str, Any],
    turns: list[Mapping[str, Any]],
    choices: list[Mapping[str, Any]],
    about: dict[str, Any],
) -> FileOutput:
    texts = [said(turn) or "" for turn in turns]
    last = choices[0].get("message") if choices else None
    word = finish_in(choices[0]) if choices else None
    if isinstance(last, dict) and (final := said(last)) and final != texts[-1]:
        texts.append(final)
    usage = [tokens_of({"usage": one}) for one in _values(value.get("model_usage"))]
    return FileOutput(
        text="\n".join(texts),
        **_end(value, word),
        output_tokens=sum(n for n in usage if n) or None,
        field="messages",
        **about,
    )


def _values(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else []


def _end(value: Mapping[str, Any], word: Any) -> dict[str, Any]:
    """Return why an output ended; a limit of the sample counts before its last turn."""
    limit = value.get("limit")
    kind = raw_of(limit)
    if kind is not None and kind not in _BY_PEOPLE:
        return {"finish": "length", "raw_finish": f"limit of {kind}"[:80]}
    return {"finish": finish_of(word), "raw_finish": raw_of(word)}


def _budget(context: Mapping[str, Any]) -> int | None:
    """Return most tokens of a turn, as the header says it."""
    for name in ("plan", "eval"):
        part = context.get(name)
        if isinstance(part, dict):
            for inner in ("config", "model_generate_config"):
                settings = part.get(inner)
                if isinstance(settings, dict) and (found := budget_of(settings)):
                    return found
    return None


FORMAT = InspectAI()
