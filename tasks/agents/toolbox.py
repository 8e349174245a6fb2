"""The tools of an agent: what the model is told about them, and what a call gives back."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from loopbench.tasks.agents.calculator import calculate
from loopbench.tasks.agents.sandbox import Sandbox
from loopbench.tasks.agents.search import index
from loopbench.tasks.arithmetic import ExpressionError

VERSION = 1
"""Version of the tools, of their descriptions and of the wording around them."""
MAX_RESULT = 1_200
"""Characters of one result; the rest is cut and the cut is said."""

PACKAGES = {"search": ("bm25s", "bm25s"), "python": ("pydantic_monty", "pydantic-monty")}
"""Tool -> module and distribution that it needs; the extra `agents` has both."""


class MissingPackageError(ValueError):
    """A tool cannot work; its text is one sentence for the user."""


@dataclass(frozen=True, slots=True)
class Tool:
    """What the model is told about one tool; each takes one text."""

    name: str
    parameter: str
    description: str

    def spec(self) -> str:
        """Return the description as one line of JSON."""
        return json.dumps(
            {
                "name": self.name,
                "description": self.description,
                "parameters": {self.parameter: "string"},
            }
        )


TOOLS = {
    tool.name: tool
    for tool in (
        Tool("search", "query", "Return the encyclopedia articles that fit the query best."),
        Tool("calculator", "expression", "Work out an arithmetic expression, such as (3+4)*5."),
        Tool("python", "code", "Run a Python program and return what it prints."),
        Tool("note", "text", "Keep a text in view when older turns are dropped."),
        Tool("ask", "question", "Have a sub-question answered in a fresh context."),
    )
}
"""Every tool by name. `note` and `ask` act on the conversation: the episode runs those."""


def check_packages() -> None:
    """Refuse to start without the packages of the tools, or where the sandbox does not work.

    Raises
    ------
    MissingPackageError
        Naming what is missing and the command that installs it.
    """
    absent = [dist for module, dist in PACKAGES.values() if not importlib.util.find_spec(module)]
    if absent:
        raise MissingPackageError(
            f"Agent tasks need {' and '.join(absent)}. "
            "Run: pip install 'loopbench-edge[agents]', or use --closed-book."
        )
    sandbox = Sandbox()
    try:
        said = sandbox.run("6 * 7")
    except (OSError, RuntimeError) as error:
        said = str(error)
    finally:
        sandbox.close()
    if said != "42":
        raise MissingPackageError(
            f"The Python sandbox of agent tasks does not work ({capped(said)}). "
            "Run: pip install --force-reinstall pydantic-monty, or use --closed-book."
        )


def argument_of(name: str, arguments: dict[str, Any]) -> str:
    """Return the one argument of a call as text that can be stored.

    Raises
    ------
    ValueError
        If the tool is not known or the arguments are not its own; says what is.
    """
    tool = TOOLS.get(name)
    if tool is None:
        raise ValueError(f"There is no such tool. The tools are: {', '.join(TOOLS)}.")
    value = arguments.get(tool.parameter)
    if len(arguments) != 1 or value is None or isinstance(value, dict | list):
        raise ValueError(f"The tool {name} takes one argument, {tool.parameter}, a text.")
    return valid(str(value))


def valid(text: str) -> str:
    """Return text that can be stored: JSON may hold half a surrogate pair, UTF-8 may not."""
    return text.encode("utf-8", "replace").decode("utf-8")


def capped(text: str) -> str:
    """Return a result as the model gets it: valid UTF-8 of bounded length."""
    clean = valid(text)
    if len(clean) <= MAX_RESULT:
        return clean
    return f"{clean[:MAX_RESULT]}… (cut: {len(clean)} characters)"


class Toolbox:
    """Runs calls; holds the sandbox of one run."""

    def __init__(self) -> None:
        self._sandbox = Sandbox()

    def use(self, world: str, name: str, argument: str) -> str:
        """Return the result of `search`, `calculator` or `python`, an error's text included.

        Parameters
        ----------
        world
            The encyclopedia that `search` looks in.
        name
            The tool.
        argument
            Its only argument.
        """
        run: dict[str, Callable[[str], str]] = {
            "search": lambda query: index(world).search(query),
            "calculator": _calculated,
            "python": self._sandbox.run,
        }
        return capped(run[name](argument))

    def close(self) -> None:
        """End the sandbox; idempotent."""
        self._sandbox.close()


def _calculated(expression: str) -> str:
    try:
        return calculate(expression)
    except ExpressionError as error:
        return f"Error: {error}"


def introduction(tools: Iterable[Tool] = TOOLS.values()) -> str:
    """Return what a model is told before the question of an episode."""
    specs = "\n".join(tool.spec() for tool in tools)
    return (
        f"You can use these tools:\n{specs}\n\n"
        "To use one, reply with only the call, written as "
        '{"name": "<tool>", "arguments": {"<parameter>": "<value>"}}, '
        'such as {"name": "search", "arguments": {"query": "lighthouse"}}. '
        "Its result comes with the next message. The encyclopedia is about an invented world, "
        "so look up what you need before you answer, and do not guess."
    )
