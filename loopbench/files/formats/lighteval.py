"""lighteval's details, new and old.

Read: the writers of versions 0.4 to 0.9 (`logging/info_loggers.py`), whose parquet files hold
every column as Python wrote it down (`predictions` is the text `['…']`), and those from 0.10 on,
where `model_response` and `doc` are nested.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from loopbench.files.formats.chats import prompt_in
from loopbench.files.formats.common import are_ids, count, first_text
from loopbench.files.outputs import FileOutput, Row, RowError

_FILE = re.compile(r"details_(.+)_\d{4}-\d\d-\d\dT[\d.:-]+\.parquet")
_DATE = re.compile(r"\d{4}-\d\d-\d\dT[\d.:-]+")
_LIKELIHOODS = "it compares likelihoods and holds no generated text"


class Lighteval:
    """Details of lighteval."""

    name = "lighteval"
    title = "lighteval's details, `details_*.parquet`"
    finish = "not told"

    def recognises(self, row: Row) -> bool:
        """See `Format.recognises`."""
        value = row.value
        if not isinstance(value, dict):
            return False
        if isinstance(value.get("model_response"), dict):
            return isinstance(value.get("doc"), dict)
        return {"full_prompt", "predictions"} <= set(value) and bool(
            {"cont_tokens", "input_tokens", "num_asked_few_shots"} & set(value)
        )

    def outputs(self, row: Row) -> Iterator[FileOutput]:
        """See `Format.outputs`."""
        value = row.value
        if not isinstance(value, dict):
            raise RowError("it is no object")
        about: dict[str, Any] = {"task": _task(row), "model": _model(row)}
        if isinstance(response := value.get("model_response"), dict):
            yield from _new(response, value.get("doc"), about)
        elif "predictions" in value:
            yield from _old(value, about)
        else:
            raise RowError("it has neither 'model_response' nor 'predictions'")


def _new(response: Mapping[str, Any], doc: Any, about: dict[str, Any]) -> Iterator[FileOutput]:
    doc = doc if isinstance(doc, dict) else {}
    texts = response.get("text")
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise RowError("its field 'model_response.text' is no list of texts")
    if not texts:
        if response.get("logprobs"):
            raise RowError(_LIKELIHOODS)
        raise RowError("its field 'model_response.text' is empty")
    asked = response.get("input")
    about |= {
        "id": first_text(doc, ("id",)),
        "task": first_text(doc, ("task_name",)) or about["task"],
        "prompt": (asked if isinstance(asked, str) else prompt_in(asked))
        or first_text(doc, ("query",)),
        "budget": count(doc.get("generation_size")),
    }
    reasonings, tokens = response.get("reasonings"), response.get("output_tokens")
    for repeat, text in enumerate(texts):
        before = _at(reasonings, repeat, len(texts))
        ids = _at(tokens, repeat, len(texts))
        thought = before if isinstance(before, str) else ""
        yield FileOutput(
            text=thought + text,
            # The ids are those of the text alone.
            token_ids=ids if are_ids(ids) and not thought else None,
            repeat=repeat,
            field=f"model_response.text[{repeat}]",
            **about,
        )


def _old(value: Mapping[str, Any], about: dict[str, Any]) -> Iterator[FileOutput]:
    texts = _written(value["predictions"])
    if not isinstance(texts, list):
        raise RowError("its field 'predictions' is no list of texts")
    if not texts or not all(isinstance(text, str) for text in texts):
        raise RowError(_LIKELIHOODS)
    tokens = _written(value.get("cont_tokens"))
    asked = value.get("full_prompt")
    for repeat, text in enumerate(texts):
        ids = _at(tokens, repeat, len(texts))
        yield FileOutput(
            text=text,
            token_ids=ids if are_ids(ids) else None,
            repeat=repeat,
            prompt=asked if isinstance(asked, str) and asked else None,
            field=f"predictions[{repeat}]",
            **about,
        )


def _written(value: Any) -> Any:
    """Return a value that Python wrote down; None where that cannot be understood."""
    if not isinstance(value, str):
        return value
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _at(values: Any, number: int, wanted: int) -> Any:
    """Return one of a list, if that has as many elements as there are outputs."""
    return values[number] if isinstance(values, list) and len(values) == wanted else None


def _task(row: Row) -> str | None:
    match = _FILE.fullmatch(PurePath(row.file).name)
    return match[1] if match else None


def _model(row: Row) -> str | None:
    """Return the model of a path `details/OWNER/NAME/DATE/details_TASK_DATE.parquet`."""
    parts = PurePath(row.file).parts[:-1]
    if not _task(row) or "details" not in parts[:-1]:
        return None
    inner = parts[len(parts) - parts[::-1].index("details") :]
    return "/".join(inner[:-1] if _DATE.fullmatch(inner[-1]) else inner) or None


FORMAT = Lighteval()
