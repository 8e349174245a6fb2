"""The functions that LoopBench's tasks in lm-eval's format refer to.

The YAML files in `tasks/lm_eval/` are data; prompts, references and graders are those of
`loopbench run`, item by item.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from loopbench import tasks
from loopbench.lmeval.judging import OUTCOMES_OF, TEXT_RATES, judge_response
from loopbench.tasks.suites import DEFAULT_SUITE, select
from loopbench.types import Sample


@lru_cache
def _selection(suite: str, seed: int) -> tuple[Sample, ...]:
    return tuple(select([suite], None, seed))


def document(sample: Sample) -> dict[str, Any]:
    """Return a sample as a row of lm-eval's data set; `sample` holds it whole, as JSON."""
    return {
        "id": sample.id,
        "task": sample.task,
        "level": sample.level,
        "category": sample.category,
        "prompt": sample.prompt,
        "sample": msgspec.json.encode(sample).decode(),
    }


def docs(
    *,
    loopbench_task: str,
    loopbench_suite: str = DEFAULT_SUITE,
    loopbench_seed: int = 0,
    **others: Any,
) -> dict[str, Any]:
    """Return the samples of one task in a suite as lm-eval's data set.

    Parameters
    ----------
    loopbench_task
        Name of the task.
    loopbench_suite, loopbench_seed
        Which suite and seed `loopbench run` would use; set with lm-eval's `--metadata`.
    **others
        What else lm-eval passes on (arguments of the model, for one) is of no concern.

    Raises
    ------
    ValueError
        If the suite is unknown or does not hold the task.
    """
    from datasets import Dataset

    samples = _selection(loopbench_suite, int(loopbench_seed))
    rows = [document(sample) for sample in samples if sample.task == loopbench_task]
    if not rows:
        raise ValueError(f"The suite {loopbench_suite!r} holds no samples of {loopbench_task!r}.")
    return {"test": Dataset.from_list(rows)}


def prompt(doc: Mapping[str, Any]) -> str:
    """Return the prompt, exactly as `loopbench run` asks it."""
    return str(doc["prompt"])


def sample_of(doc: Mapping[str, Any]) -> Sample:
    """Return the sample of a row."""
    return msgspec.json.decode(doc["sample"], type=Sample)


def target(doc: Mapping[str, Any]) -> str:
    """Return an output that is graded as correct."""
    sample = sample_of(doc)
    return tasks.get(sample.task).oracle(sample)


def results(doc: Mapping[str, Any], responses: Iterable[str]) -> dict[str, float]:
    """Grade the first response of a row and look for loops in it.

    Under plain lm-eval only its text is known, which gives no more than these loop rates;
    `loopbench lm-eval` replaces them by those of the whole output and adds the others.
    """
    sample = sample_of(doc)
    response = next(iter(responses))
    outcome = judge_response(response).outcome
    return {
        "score": tasks.get(sample.task).grade(sample, str(response)).score or 0.0,
        **{name: float(outcome in OUTCOMES_OF[name]) for name in TEXT_RATES},
    }
