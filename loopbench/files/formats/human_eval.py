"""Samples of programs: HumanEval, MBPP, EvalPlus, BigCodeBench, LiveCodeBench.

After their writers: `human_eval/evaluation.py`, `evalplus/codegen.py` and `evaluate.py`, and
`lcb_runner/benchmarks/code_generation.py`. The lists of lists of bigcode-evaluation-harness are
plain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loopbench.files.finishes import finish_in, finish_of, raw_of
from loopbench.files.formats.common import (
    budget_of,
    first_text,
    mappings,
    model_of,
    object_of,
    prompt_of,
    tokens_of,
)
from loopbench.files.outputs import FileOutput, Row, RowError

_PROGRAMS = ("raw_solution", "completion", "solution")
"""The surest first: a `solution` beside a `raw_solution` was cleaned."""
_LISTS = ("code_list", "pred_list", "graded_list", "question_content")
_OTHERS = ("generation", "response", "output", "prediction", "generated_text", "model_output")


class HumanEval:
    """One output per sample."""

    name = "human_eval"
    title = "samples of HumanEval, EvalPlus, MBPP, BigCodeBench, LiveCodeBench"
    finish = "not told, unless a row has `finish_reason` or the like"

    def recognises(self, row: Row) -> bool:
        """See `Format.recognises`."""
        value = row.value
        if not isinstance(value, Mapping):
            return False
        if isinstance(value.get("output_list"), list):
            return any(name in value for name in _LISTS)
        if _evaluated(value) is not None:
            return True
        if not isinstance(value.get("task_id"), str | int):
            return False
        found = _program(value)
        if found is None:
            # A verdict without its program: `result` is no output.
            return isinstance(value.get("passed"), bool)
        # Where the model's words stand elsewhere, a `solution` is the right one.
        return found != "solution" or not any(name in value for name in _OTHERS)

    def outputs(self, row: Row) -> Iterator[FileOutput]:
        """See `Format.outputs`."""
        value = object_of(row)
        if isinstance(value.get("output_list"), list):
            yield from _samples(value, "output_list", value["output_list"])
            return
        if (evaluated := _evaluated(value)) is not None:
            for task, samples in evaluated.items():
                for repeat, sample in enumerate(mappings(samples)):
                    if isinstance(sample.get("solution"), str):
                        at = f"eval[{task!r}][{repeat}].solution"
                        yield FileOutput(
                            text=sample["solution"], id=str(task), repeat=repeat, field=at
                        )
            return
        field = _program(value)
        if field is None:
            raise RowError("it has no field 'completion', 'solution' or 'output_list'")
        yield from _samples(value, field, value[field])


def _evaluated(value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the samples of a file of EvalPlus's verdicts."""
    found = value.get("eval")
    if not isinstance(found, Mapping) or "hash" not in value:
        return None
    kept = any("solution" in one for samples in found.values() for one in mappings(samples))
    return found if kept else None


def _program(value: Mapping[str, Any]) -> str | None:
    return next((n for n in _PROGRAMS if isinstance(value.get(n), str | list)), None)


def _samples(value: Mapping[str, Any], field: str, found: str | list[Any]) -> Iterator[FileOutput]:
    told = finish_in(value)
    texts = [found] if isinstance(found, str) else found
    for repeat, text in enumerate(texts):
        if not isinstance(text, str):
            raise RowError(f"its field '{field}[{repeat}]' holds no text")
        word = told[repeat] if isinstance(told, list) and repeat < len(told) else told
        yield FileOutput(
            text=text,
            finish=finish_of(word),
            raw_finish=raw_of(word),
            id=first_text(value, ("task_id", "question_id", "id")),
            repeat=repeat,
            model=model_of(value),
            prompt=prompt_of(value) or first_text(value, ("question_content",)),
            budget=budget_of(value),
            output_tokens=tokens_of(value) if len(texts) == 1 else None,
            field=field if isinstance(found, str) else f"{field}[{repeat}]",
        )


FORMAT = HumanEval()
