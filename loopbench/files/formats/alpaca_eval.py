"""AlpacaEval's model outputs, and its annotations, which hold the outputs of two models.

After the files under `results/` of tatsu-lab/alpaca_eval.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loopbench.files.finishes import finish_in, finish_of, raw_of
from loopbench.files.formats.common import budget_of, first_text, id_of, object_of, tokens_of
from loopbench.files.outputs import FileOutput, Row, RowError

_SIDES = ("output_1", "output_2")


class AlpacaEval:
    """One output per row of a model, two per annotation."""

    name = "alpaca_eval"
    title = "AlpacaEval's model_outputs.json and annotations"
    finish = "not told, unless a row has `finish_reason` or the like"

    def recognises(self, row: Row) -> bool:
        """See `Format.recognises`."""
        value = row.value
        if not isinstance(value, Mapping) or not isinstance(value.get("instruction"), str):
            return False
        if all(isinstance(value.get(side), str) for side in _SIDES):
            return True
        return isinstance(value.get("output"), str) and isinstance(value.get("generator"), str)

    def outputs(self, row: Row) -> Iterator[FileOutput]:
        """See `Format.outputs`."""
        value = object_of(row)
        if "output_1" in value or "output_2" in value:
            yield from self._sides(value)
            return
        told = finish_in(value)
        yield FileOutput(
            text=_text(value, "output"),
            finish=finish_of(told),
            raw_finish=raw_of(told),
            model=first_text(value, ("generator",)),
            budget=budget_of(value),
            output_tokens=tokens_of(value),
            field="output",
            **_common(value),
        )

    def _sides(self, value: Mapping[str, Any]) -> Iterator[FileOutput]:
        models = [first_text(value, (f"generator_{side}",)) for side in (1, 2)]
        for place, side in enumerate(_SIDES):
            yield FileOutput(
                text=_text(value, side),
                model=models[place],
                repeat=place if models[0] == models[1] else 0,
                field=side,
                **_common(value),
            )


def _text(value: Mapping[str, Any], name: str) -> str:
    if not isinstance(text := value.get(name), str):
        raise RowError(f"its field {name!r} holds no text")
    return text


def _common(value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": id_of(value),
        "prompt": first_text(value, ("instruction",)),
        "task": first_text(value, ("dataset", "datasplit")),
    }


FORMAT = AlpacaEval()
