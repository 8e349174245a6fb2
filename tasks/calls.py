"""Reading tool calls from an output, in the notations that models were trained on."""

from __future__ import annotations

import ast
import json
import math
import re
import warnings
from collections.abc import Iterator
from typing import Any

from loopbench.tasks.answers import json_values

MAX_CALLS = 64
_MAX_CODE = 4_000
_NO_CALL = frozenset({"no call", "no calls", "none", "no function fits", "no function call"})
_PYTHON = re.compile(r"\s{0,20}(?:```[a-z]{0,12}\s{0,20})?\[?\s{0,20}[A-Za-z_][A-Za-z0-9_]{0,80}\(")
_FENCE = re.compile(r"```[a-z_]{0,12}")

Call = tuple[str, dict[str, Any]]
"""Function name and arguments."""


class CallError(ValueError):
    """The text holds no readable call and does not say that there is none."""


def parse_calls(text: str) -> list[Call]:
    """Return the calls of an output; an empty list is the explicit decision to make none.

    Understood are a JSON list of `{"name", "arguments"}`, one such object or several after
    each other, OpenAI's `{"function": {"name", "arguments": "<JSON>"}}`, any of them in
    `<tool_call>` tags, and Python calls (`[f(a=1), g(b="x")]`), bare or in LFM2's tags.

    Raises
    ------
    CallError
        If nothing of the kind is there.
    """
    inner = _between(text, "<|tool_call_start|>", "<|tool_call_end|>")
    if inner is None:
        inner = _between(text, "<tool_call>", "</tool_call>")
    body = text if inner is None else inner
    # What begins like Python is read as nothing else: `[f(x=[])]` also holds the JSON `[]`.
    calls = None if _PYTHON.match(body) else _from_json(body)
    if calls is None:
        calls = _from_python(body)
    if calls is not None:
        return calls[: MAX_CALLS + 1]
    if body.strip(" \t\r\n.!`'\"").lower() in _NO_CALL:
        return []
    raise CallError("no call")


def _between(text: str, opening: str, closing: str) -> str | None:
    # Joins the contents of every pair of tags; an unclosed last one runs to the end.
    if opening not in text:
        return None
    parts = text.split(opening, MAX_CALLS + 1)[1:]
    return "\n".join(part.partition(closing)[0] for part in parts)


def _from_json(text: str) -> list[Call] | None:
    calls: list[Call] = []
    found = False
    end = 0
    for item in json_values(text):
        # Prose between two values ends the list of calls: what follows is explanation.
        gap = text[end : item.start][:_MAX_CODE].strip(" \t\r\n,;`") if found else ""
        if gap and gap != "json":
            break
        read = [_call(entry) for entry in _entries(item.value)]
        if any(call is None for call in read):
            if found:
                break
            continue
        calls += [call for call in read if call is not None]
        found, end = True, item.end
        if isinstance(item.value, list):
            break
    return calls if found else None


def _entries(value: Any) -> list[Any]:
    if isinstance(value, dict) and isinstance(value.get("tool_calls"), list):
        value = value["tool_calls"]
    return value[: MAX_CALLS + 1] if isinstance(value, list) else [value]


def _call(entry: Any) -> Call | None:
    if not isinstance(entry, dict):
        return None
    if isinstance(entry.get("function"), dict):
        entry = entry["function"]
    arguments = entry.get("arguments", entry.get("parameters", {}))
    if isinstance(arguments, str):
        inner = next(json_values(arguments), None)
        arguments = inner.value if inner else None
    name = entry.get("name")
    if not isinstance(name, str) or not isinstance(arguments, dict):
        return None
    return name, arguments


def _from_python(text: str) -> list[Call] | None:
    for source in _sources(text):
        try:
            # A model's "\d" would print a SyntaxWarning, or raise under -W error.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(source, mode="eval").body
            nodes = tree.elts if isinstance(tree, ast.List | ast.Tuple) else [tree]
            return [_python_call(node) for node in nodes]
        except (SyntaxError, TypeError, ValueError, RecursionError, MemoryError):
            continue
    return None


def _sources(text: str) -> Iterator[str]:
    text = _FENCE.sub("", text[: 4 * _MAX_CODE]).strip()
    if len(text) > _MAX_CODE:
        return
    yield text
    inner = text[text.find("[") : text.rfind("]") + 1]
    if inner.startswith("[") and _PYTHON.match(inner):
        yield inner
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > 1:
        yield f"[{','.join(lines)}]"


def _python_call(node: ast.expr) -> Call:
    if not isinstance(node, ast.Call) or node.args or not isinstance(node.func, ast.Name):
        raise ValueError("not a call with named arguments")
    if any(word.arg is None for word in node.keywords):
        raise ValueError("arguments must be written out")
    return node.func.id, {str(word.arg): _literal(word.value) for word in node.keywords}


def _literal(node: ast.expr) -> Any:
    if isinstance(node, ast.Name) and node.id in ("true", "false", "null"):
        return json.loads(node.id)
    value = ast.literal_eval(node)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number that is not finite")
    return list(value) if isinstance(value, tuple) else value
