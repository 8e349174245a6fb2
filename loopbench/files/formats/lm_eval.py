"""lm-eval's logged samples, current and old.

Read: what `--log_samples` of versions 0.4.0 to 0.4.12 writes (`evaluator.py`,
`loggers/evaluation_tracker.py`), and the `*_write_out_info.json` of 2023, whose field `logit_0`
holds a text where the task generates. A document has a line per filter, each with the same
responses, which count once. Texts are those before any filter, but lm-eval cuts them at stop
strings and says nothing of the end; `loopbench lm-eval` writes beside them what the engine said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from loopbench.files.finishes import finish_of, raw_of
from loopbench.files.formats.base import Format
from loopbench.files.formats.common import are_ids, budget_of, first_text, mappings, task_of
from loopbench.files.outputs import FileOutput, Row, RowError

DEFAULT_BUDGET = 256
"""Tokens that lm-eval allows where neither the task nor the user says how many."""
_FILE = re.compile(
    r"samples_(.+)_\d{4}-\d\d-\d\dT[\d.:-]+\.jsonl|(.+)_(?:write_out_info|samples)\.jsonl?"
)
_OLD = re.compile(r"logit_\d{1,6}")
_NUMBER = re.compile(r"[(\[]?-\d{1,9}\.\d+(?:e[-+]?\d+)?(?:, (?:True|False))?[)\]]?")
_LIKELIHOODS = "it compares likelihoods and holds no generated text"


class LmEval:
    """Samples that lm-eval logged."""

    name = "lm_eval"
    title = "lm-eval's samples of `--log_samples`, current and old"
    finish = "not told, but in files of `loopbench lm-eval`"

    def recognises(self, row: Row) -> bool:
        """See `Format.recognises`."""
        value = row.value
        if not isinstance(value, dict) or "doc_id" not in value:
            return False
        return (
            isinstance(value.get("resps", value.get("filtered_resps")), list) or "logit_0" in value
        )

    def opened(self) -> Format:
        """See `PerFile.opened`."""
        return _OneFile()

    def outputs(self, row: Row) -> Iterator[FileOutput]:
        """See `Format.outputs`."""
        value = row.value
        if not isinstance(value, dict):
            raise RowError("it is no object")
        about: dict[str, Any] = {
            "id": first_text(value, ("doc_id",)),
            "task": task_of(value) or _task(row),
            "model": _model(row),
            "prompt_hash": first_text(value, ("prompt_hash",)),
        }
        if isinstance(value.get("resps"), list):
            yield from _responses(value, about)
        elif "logit_0" in value:
            yield from _old(value, about)
        elif "filtered_resps" in value:
            raise RowError(
                "it has only what a filter left of its responses; name that with "
                "--text-field filtered_resps to read it all the same"
            )
        else:
            raise RowError("it has no list in its field 'resps'")


class _OneFile(LmEval):
    """The samples of one file, each with its responses once."""

    def __init__(self) -> None:
        self._seen: dict[int, int] = {}

    def outputs(self, row: Row) -> Iterator[FileOutput]:
        found = list(super().outputs(row))
        # Old versions do not name the filter: the same responses are then those of another.
        name = row.value.get("filter")
        texts = tuple(output.text for output in found)
        task = first_text(row.context, ("task",))
        which = hash((task, name is None and texts, *_document(row.value)))
        if name is None and which in self._seen:
            return
        if self._seen.setdefault(which, hash(str(name))) == hash(str(name)):
            yield from found


def _document(value: Mapping[str, Any]) -> Iterator[str | None]:
    for field in ("doc_id", "task_name", "prompt_hash", "doc_hash"):
        yield first_text(value, (field,))
    if "prompt_hash" not in value:
        yield _prompt(_requests(value)[:1])


def _responses(value: Mapping[str, Any], about: dict[str, Any]) -> Iterator[FileOutput]:
    requests = _requests(value)
    texts = list(_texts(value["resps"], requests))
    beside = list(mappings(value.get("loopbench")))
    about["prompt"] = _prompt(requests)
    for repeat, (at, text) in enumerate(texts):
        budget, default = _budget(requests[at] if at < len(requests) else [])
        about |= {"repeat": repeat, "budget": budget, "budget_default": default}
        if text is None:
            yield FileOutput(finish="error", error="no response was logged", **about)
        else:
            said = beside[repeat] if len(beside) == len(texts) else {}
            yield FileOutput(field=f"resps[{at}]", **_said(text, said), **about)


def _said(text: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return an output with what `loopbench lm-eval` wrote beside it."""
    raw, ids, chars = said.get("raw"), said.get("token_ids"), said.get("token_chars")
    whole = raw if isinstance(raw, str) else text
    found: dict[str, Any] = {"text": whole}
    if are_ids(ids):
        found["token_ids"] = ids
        if are_ids(chars) and len(chars) == len(ids) and min(chars) >= 0:
            found["token_chars"] = chars if sum(chars) == len(whole) else None
    word = said.get("finish")
    found["finish"] = finish_of(word)
    found["raw_finish"] = raw_of(said.get("raw_finish")) or raw_of(word)
    return found


