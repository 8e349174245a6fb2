"""Results and scores of the Berkeley function calling leaderboard.

After its writer `bfcl_eval/model_handler/base_handler.py`, and the older result files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from loopbench.files.formats.chats import answer_text, call_text
from loopbench.files.formats.common import count, id_of, mappings, model_of, object_of
from loopbench.files.outputs import FileOutput, Row, RowError
from loopbench.types import Finish

_MARKS = frozenset(
    ("input_token_count", "output_token_count", "inference_log", "latency", "traceback")
)
_CATEGORY = re.compile(
    r"(live_)?(simple|multiple|parallel|java|javascript|rest|exec|executable|irrelevance|relevance"
    r"|chatable|sql|multi_turn|memory|web_search|format_sensitivity)(_|$)"
)
_CATEGORY_FOLDER = re.compile(r"live|non_live|multi_turn|agentic|memory|kv|vector|rec_sum")
_ROOT = re.compile(r"results?|scores?|result-BFCL|score-BFCL|[./]+")
_FILE = re.compile(
    r"(?:BFCL_v\d+|gorilla_openfunctions_v1_test)_(\w+?)(?:_result|_score)?\.json[^/\\]*$"
)
_RAW = ("model_result_raw", "model_result")
_SUMMARY = frozenset(("accuracy", "correct_count", "total_count"))
"""Fields of the first line of a file of scores."""
_FAILED = "Error during inference:"
_MOST_STEPS = 20
"""Steps of one turn; with one more the harness gives up."""
_FORCED = "forced to quit"
"""What it then writes into its log."""
_NESTED = 8


class Bfcl:
    """One output per row; the steps of a conversation follow one another in it."""

    name = "bfcl"
    title = "results and scores of the Berkeley function calling leaderboard"
    finish = "not told; `length` where a turn used up its steps"

    def recognises(self, row: Row) -> bool:
        """See `Format.recognises`."""
        value = row.value
        if not isinstance(value, Mapping):
            return False
        if "valid" in value and "test_category" in value:
            return any(value.get(name) is not None for name in _RAW)
        if value.keys() >= _SUMMARY:
            return True  # where all were right, it is all that there is
        named = value.get("id", value.get("idx"))
        if not isinstance(named, str | int) or value.get("result") is None:
            return False
        # `latency` alone says little: others measure it too.
        if len(_MARKS & value.keys()) > 1 or "inference_log" in value:
            return True
        known = _CATEGORY.match(str(named)) or _FILE.search(row.file)
        return bool(known) and value.keys() <= {"id", "idx", "result", *_MARKS}

    def outputs(self, row: Row) -> Iterator[FileOutput]:
        """See `Format.outputs`."""
        value = object_of(row)
        field = next((n for n in ("result", *_RAW) if value.get(n) is not None), None)
        if field is None:
            if value.keys() >= _SUMMARY:
                return
            raise RowError("it has neither a field 'result' nor 'model_result_raw'")
        result = value[field]
        common: dict[str, Any] = {
            "id": id_of(value),
            "model": model_of(value) or _model(row.file),
            "task": _task(value, row.file),
            "field": field,
        }
        if failed := _failure(result):
            yield FileOutput(finish="error", error=failed, **common)
            return
        finish: Finish = "length" if _gave_up(value, result) else "unknown"
        yield FileOutput(
            text=_text(result, value.get("reasoning_content")),
            finish=finish,
            output_tokens=count(_total(value.get("output_token_count"))),
            **common,
        )


def _task(value: Mapping[str, Any], file: str) -> str | None:
    told = value.get("test_category")
    if isinstance(told, str):
        return told
    name = value.get("id")
    if isinstance(name, str) and _CATEGORY.match(name):
        return re.sub(r"_\d[\d-]*$", "", name)
    found = _FILE.search(file)
    return found[1] if found else None


def _model(file: str) -> str | None:
    """Return the model from where the file lies: `result/MODEL/…/BFCL_v4_simple_result.json`."""
    if not _FILE.search(file):
        return None
    folders = list(PurePath(file).parts[:-1])
    while folders and _CATEGORY_FOLDER.fullmatch(folders[-1]):
        folders.pop()
    return folders[-1] if folders and not _ROOT.fullmatch(folders[-1]) else None


def _failure(result: Any) -> str | None:
    if isinstance(result, str) and result.startswith(_FAILED):
        return result.removeprefix(_FAILED).strip() or "it failed during inference"
    # What Vertex answers where a filter left nothing.
    if isinstance(result, Mapping) and isinstance(reason := result.get("finishReason"), str):
        return f"the answer was withheld: {reason}"
    return None


def _gave_up(value: Mapping[str, Any], result: Any) -> bool:
    """Return whether the harness ended the last turn, as its log says or its steps tell."""
    if not _has_turns(result):
        return False
    turns = list(mappings(value.get("inference_log")))
    if not turns:
        return len(result[-1]) > _MOST_STEPS
    steps = [step for step in turns[-1].values() if isinstance(step, list)]
    notes = [note.get("content") for note in mappings(steps[-1])] if steps else []
    return any(isinstance(note, str) and _FORCED in note for note in notes)


def _has_turns(result: Any) -> bool:
    return isinstance(result, list) and bool(result) and all(isinstance(t, list) for t in result)


def _text(result: Any, thoughts: Any) -> str:
    if not _has_turns(result):
        return _answer(thoughts, result)
    steps = []
    for turn, answers in enumerate(result):
        for step, answer in enumerate(answers):
            steps.append(_answer(_at(_at(thoughts, turn), step), answer))
    return "\n".join(step for step in steps if step)


def _answer(thoughts: Any, answer: Any) -> str:
    if isinstance(answer, str):
        return answer_text(thoughts, answer)
    return answer_text(thoughts, None, _parts(answer))


def _at(value: Any, place: int) -> Any:
    return value[place] if isinstance(value, list) and place < len(value) else None


def _parts(answer: Any, depth: int = 0) -> Iterator[str]:
    """Yield the texts and calls of one answer.

    Raises
    ------
    RowError
        If it is neither text nor calls, or nested too deep.
    """
    if isinstance(answer, str):
        yield answer
    elif isinstance(answer, Mapping):
        if isinstance(name := answer.get("name"), str) and answer.keys() & {
            "arguments",
            "parameters",
        }:
            yield call_text(name, answer.get("arguments", answer.get("parameters")))
            return
        for name, arguments in answer.items():
            yield call_text(name, arguments)
    elif isinstance(answer, list) and depth < _NESTED:
        for one in answer:
            yield from _parts(one, depth + 1)
    elif answer is not None:
        raise RowError("its field 'result' holds neither text nor calls")


def _total(counts: Any, depth: int = 0) -> Any:
    if isinstance(counts, list) and depth < _NESTED:
        totals = [_total(count, depth + 1) for count in counts]
        return sum(t for t in totals if isinstance(t, int | float) and 0 <= t < 1 << 40)
    return counts


FORMAT = Bfcl()
