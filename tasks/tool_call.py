"""Function calling: choose the function, fill its arguments, or see that none fits."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

from loopbench.tasks.answers import final_text, no_answer, shown
from loopbench.tasks.base import Draft, Procedural
from loopbench.tasks.calls import MAX_CALLS, Call, CallError, parse_calls
from loopbench.tasks.decoys import DECOYS
from loopbench.tasks.functions import FUNCTIONS, Function
from loopbench.types import Category, Grade, Sample

_KINDS = {
    "easy": ("simple", "simple", "multiple", "irrelevant"),
    "medium": ("multiple", "multiple", "parallel", "irrelevant"),
    "hard": ("multiple", "parallel", "parallel", "irrelevant"),
}
_LISTED = {"easy": (2, 3), "medium": (3, 5), "hard": (6, 8)}
_CALLS = {"easy": (2, 2), "medium": (2, 2), "hard": (3, 4)}
_OPTIONAL = {"easy": 0.0, "medium": 0.5, "hard": 0.7}
_MANY = {"tools_1": 1, "tools_10": 10, "tools_40": 40}
"""Levels that ask for two calls of one function, or none, and differ in how many are listed."""


def _said(value: Any) -> str:
    return " and ".join(value) if isinstance(value, tuple) else str(value)


def _ask(rng: random.Random, function: Function, optional: float) -> tuple[str, dict[str, Any]]:
    # The request in words and the call that it asks for.
    arguments: dict[str, Any] = {}
    extras = []
    for param in function.params:
        value = rng.choice(param.values)
        if not param.phrase:
            arguments[param.name] = value
        elif rng.random() < optional:
            arguments[param.name] = value
            extras.append(param.phrase.format(**{param.name: value}))
    words = function.request.format(**{name: _said(v) for name, v in arguments.items()})
    plain = {k: list(v) if isinstance(v, tuple) else v for k, v in arguments.items()}
    return " ".join([words, *extras]), {"name": function.name, "arguments": plain}


def _prompt(specs: Sequence[dict[str, Any]], request: str) -> str:
    listed = "\n".join(json.dumps(spec, separators=(",", ":")) for spec in specs)
    return (
        f"You can call these functions:\n{listed}\n\n"
        f"Request: {request}\n\n"
        "Reply with only a JSON list of the calls that the request needs, each written as "
        '{"name": "<function>", "arguments": {"<parameter>": <value>}}. '
        "If no function fits the request, reply with an empty list."
    )


def calls_schema(specs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the JSON schema of a list of calls of the given functions."""
    calls = [
        {
            "type": "object",
            "properties": {
                "name": {"const": spec["name"]},
                "arguments": {**spec["parameters"], "additionalProperties": False},
            },
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for spec in specs
    ]
    return {"type": "array", "items": {"anyOf": calls}}


def _rules(functions: list[Function]) -> dict[str, Any]:
    # What the grader must know about each function; in the reference, so that an old
    # record is graded by the rules that it was asked under.
    return {
        f.name: {
            "defaults": {p.name: p.default for p in f.params if p.phrase},
            "unordered": [p.name for p in f.params if p.unordered],
        }
        for f in functions
    }


def same_value(found: Any, expected: Any, *, unordered: bool = False) -> bool:
    """Return whether two argument values are equal in structure.

    Numbers compare by value and never equal booleans or text; text compares without case,
    outer spaces and a final full stop; lists in order unless `unordered`.

    Parameters
    ----------
    found, expected
        Values as JSON has them; the rules are those for the kind of `expected`.
    unordered
        Two lists of texts agree in any order.
    """
    if isinstance(expected, bool) or isinstance(found, bool):
        return found is expected
    if isinstance(expected, int | float):
        return isinstance(found, int | float) and found == expected
    if isinstance(expected, str):
        return isinstance(found, str) and _folded(found) == _folded(expected)
    if not isinstance(expected, list) or not isinstance(found, list):
        return False
    if len(found) != len(expected):
        return False
    if unordered and all(isinstance(x, str) for x in (*found, *expected)):
        return sorted(map(_folded, found)) == sorted(map(_folded, expected))
    return all(same_value(x, y) for x, y in zip(found, expected, strict=True))


def _folded(text: str) -> str:
    return " ".join(text.split()).rstrip(".").casefold()


def argument_share(found: dict[str, Any], expected: dict[str, Any], rule: dict[str, Any]) -> float:
    """Return the share of arguments that agree once defaults are filled in on both sides.

    Parameters
    ----------
    found, expected
        Arguments by name.
    rule
        `defaults` of arguments, and the names of the `unordered` ones.
    """
    full = rule["defaults"] | found
    wanted = rule["defaults"] | expected
    right = sum(
        name in full and same_value(full[name], value, unordered=name in rule["unordered"])
        for name, value in wanted.items()
    )
    return right / max(len(full.keys() | wanted.keys()), 1)


def score_calls(found: list[Call], reference: dict[str, Any]) -> dict[str, float]:
    """Return `name`, `arguments` and `calls`: F1-like scores of a list of calls.

    Calls are matched greedily, best arguments first; their order does not matter.
    """
    expected: list[dict[str, Any]] = reference["calls"]
    if not expected:
        right = float(not found)
        return {"name": right, "arguments": right, "calls": right}
    pairs = [
        (argument_share(arguments, want["arguments"], reference["rules"][name]), i, j)
        for i, (name, arguments) in enumerate(found[:MAX_CALLS])
        for j, want in enumerate(expected)
        if name == want["name"]
    ]
    pairs.sort(key=lambda pair: -pair[0])
    matched: dict[int, tuple[int, float]] = {}
    for share, i, j in pairs:
        if j not in matched and i not in {taken for taken, _ in matched.values()}:
            matched[j] = (i, share)
    shares = [share for _, share in matched.values()]
    scale = 2 / (len(found) + len(expected))
    return {
        "name": scale * len(shares),
        "arguments": scale * sum(shares),
        "calls": scale * sum(share == 1 for share in shares),
    }


class ToolCall(Procedural):
    """Answer a request with function calls."""

    name = "tool_call"
    category: Category = "tools"
    levels: tuple[str, ...] = ("easy", "medium", "hard", *_MANY)
    default_level = "hard"
    description = "function calls: simple, multiple, parallel and irrelevant requests"

    def draft(self, rng: random.Random, level: str) -> Draft:
        """Draw the kind of request, its calls, and the functions listed beside them."""
        return self._among_many(rng, level) if level in _MANY else self._mixed(rng, level)

    def _among_many(self, rng: random.Random, level: str) -> Draft:
        # The request is as hard at every level, so that only the listing makes a difference.
        drawn = rng.sample(FUNCTIONS, len(FUNCTIONS))
        wanted, others = drawn[0], drawn[1:]
        irrelevant = rng.random() < 0.25
        asks = [_ask(rng, wanted, _OPTIONAL["medium"]) for _ in range(2)]
        if asks[0][1] == asks[1][1]:
            asks.pop()
        specs = [f.spec() for f in ([] if irrelevant else [wanted])]
        pool = rng.sample([*(f.spec() for f in others), *DECOYS], len(others) + len(DECOYS))
        specs += pool[: _MANY[level] - len(specs)]
        rng.shuffle(specs)
        names = {spec["name"] for spec in specs}
        return Draft(
            _prompt(specs, " ".join(words for words, _ in asks)),
            {
                "kind": "irrelevant" if irrelevant else "parallel",
                "calls": [] if irrelevant else [call for _, call in asks],
                "rules": _rules([f for f in FUNCTIONS if f.name in names]),
            },
        )

    def _mixed(self, rng: random.Random, level: str) -> Draft:
        kind = rng.choice(_KINDS[level])
        listed = 1 if kind == "simple" else rng.randint(*_LISTED[level])
        asked = rng.randint(*_CALLS[level]) if kind == "parallel" else 1
        # One more than is listed: an irrelevant request asks for the one left out.
        drawn = rng.sample(FUNCTIONS, max(listed, asked) + 1)
        wanted = drawn[-1:] if kind == "irrelevant" else drawn[:asked]
        shown_specs = drawn[:-1]
        if kind == "parallel" and rng.random() < 0.5:
            # The same function twice, with other arguments.
            wanted[-1] = wanted[0]
        asks = [_ask(rng, function, _OPTIONAL[level]) for function in wanted]
        if len({json.dumps(call) for _, call in asks}) < len(asks):
            asks, wanted = asks[:1], wanted[:1]
            kind = "multiple"
        calls = [] if kind == "irrelevant" else [call for _, call in asks]
        rng.shuffle(shown_specs)
        prompt = _prompt([f.spec() for f in shown_specs], " ".join(words for words, _ in asks))
        reference = {"kind": kind, "calls": calls, "rules": _rules(shown_specs)}
        return Draft(prompt, reference)

    def grade(self, sample: Sample, text: str) -> Grade:
        """Score the calls by function and arguments; `correct` needs all and no others."""
        nothing = {"name": 0.0, "arguments": 0.0}
        final = final_text(text)
        if final is None or not final.strip():
            return no_answer(nothing)
        try:
            calls = parse_calls(final)
        except CallError:
            return Grade(correct=False, score=0.0, problem="unparsable_call", parts=nothing)
        parts = score_calls(calls, sample.reference)
        score = parts.pop("calls")
        return Grade(
            answer=shown(final.strip()),
            correct=score == 1,
            score=score,
            problem=None if score == 1 else "wrong_call",
            parts=parts,
        )

    def oracle(self, sample: Sample) -> str:
        """Write the calls."""
        return json.dumps(sample.reference["calls"])

    def json_schema(self, sample: Sample) -> dict[str, Any]:
        """Return the schema of a reply: a list of calls of the functions in the prompt."""
        listed = sample.prompt.partition("\n\n")[0].split("\n")[1:]
        return calls_schema([json.loads(line) for line in listed])


TASK = ToolCall()
