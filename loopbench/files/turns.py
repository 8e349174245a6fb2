"""One text for what a model said in several parts: thoughts, words, calls of tools, turns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from loopbench.files.outputs import RowError


def call_text(name: Any, arguments: Any) -> str:
    """Return the call of a tool as most models write it.

    Arguments that are a text stay as they are: a loop inside them, or their cut end, must be seen.

    Raises
    ------
    RowError
        If the arguments are nested too deep.

    Examples
    --------
    >>> print(call_text("add", '{"a": 1,   "b"'))
    <tool_call>
    {"name": "add", "arguments": {"a": 1,   "b"}
    </tool_call>
    """
    try:
        arguments = {} if arguments is None else arguments
        told = arguments if isinstance(arguments, str) else json.dumps(arguments, **_AS_WRITTEN)
        named = json.dumps(name if isinstance(name, str) else str(name), **_AS_WRITTEN)
    except (RecursionError, TypeError, ValueError) as error:
        raise RowError("the arguments of a call of it cannot be written as JSON") from error
    return f'<tool_call>\n{{"name": {named}, "arguments": {told or "{}"}}}\n</tool_call>'


_AS_WRITTEN: dict[str, Any] = {"ensure_ascii": False}


def call_texts(calls: Any) -> list[str]:
    """Return the texts of a list of calls, each with a function inside or without.

    Raises
    ------
    RowError
        If arguments are nested too deep.
    """
    found = []
    for call in calls if isinstance(calls, list) else []:
        function = call.get("function", call) if isinstance(call, Mapping) else None
        if isinstance(function, Mapping) and "name" in function:
            arguments = function.get("arguments", function.get("parameters"))
            found.append(call_text(function["name"], arguments))
    return found


def answer_text(thoughts: Any, words: Any, calls: Iterable[str] = ()) -> str:
    """Return one answer: thoughts that were split off first, as they were generated; then calls.

    Nothing is put between thoughts and words, so that the answer ends as the model ended.
    """
    said = "".join(part for part in (thoughts, words) if isinstance(part, str))
    return "\n".join([*([said] if said else []), *calls])
