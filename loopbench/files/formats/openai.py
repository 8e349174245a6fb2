"""Answers of OpenAI and of servers that speak as it does, whole as they came.

Chat completions, plain completions, the Responses API and answers to a batch; also rows that keep
such an answer under a field. Fields after the published API reference, and what vLLM 0.10,
llama-server and SGLang add to it: `reasoning_content`, `reasoning`, `token_ids`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loopbench.files.chunks import joined
from loopbench.files.finishes import finish_in, finish_of, raw_of
from loopbench.files.formats.chats import (
    asked_in,
    budget_in,
    content_of,
    error_in,
    kept,
    said,
)
from loopbench.files.formats.common import (
    are_ids,
    first_text,
    id_of,
    mappings,
    model_of,
    task_of,
    tokens_of,
)
from loopbench.files.outputs import FileOutput, Row, RowError, Skipped
from loopbench.files.streamed import openai_chunk, openai_join

_OBJECTS = frozenset({"chat.completion", "text_completion", "response"})
_CHUNKS = frozenset({"chat.completion.chunk", "text_completion.chunk"})
_ITEMS = frozenset({"message", "reasoning", "function_call", "custom_tool_call"})
_BESIDE = ("finish_reason", "index", "logprobs")
"""What a choice of a plain completion has besides its text; choices of a question have none."""


class OpenAI:
    """Whole answers of OpenAI's interfaces."""

    name = "openai"
    title = (
        "answers and saved streams of OpenAI's interfaces: chat, completions, Responses, batches"
    )
    finish = "`finish_reason`, `status` and `incomplete_details`"

    def recognises(self, row: Row) -> bool:
        """See `Format.recognises`."""
        value = row.value
        return isinstance(value, dict) and (
            _is_batch(value)
            or _is_event(value)
            or (not _is_sample(value) and bool(kept(value, _is_answer)))
        )

    def grouped(self, rows: Iterator[Row | Skipped]) -> Iterator[Row | Skipped]:
        """See `Grouping.grouped`."""
        return joined(rows, openai_chunk, openai_join)

    def outputs(self, row: Row) -> Iterator[FileOutput]:
        """See `Format.outputs`."""
        value = row.value
        if not isinstance(value, dict):
            raise RowError("it is no object")
        answers = kept(value, _is_answer)
        about: dict[str, Any] = {
            "id": first_text(value, ("custom_id",)) or id_of(value),
            "task": task_of(value),
            "prompt": asked_in(value),
        }
        if not answers:
            if not _is_event(value):
                yield _failed(value, about)
            return
        repeat = 0
        for place, answer in answers:
            about["model"] = model_of(answer) or model_of(value)
            about["budget"] = budget_in(value, answer)
            for output in _outputs(answer, place):
                yield _numbered(output, repeat, about)
                repeat += 1


def _numbered(fields: dict[str, Any], repeat: int, about: dict[str, Any]) -> FileOutput:
    return FileOutput(repeat=repeat, **fields, **about)


def _is_answer(value: Mapping[str, Any]) -> bool:
    if _kind(value) in _OBJECTS | _CHUNKS:
        return True
    choices = _choices(value)
    if choices:
        one = choices[0]
        return (
            isinstance(one.get("message"), dict)
            or isinstance(one.get("delta"), dict)
            or (isinstance(one.get("text"), str) and any(name in one for name in _BESIDE))
        )
    items = list(mappings(value.get("output")))
    return bool(items) and "status" in value and all(_is_item(item) for item in items)


def _is_event(value: Mapping[str, Any]) -> bool:
    """Whether it is an event of a stream of the Responses API, of which the last holds it all."""
    kind = value.get("type")
    return isinstance(kind, str) and kind.startswith("response.") and "sequence_number" in value


def _kind(value: Mapping[str, Any]) -> str:
    kind = value.get("object")
    return kind if isinstance(kind, str) else ""


