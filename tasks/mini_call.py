"""A function call from one line: `tool_call` for models of about a million parameters."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from loopbench.tasks.base import Draft
from loopbench.tasks.mini_records import COLOURS, NAMES
from loopbench.tasks.tool_call import ToolCall

ROOMS = ("kitchen", "hall", "bath", "garage", "office")
_LISTED = {"easy": (2, 2), "medium": (2, 3), "hard": (3, 4)}
_CALLS = {"easy": (1, 1), "medium": (1, 2), "hard": (2, 3)}


@dataclass(frozen=True, slots=True)
class _Function:
    name: str
    values: dict[str, tuple[Any, ...]]
    request: str

    def spec(self) -> str:
        return f"{self.name}({','.join(self.values)})"


_FUNCTIONS = (
    _Function("timer", {"minutes": tuple(range(2, 60))}, "wait {minutes} minutes"),
    _Function("light", {"room": ROOMS, "level": tuple(range(1, 10))}, "{room} light at {level}"),
    _Function("heat", {"room": ROOMS, "degrees": tuple(range(15, 26))}, "{room} at {degrees} C"),
    _Function("paint", {"room": ROOMS, "colour": COLOURS}, "{room} in {colour}"),
    _Function("call", {"name": NAMES}, "phone {name}"),
    _Function("pay", {"name": NAMES, "amount": tuple(range(10, 100))}, "give {name} {amount} EUR"),
    _Function("add", {"a": tuple(range(2, 60)), "b": tuple(range(2, 60))}, "sum of {a} and {b}"),
)


class MiniCall(ToolCall):
    """Answer a short request with calls of the listed functions."""

    name = "mini_call"
    levels: tuple[str, ...] = ("easy", "medium", "hard")
    description = "one to three function calls from a one-line request"

    def draft(self, rng: random.Random, level: str) -> Draft:
        """Draw the functions that are listed, those that are asked for, and their values."""
        listed = rng.sample(_FUNCTIONS, rng.randint(*_LISTED[level]))
        wanted = rng.sample(listed, min(len(listed), rng.randint(*_CALLS[level])))
        asks, calls = [], []
        for function in wanted:
            values = {key: rng.choice(options) for key, options in function.values.items()}
            asks.append(function.request.format(**values))
            calls.append({"name": function.name, "arguments": values})
        prompt = f"Tools: {' '.join(f.spec() for f in listed)}. Do: {'; '.join(asks)}."
        rules: dict[str, Any] = {f.name: {"defaults": {}, "unordered": []} for f in listed}
        return Draft(prompt, {"kind": "parallel", "calls": calls, "rules": rules})


TASK = MiniCall()
