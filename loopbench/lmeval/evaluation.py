"""Adding the loop columns to the results of lm-eval."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import msgspec

import loopbench
from loopbench.judging.rules import MEASURE
from loopbench.lmeval.capture import captured, replace
from loopbench.lmeval.judging import (
    LEAST_BUDGET,
    RATES,
    Judgement,
    Mean,
    budget_of,
    judge_response,
    rates,
)
from loopbench.lmeval.output import Response
from loopbench.types import Rule, Struct

logger = logging.getLogger("lm_eval.loopbench")
"""A child of lm-eval's logger: the messages come in its format and at its level."""

FILTER = "none"
"""Loops are looked for in the raw responses: no filter of the task applies."""

Judged = list[tuple[int, Judgement]]
"""Document of each response and what was said about it."""


@contextmanager
def loop_columns() -> Iterator[None]:
    """Make every evaluation within the block report loop rates.

    `lm_eval.simple_evaluate` then instruments the model while it generates, and the results
    gain the rates. LoopBench's model types and tasks are known by name.
    """
    import lm_eval.evaluator
    import lm_eval.tasks

    from loopbench.lmeval.manager import LoopbenchTaskManager
    from loopbench.lmeval.model import register

    register()
    original = lm_eval.evaluator.evaluate

    def evaluate(*args: Any, **kwargs: Any) -> Any:
        # lm-eval names these two; its signature also allows positions.
        lm = kwargs.get("lm", args[0] if args else None)
        task_dict = kwargs.get("task_dict", args[1] if len(args) > 1 else None)
        tasks, groups = tasks_and_groups(task_dict)
        warn_of_budgets(lm, tasks)
        with captured(lm):
            results = original(*args, **kwargs)
        once = JudgeOnce()
        judged = _gathered(lm, {name: judged_task(task, once) for name, task in tasks.items()})
        if results is not None and judged:
            add_columns(results, judged, groups, once)
            basis = basis_of(judged)
            results["loopbench"] = msgspec.to_builtins(basis)
            report(basis)
        return results

    with ExitStack() as undo:
        replace(lm_eval.evaluator, "evaluate", evaluate, undo)
        for module in (lm_eval.evaluator, lm_eval.tasks):
            replace(module, "TaskManager", LoopbenchTaskManager, undo)
        yield