def _texts(resps: list[Any], requests: list[list[Any]]) -> Iterator[tuple[int, str | None]]:
    """Yield the texts of all requests of a document, each with the number of its request."""
    for at, found in enumerate(resps):
        request = requests[at] if at < len(requests) else []
        # The second argument of a request to generate is its settings, not a continuation.
        if len(request) > 1 and not isinstance(request[1], dict | None):
            raise RowError(_LIKELIHOODS)
        for text in found if isinstance(found, list) else [found]:
            if isinstance(text, list) and len(text) == 1:
                (text,) = text
            if isinstance(text, list | int | float):
                raise RowError(_LIKELIHOODS)
            if text is not None and not isinstance(text, str):
                raise RowError("its field 'resps' holds something that is no text")
            if text and len(request) == 1 and _is_likelihood(text):
                raise RowError(_LIKELIHOODS)
            yield at, text


def _requests(value: Mapping[str, Any]) -> list[list[Any]]:
    """Return the arguments of each request: lists of lists, or objects `gen_args_0.arg_1`."""
    found = value.get("arguments")
    requests = list(found.values()) if isinstance(found, dict) else found
    if not isinstance(requests, list):
        return []
    return [
        list(one.values()) if isinstance(one, dict) else one if isinstance(one, list) else []
        for one in requests
    ]


def _prompt(requests: list[list[Any]]) -> str | None:
    first = requests[0][0] if requests and requests[0] else None
    # A chat is logged as JSON, in some versions inside a list.
    if isinstance(first, list) and len(first) == 1:
        (first,) = first
    return first if isinstance(first, str) and first else None


def _budget(request: list[Any]) -> tuple[int | None, bool]:
    """Return most tokens of a response, and whether that is what lm-eval takes unasked."""
    settings = request[1] if len(request) > 1 else None
    if not isinstance(settings, dict):
        return None, False
    found = budget_of(settings)
    return (DEFAULT_BUDGET, True) if found is None else (found, False)


def _old(value: Mapping[str, Any], about: dict[str, Any]) -> Iterator[FileOutput]:
    """Yield the texts of a row of 2023, when likelihoods and texts had the same fields."""
    names = [name for name in value if _OLD.fullmatch(name)]
    for repeat, name in enumerate(names):
        text = value[name]
        if not isinstance(text, str) or _is_likelihood(text):
            raise RowError(_LIKELIHOODS)
        prompt = first_text(value, (name.replace("logit", "prompt"),))
        yield FileOutput(text=text, repeat=repeat, prompt=prompt, field=name, **about)


def _is_likelihood(text: str) -> bool:
    """Whether it is a logarithm as a text, alone or with whether it was the likeliest."""
    # A short answer may be a number, but no likelihood of a text is above zero.
    return _NUMBER.fullmatch(text[:80]) is not None


def _task(row: Row) -> str | None:
    told = row.context.get("task")
    match = _FILE.fullmatch(_base(row))
    return told if isinstance(told, str) else (match[1] or match[2]) if match else None


def _base(row: Row) -> str:
    name = PurePath(row.file).name
    for suffix in (".gz", ".zst"):
        name = name.removesuffix(suffix)
    return name


def _model(row: Row) -> str | None:
    """Return the folder's name, where lm-eval made it of the name of a model."""
    match = _FILE.fullmatch(_base(row))
    folder = PurePath(row.file).parent.name
    return folder if match and match[1] and "__" in folder else None


FORMAT = LmEval()
