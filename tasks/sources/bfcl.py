"""The Berkeley Function-Calling Leaderboard, version 4: its data and its AST checker.

Both come from the `bfcl-eval` wheel, whose dependencies are not needed. The prompt and the
reading of calls are LoopBench's own, so scores are comparable among LoopBench runs, not with
the leaderboard.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import sys
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from loopbench.tasks.answers import final_text, no_answer, shown
from loopbench.tasks.base import Task
from loopbench.tasks.calls import Call, CallError, parse_calls
from loopbench.tasks.sources import SourceError, check_known
from loopbench.tasks.sources.fixed import ALL, FixedTask
from loopbench.tasks.sources.prompts import prompt_of
from loopbench.tasks.tool_call import calls_schema
from loopbench.types import Category, Grade, Sample

CATEGORIES = {
    "simple": "simple_python",
    "multiple": "multiple",
    "parallel": "parallel",
    "parallel_multiple": "parallel_multiple",
    "irrelevance": "irrelevance",
    "live_simple": "live_simple",
    "live_multiple": "live_multiple",
    "live_parallel": "live_parallel",
    "live_parallel_multiple": "live_parallel_multiple",
    "live_irrelevance": "live_irrelevance",
    "live_relevance": "live_relevance",
}
"""Our name -> the data file's: the single-turn categories in Python."""

_INSTALL = "bfcl: needs the data of bfcl-eval; install it with: pip install --no-deps bfcl-eval"
_STUBBED = "bfcl_eval.constants.model_config"
_LOADING = threading.Lock()

Checker = Callable[..., dict[str, Any]]


def _folder() -> Path:
    spec = importlib.util.find_spec("bfcl_eval")
    if spec is None or not spec.submodule_search_locations:
        raise SourceError(_INSTALL + ".")
    return Path(spec.submodule_search_locations[0])


@lru_cache(maxsize=1)
def checker() -> Checker:
    """Return BFCL's `ast_checker`.

    Its module imports a table of every model the leaderboard knows, and with it a dozen
    vendors' clients, only to see whether a model's function names have dots replaced. It is
    executed here under a private name with an empty table in that module's place, so that
    `bfcl_eval` itself stays as it is for anybody else in the process.
    """
    path = _folder() / "eval_checker" / "ast_eval" / "ast_checker.py"
    spec = importlib.util.spec_from_file_location("loopbench._bfcl_ast_checker", path)
    if spec is None or spec.loader is None:
        raise SourceError(f"{path} is missing; {_INSTALL}.")
    module = importlib.util.module_from_spec(spec)
    stub = ModuleType(_STUBBED)
    vars(stub)["MODEL_CONFIG_MAPPING"] = {"loopbench": SimpleNamespace(underscore_to_dot=False)}
    with _LOADING:
        before = sys.modules.get(_STUBBED)
        sys.modules[_STUBBED] = stub
        try:
            spec.loader.exec_module(module)
        except (ImportError, OSError) as error:
            raise SourceError(f"The checker of bfcl-eval cannot be loaded: {error}.") from error
        finally:
            if before is None:
                del sys.modules[_STUBBED]
            else:
                sys.modules[_STUBBED] = before
    found: Checker = module.ast_checker
    return found


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]
    except (OSError, ValueError) as error:
        raise SourceError(f"{path} cannot be read: {error}. {_INSTALL}.") from error


def _prompt(question: list[Any], functions: list[Any]) -> str:
    specs = "\n".join(json.dumps(f, ensure_ascii=False, separators=(",", ":")) for f in functions)
    return (
        f"You can call these functions:\n{specs}\n\n"
        f"Request: {prompt_of(question)}\n\n"
        "Reply with only a JSON list of the calls that the request needs, each written as "
        '{"name": "<function>", "arguments": {"<parameter>": <value>}}. '
        "If no function fits the request, or a parameter that it requires is not given, reply "
        "with an empty list."
    )


class BfclTask(FixedTask):
    """One category."""

    version = 1
    category: Category = "tools"

    def __init__(self, name: str) -> None:
        self.name = f"bfcl:{name}"
        self.description = f"BFCL v4, {CATEGORIES[name]}"
        self._file = CATEGORIES[name]
        self._data = _folder() / "data"

    @property
    def origin(self) -> str:
        """The version of the wheel."""
        return f"bfcl-eval {importlib.metadata.version('bfcl-eval')}"

    def read(self) -> Sequence[Sample]:
        """Read the items, with the answers of those that want a call."""
        name = f"BFCL_v4_{self._file}.json"
        answers: dict[str, Any] = {}
        if not self._file.endswith("relevance"):
            rows = _lines(self._data / "possible_answer" / name)
            answers = {row["id"]: row["ground_truth"] for row in rows}
        return [
            Sample(
                task=self.name,
                task_version=self.version,
                id=row["id"],
                level=ALL,
                category=self.category,
                prompt=_prompt(row["question"][0], row["function"]),
                reference={
                    "category": self._file,
                    "functions": row["function"],
                    "answers": answers.get(row["id"], []),
                },
            )
            for row in _lines(self._data / name)
        ]

    def grade(self, sample: Sample, text: str) -> Grade:
        """Judge the calls as BFCL does: all right or wrong.

        `irrelevance` is right if no call can be read, `relevance` if one can.
        """
        final = final_text(text)
        if final is None or not final.strip():
            return no_answer({"name": 0.0})
        category = sample.reference["category"]
        try:
            calls: list[Call] | None = parse_calls(final, _texts(sample.reference["functions"]))
        except CallError:
            calls = None
        if category.endswith("irrelevance"):
            return _graded(final, not calls, {})
        if category.endswith("relevance"):
            return _graded(final, bool(calls), {})
        if calls is None:
            return Grade(correct=False, score=0.0, problem="unparsable_call", parts={"name": 0.0})
        return _graded(final, valid(calls, sample.reference), {"name": _names(calls, sample)})

    def json_schema(self, sample: Sample) -> dict[str, Any]:
        """Return the schema of a reply: a list of calls of the functions in the prompt."""
        specs = [
            {"name": f["name"], "parameters": _json_schema(f["parameters"])}
            for f in sample.reference["functions"]
        ]
        return calls_schema(specs)

    def oracle(self, sample: Sample) -> str:
        """Write BFCL's own answer as our prompt asks for it."""
        if sample.reference["category"].endswith("live_relevance"):
            return json.dumps([{"name": sample.reference["functions"][0]["name"], "arguments": {}}])
        return json.dumps([{"name": name, "arguments": kw} for name, kw in gold_calls(sample)])