def tasks_and_groups(task_dict: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the generative tasks and the groups of what lm-eval evaluates."""
    if "tasks" in task_dict:
        groups, tasks = task_dict.get("groups", {}), task_dict["tasks"]
    else:
        from lm_eval.evaluator_utils import _handle_back_comp

        groups, tasks = _handle_back_comp(task_dict)
    generative = {n: t for n, t in tasks.items() if t.OUTPUT_TYPE == "generate_until"}
    return generative, groups


def warn_of_budgets(lm: Any, tasks: Mapping[str, Any]) -> None:
    """Say once which tasks cannot show most loops."""
    # `hf` has a property, the servers' model types have a private attribute.
    default: Any = getattr(lm, "max_gen_toks", None) or getattr(lm, "_max_gen_toks", 256)
    low = {
        name: budget
        for name, task in tasks.items()
        if (budget := budget_of(task.config.generation_kwargs or {}, default)) < LEAST_BUDGET
    }
    if low:
        shown = ", ".join(f"{name} ({budget})" for name, budget in list(low.items())[:3])
        more = f" and {len(low) - 3} more" if len(low) > 3 else ""
        logger.warning(
            "A budget under %d tokens hides most loops: %s%s; raise it with "
            "--gen_kwargs max_gen_toks=2048.",
            LEAST_BUDGET, shown, more,
        )  # fmt: skip


class JudgeOnce:
    """Judges each response once: it is logged again for every filter of its task."""

    def __init__(self) -> None:
        # The responses are kept, so that no other object can get the place of one.
        self._known: dict[int, tuple[str, Judgement]] = {}

    def __call__(self, response: str) -> Judgement:
        """See `loopbench.lmeval.judging.judge_response`."""
        known = self._known.get(id(response))
        if known is None:
            known = self._known[id(response)] = (response, judge_response(response))
        return known[1]


def judged_task(task: Any, once: Callable[[str], Judgement]) -> Judged:
    """Judge every raw response of a task, before any filter."""
    return [
        (instance.doc_id, once(response))
        for instance in task.instances
        if instance.request_type == "generate_until"
        for response in instance.resps
    ]


def _gathered(lm: Any, judged: dict[str, Judged]) -> dict[str, Judged] | None:
    """Bring the judgements of all ranks together on the first; None on the others."""
    if lm.world_size == 1:
        return judged
    parts = lm.gather_object(judged, dst=0)
    if lm.rank != 0 or parts is None:
        return None
    return {name: [pair for part in parts for pair in part[name]] for name in judged}


def add_columns(
    results: dict[str, Any],
    judged: Mapping[str, Judged],
    groups: Mapping[str, Any],
    once: Callable[[str], Judgement],
) -> None:
    """Add rates to tasks and groups, and the judgements to the logged samples.

    Parameters
    ----------
    results
        What lm-eval returns; changed in place.
    judged
        Document and judgement of every response, task by task.
    groups
        lm-eval's groups by name; their rates are pooled over the responses of their tasks.
    judge
        Judges a response of the logged samples.
    """
    for name, pairs in judged.items():
        _add(results, name, rates(pairs))
        for row in (results.get("samples") or {}).get(name, ()):
            responses = [response for found in row["resps"] for response in found]
            row["loopbench"] = [row_of(response, once(response)) for response in responses]
    for name, group in groups.items():
        members = [task.task_name for task in group.get_all_tasks()]
        pooled = [
            ((member, document), judgement)
            for member in members
            for document, judgement in judged.get(member, ())
        ]
        if pooled:
            _add(results, name, rates(pooled))
            if name in results.get("groups", {}):
                results["groups"][name] |= _columns(rates(pooled))


def _add(results: dict[str, Any], name: str, means: Mapping[str, Mean]) -> None:
    results["results"][name] |= _columns(means)
    direction = results.setdefault("higher_is_better", {}).setdefault(name, {})
    direction |= dict.fromkeys(RATES, False)


def _columns(means: Mapping[str, Mean]) -> dict[str, Any]:
    """Return the entries of a row of results; like lm-eval, `N/A` for what is not known."""
    columns: dict[str, Any] = {}
    for name, mean in means.items():
        columns[f"{name},{FILTER}"] = "N/A" if mean.value is None else mean.value
        columns[f"{name}_stderr,{FILTER}"] = "N/A" if mean.stderr is None else mean.stderr
    return columns


def row_of(response: str, judgement: Judgement) -> dict[str, Any]:
    """Return what a logged sample says about one response: verdict and origin."""
    row: dict[str, Any] = msgspec.to_builtins(judgement)
    if isinstance(response, Response) and response.origin is not None:
        origin = msgspec.to_builtins(response.origin)
        row["token_ids"], row["token_chars"] = origin["token_ids"], origin["token_chars"]
        # What lm-eval cut off is found nowhere else.
        row["raw"] = origin["text"] if origin["text"] != str(response) else None
    return row


class Basis(Struct, frozen=True):
    """What the loop rates of an evaluation rest on; `loopbench` in lm-eval's results."""

    loopbench_version: str
    rules: list[Rule]
    """Detectors with their parameters."""
    responses: int
    by_token_ids: int
    """Responses that were judged by the engine's own ids; the others by their text."""
    finish_unknown: int
    ended_by_until: int
    failed: int


def basis_of(judged: Mapping[str, Judged]) -> Basis:
    """Count what is known of the responses."""
    found: Sequence[Judgement] = [j for pairs in judged.values() for _, j in pairs]
    return Basis(
        loopbench_version=loopbench.__version__,
        rules=list(MEASURE),
        responses=len(found),
        by_token_ids=sum(j.tokenization == "given" for j in found),
        finish_unknown=sum(j.finish == "unknown" for j in found),
        ended_by_until=sum(j.raw_finish == "until" for j in found),
        failed=sum(j.outcome == "error" for j in found),
    )


def report(basis: Basis) -> None:
    """Say what the rates rest on, and what they cannot show."""
    logger.info(
        "Loops: %d responses judged, %d of them by the engine's token ids.",
        basis.responses, basis.by_token_ids,
    )  # fmt: skip
    if basis.ended_by_until:
        logger.info(
            "%d responses were ended by an `until` string of their task; a loop that it cut "
            "short does not show.", basis.ended_by_until,
        )  # fmt: skip
    if basis.finish_unknown:
        logger.warning(
            "How %d responses ended is not known: text that loops at its end counts as stuck, and "
            "recovered_rate and truncated_rate are those of the others.",
            basis.finish_unknown,
        )  # fmt: skip
    if basis.failed:
        logger.warning("%d generations failed; they count in no loop rate.", basis.failed)
