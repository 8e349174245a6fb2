"""Reading tool calls from an output, in the notations that models were trained on."""

from __future__ import annotations

import ast
import json
import math
import re
import warnings
from collections.abc import Collection, Iterator
from typing import Any

from loopbench.tasks.answers import json_values

MAX_CALLS = 64
_MAX_CODE = 4_000
_NO_CALL = frozenset({"no call", "no calls", "none", "no function fits", "no function call"})
_PYTHON = re.compile(
    r"\s{0,20}(?:```[a-z]{0,12}\s{0,20})?\[?\s{0,20}[A-Za-z_][A-Za-z0-9_.]{0,120}\("
)
_FENCE = re.compile(r"```[a-z_]{0,12}")
_TAGS = (
    ("<|tool_call_start|>", "<|tool_call_end|>"),
    ("<tool_call>", "</tool_call>"),
    ("<TOOLCALL>", "</TOOLCALL>"),
)
"""LFM2; Qwen, Hermes and others; Nemotron."""
_PREFIXES = ("[TOOL_CALLS]", "<|python_tag|>", "functools")
"""Mistral, Llama, Phi: what follows is JSON or Python calls."""
_ELEMENT = re.compile(r"<function=([A-Za-z_][A-Za-z0-9_.\-]{0,120})>")
_PARAMETER = re.compile(r"<parameter=([^<>\s]{1,120})>")

Call = tuple[str, dict[str, Any]]
"""Function name and arguments."""


class CallError(ValueError):
    """The text holds no readable call and does not say that there is none."""


def parse_calls(text: str, texts: Collection[tuple[str, str]] = ()) -> list[Call]:
    """Return the calls of an output; an empty list is the explicit decision to make none.

    Understood are a JSON list of `{"name", "arguments"}`, one such object or several after
    each other, OpenAI's `{"function": {"name", "arguments": "<JSON>"}}`, BFCL's `{"function":
    "<name>", "parameters"}`, Python calls (`[f(a=1), m.g(b="x")]`), and Qwen's elements
    (`<function=f><parameter=a>1</parameter></function>`); any of them bare, in `<tool_call>` or
    `<TOOLCALL>` tags, between LFM2's tokens, or after the tokens of Mistral, Llama and Phi.

    Parameters
    ----------
    texts
        (function, parameter) pairs whose values are text: Qwen's elements do not tell the text
        `5` from the number.

    Raises
    ------
    CallError
        If nothing of the kind is there.
    """
    insides = (_between(text, *tags) for tags in _TAGS)
    body = next((inner for inner in insides if inner is not None), text)
    for prefix in _PREFIXES:
        before, found, after = body.partition(prefix)
        # Not in the middle of a value that quotes it.
        if found and not before.strip():
            body = after
    calls = _from_elements(body, texts)
    # What begins like Python is read as nothing else: `[f(x=[])]` also holds the JSON `[]`.
    if calls is None and not _PYTHON.match(body):
        calls = _from_json(body)
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


def _from_elements(text: str, texts: Collection[tuple[str, str]]) -> list[Call] | None:
    # `<function=f>` holds parameters as elements, or all of them as one JSON object.
    parts = _ELEMENT.split(text, maxsplit=MAX_CALLS + 1)
    if len(parts) < 3:
        return None
    calls: list[Call] = []
    for name, content in zip(parts[1::2], parts[2::2], strict=True):
        inside = content.partition("</function>")[0]
        fields = _PARAMETER.split(inside, maxsplit=MAX_CALLS)
        if len(fields) > 1:
            arguments = {
                key: _untyped(value.partition("</parameter>")[0], (name, key) in texts)
                for key, value in zip(fields[1::2], fields[2::2], strict=True)
            }
        else:
            found = next(json_values(inside), None)
            arguments = found.value if found and isinstance(found.value, dict) else {}
        calls.append((name, arguments))
    return calls


def _untyped(text: str, is_text: bool) -> Any:
    # An element does not say its type: what reads as JSON is that value, all else is text.
    text = text.removeprefix("\n").removesuffix("\n")
    if is_text and text != "null":
        return text
    try:
        value = json.loads(text) if len(text) <= _MAX_CODE else text
    except (ValueError, RecursionError):
        return text
    return text if isinstance(value, float) and not math.isfinite(value) else value


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
    name = entry.get("name", entry.get("function"))
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
    lines = [line for line in re.split(r"[\r\n]+", text) if line.strip()]
    if len(lines) > 1:
        yield f"[{','.join(lines)}]"


def _python_call(node: ast.expr) -> Call:
    if not isinstance(node, ast.Call) or node.args:
        raise ValueError("not a call with named arguments")
    if any(word.arg is None for word in node.keywords):
        raise ValueError("arguments must be written out")
    return _dotted(node.func), {str(word.arg): _literal(word.value) for word in node.keywords}


def _dotted(node: ast.expr) -> str:
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        raise ValueError("a function is called by its name")
    return ".".join([node.id, *reversed(names)])


def _literal(node: ast.expr) -> Any:
    if isinstance(node, ast.Name) and node.id in ("true", "false", "null"):
        return json.loads(node.id)
    value = ast.literal_eval(node)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number that is not finite")
    return list(value) if isinstance(value, tuple) else value
