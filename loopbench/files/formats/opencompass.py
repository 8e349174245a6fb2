"""OpenCompass's predictions: a document of numbered items, or a line for each.

After `opencompass/openicl/icl_inferencer/icl_base_inferencer.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loopbench.files.finishes import finish_in, finish_of, raw_of
from loopbench.files.formats.common import id_of, mappings, model_of, object_of
from loopbench.files.outputs import FileOutput, Row, RowError

_TRIED = 8


class OpenCompass:
    """One output per prediction."""

    name = "opencompass"
    title = "OpenCompass's predictions"
    finish = "not told, unless an item has `finish_reason` or the like"

    def recognises(self, row: Row) -> bool:
        """See `Format.recognises`."""
        value = row.value
        if not isinstance(value, Mapping):
            return False
        first = list(value.values())[:_TRIED]
        return _is_item(value) or (bool(first) and all(_is_item(item) for item in first))

    def outputs(self, row: Row) -> Iterator[FileOutput]:
        """See `Format.outputs`."""
        value = object_of(row)
        if _is_item(value):
            yield from _predictions(value, id_of(value), "prediction")
            return
        if not value:
            raise RowError("it has no field 'prediction'")
        for name, item in value.items():
            if not isinstance(item, Mapping):
                raise RowError(f"its field {name!r} is no item with a prediction")
            yield from _predictions(item, str(name), f"[{name!r}].prediction")


def _is_item(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and "origin_prompt" in value
        and isinstance(value.get("prediction"), str | list)
    )


def _predictions(item: Mapping[str, Any], name: str | None, at: str) -> Iterator[FileOutput]:
    found, told = item.get("prediction"), finish_in(item)
    texts = found if isinstance(found, list) else [found]
    for repeat, text in enumerate(texts):
        field = f"{at}[{repeat}]" if isinstance(found, list) else at
        if not isinstance(text, str):
            raise RowError(f"its field {field!r} holds no text")
        yield FileOutput(
            text=text,
            finish=finish_of(told),
            raw_finish=raw_of(told),
            id=name,
            repeat=repeat,
            model=model_of(item),
            prompt=_prompt(item.get("origin_prompt")),
            field=field,
        )


def _prompt(asked: Any) -> str | None:
    if isinstance(asked, str):
        return asked
    turns = [p for turn in mappings(asked) if isinstance(p := turn.get("prompt"), str)]
    return "\n".join(turns) or None


FORMAT = OpenCompass()