_TYPES = {"dict": "object", "float": "number", "tuple": "array"}
_KEPT = ("type", "properties", "required", "items")
"""No `enum`: the checker compares a choice without case and spaces."""


def _json_schema(spec: dict[str, Any]) -> dict[str, Any]:
    """Translate BFCL's types; `any` admits everything, and notes for the reader are dropped."""
    if spec.get("type") == "any":
        return {}
    schema = {key: spec[key] for key in _KEPT if key in spec}
    if "type" in schema:
        schema["type"] = _TYPES.get(schema["type"], schema["type"])
    if "properties" in schema:
        schema["properties"] = {k: _json_schema(v) for k, v in schema["properties"].items()}
    if "items" in schema:
        schema["items"] = _json_schema(schema["items"])
    return schema


def _texts(functions: Sequence[dict[str, Any]]) -> set[tuple[str, str]]:
    """Return which parameters of which functions are text."""
    return {
        (function["name"], name)
        for function in functions
        for name, schema in function["parameters"]["properties"].items()
        if schema.get("type") == "string"
    }


def _graded(final: str, right: bool, parts: dict[str, float]) -> Grade:
    return Grade(
        answer=shown(final.strip()),
        correct=right,
        score=float(right),
        problem=None if right else "wrong_call",
        parts=parts,
    )


def _names(calls: Sequence[Call], sample: Sample) -> float:
    """Return the F1 of the names of the called functions."""
    wanted = [name for answer in sample.reference["answers"] for name in answer]
    left = list(wanted)
    for name, _ in calls:
        if name in left:
            left.remove(name)
    return 2 * (len(wanted) - len(left)) / max(1, len(wanted) + len(calls))


def valid(calls: Sequence[Call], reference: dict[str, Any]) -> bool:
    """Return whether BFCL's checker accepts the calls."""
    from bfcl_eval.constants.enums import Language

    outputs = [{name: dict(arguments)} for name, arguments in calls]
    try:
        result = checker()(
            reference["functions"],
            outputs,
            reference["answers"],
            Language.PYTHON,
            reference["category"],
            "loopbench",
        )
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError):
        # It trusts the shape of nested values: a text where it expects a list of objects.
        return False
    return bool(result["valid"])


def gold_calls(sample: Sample) -> list[Call]:
    """Return one set of calls that BFCL's possible answers allow: of each choice the first."""
    calls: list[Call] = []
    for answer in sample.reference["answers"]:
        for name, options in answer.items():
            spec = next(f for f in sample.reference["functions"] if f["name"] == name)
            known = spec["parameters"]["properties"]
            # A few answers name a parameter that the function has not.
            stated = {k: v for k, v in options.items() if k in known or "" not in v}
            calls.append((name, _chosen(stated, spec["parameters"].get("required", []))))
    return calls


def _chosen(options: dict[str, list[Any]], required: Sequence[str] = ()) -> dict[str, Any]:
    # An empty text among the choices says that the parameter may be left out.
    chosen = {}
    for name, values in options.items():
        stated = [value for value in values if value != ""] or list(values[:1])
        if stated and (stated != [""] or name in required):
            chosen[name] = _plain(stated[0])
    return chosen


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return _chosen({k: v if isinstance(v, list) else [v] for k, v in value.items()})
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


class _Bfcl:
    """The source."""

    prefix = "bfcl"
    origin = "bfcl-eval"
    placeholder = "<category>"
    description = "BFCL v4 function calls, checked by its AST checker"
    licence = "Apache-2.0"

    def known(self) -> list[str]:
        return list(CATEGORIES)

    def size(self) -> str:
        if importlib.util.find_spec("bfcl_eval") is None:
            return "pip install --no-deps bfcl-eval"
        return f"{len(CATEGORIES)} categories"

    def levels(self) -> str:
        return ALL

    def split(self, rest: str) -> tuple[str, str]:
        name, _, level = rest.partition(":")
        return name, level

    def open(self, name: str) -> Task:
        check_known(self.prefix, name, CATEGORIES)
        return _opened(name)


@lru_cache(maxsize=len(CATEGORIES))
def _opened(name: str) -> Task:
    return BfclTask(name)


SOURCE = _Bfcl()