def _is_item(item: Mapping[str, Any]) -> bool:
    kind = item.get("type")
    return isinstance(kind, str) and (kind in _ITEMS or kind.endswith("_call"))


def _is_batch(value: Mapping[str, Any]) -> bool:
    """Whether it is an answer to one request of a batch, a failed one too."""
    return "custom_id" in value and "response" in value and "error" in value


def _is_sample(value: Mapping[str, Any]) -> bool:
    """Whether it is a sample of inspect_ai, whose output has choices too."""
    return "epoch" in value and "messages" in value


def _choices(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(mappings(answer.get("choices")))


def _failed(value: Mapping[str, Any], about: dict[str, Any]) -> FileOutput:
    response = value.get("response")
    body = response.get("body") if isinstance(response, dict) else None
    error = error_in(body, response, value)
    if error is None:
        status = response.get("status_code") if isinstance(response, dict) else None
        if not isinstance(status, int) or status == 200:
            raise RowError("its field 'response' holds no answer with choices or output")
        error = f"the server answered with status {status}"
    return FileOutput(finish="error", error=error, model=model_of(value), **about)


def _outputs(answer: Mapping[str, Any], place: str) -> Iterator[dict[str, Any]]:
    """Yield what each output of an answer has of its own."""
    if "choices" not in answer and isinstance(answer.get("output"), list):
        # The events before the last hold an answer that has only begun.
        if answer.get("status") not in ("in_progress", "queued"):
            yield _response(answer, place)
        return
    if _kind(answer) in _CHUNKS and not _choices(answer):
        return  # the last chunk of a stream holds counts
    choices = _choices(answer)
    if not choices and (error := error_in(answer)):
        yield {"finish": "error", "error": error}
    elif not choices:
        raise RowError(f"its field {place + 'choices'!r} holds no answer")
    for at, choice in enumerate(choices):
        yield _choice(choice, f"{place}choices[{at}].", answer, len(choices) == 1)


def _choice(
    choice: Mapping[str, Any], place: str, answer: Mapping[str, Any], alone: bool
) -> dict[str, Any]:
    message = choice.get("message", choice.get("delta"))
    if isinstance(message, dict):
        text, field = said(message) or "", "message.content"
    elif isinstance(choice.get("text"), str):
        text, field = choice["text"], "text"
    else:
        raise RowError(f"its field {place[:-1]!r} has neither message nor text")
    word = finish_in(choice)
    ids = choice.get("token_ids")
    return {
        "text": text,
        "token_ids": ids if are_ids(ids) else None,
        "finish": finish_of(word),
        "raw_finish": raw_of(word),
        "output_tokens": tokens_of(answer) if alone else None,
        "field": place + field,
    }


def _response(answer: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Return the output of the Responses API, whose items are joined in their order."""
    parts: list[Any] = []
    for item in mappings(answer.get("output")):
        kind = item.get("type")
        if kind == "message":
            parts.append(content_of(item) or "")
        elif kind == "reasoning":
            # The reasoning itself where the server shows it, else its summary.
            parts += [next((p for n in ("content", "summary") if (p := _texts(item.get(n)))), "")]
        elif isinstance(kind, str) and ("name" in item or "arguments" in item):
            parts.append({**item, "type": "function_call"})
    details, status = answer.get("incomplete_details"), answer.get("status")
    word = (raw_of(details) if isinstance(details, dict) else None) or raw_of(status)
    error = error_in(answer)
    finish = "error" if error and status == "failed" else finish_of(word)
    return {
        "text": content_of({"content": parts}) or "",
        "finish": finish,
        "raw_finish": word,
        "error": error if finish == "error" else None,
        "output_tokens": tokens_of(answer),
        "field": f"{place}output",
    }


def _texts(parts: Any) -> str:
    return "".join(t for part in mappings(parts) if isinstance(t := part.get("text"), str))


FORMAT = OpenAI()
