"""vLLM's request outputs written as JSON, and the results of its serving benchmark.

After `vllm/outputs.py` and `vllm/benchmarks/serve.py`, whose kind of results SGLang's
`bench_serving.py` writes too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loopbench.files.finishes import finish_of, raw_of
from loopbench.files.formats.common import (
    budget_of,
    count,
    first_text,
    ids_of,
    mappings,
    model_of,
    object_of,
    prompt_of,
)
from loopbench.files.outputs import FileOutput, Row, RowError

_REQUEST = ("request_id", "prompt_token_ids", "num_cached_tokens", "prompt_logprobs")
_OUTPUT = ("token_ids", "cumulative_logprob", "finish_reason", "stop_reason")
_BENCHMARK = ("output_lens", "errors", "ttfts", "itls")


class Vllm:
    """One output per completion of a request."""

    name = "vllm"
    title = "vLLM's request outputs, and results of `vllm bench serve --save-detailed`"
    finish = "`finish_reason` of each output; not told by the benchmark"

    def recognises(self, row: Row) -> bool:
        """See `Format.recognises`."""
        value = row.value
        if not isinstance(value, Mapping):
            return False
        if isinstance(value.get("generated_texts"), list):
            return any(isinstance(value.get(name), list) for name in _BENCHMARK)
        if not any(name in value for name in _REQUEST):
            return False
        return any(
            ("text" in output or "token_ids" in output) and any(n in output for n in _OUTPUT)
            for output in mappings(value.get("outputs"))
        )

    def outputs(self, row: Row) -> Iterator[FileOutput]:
        """See `Format.outputs`."""
        value = object_of(row)
        if isinstance(value.get("generated_texts"), list):
            yield from _benchmark(value, value["generated_texts"])
            return
        if not isinstance(value.get("outputs"), list):
            raise RowError("its field 'outputs' is no list")
        for repeat, output in enumerate(mappings(value["outputs"])):
            text, ids = output.get("text"), ids_of(output.get("token_ids"))
            if not isinstance(text, str) and ids is None:
                raise RowError(f"its field 'outputs[{repeat}]' has neither text nor token_ids")
            told = output.get("finish_reason")
            yield FileOutput(
                text=text if isinstance(text, str) else None,
                token_ids=ids,
                finish=finish_of(told),
                raw_finish=raw_of(told),
                id=first_text(value, ("request_id",)),
                repeat=repeat,
                prompt=prompt_of(value),
                model=model_of(value),
                budget=budget_of(value),
                output_tokens=len(ids) if ids else None,
                field=f"outputs[{repeat}]" + (".text" if isinstance(text, str) else ".token_ids"),
            )


def _benchmark(value: Mapping[str, Any], texts: list[Any]) -> Iterator[FileOutput]:
    model = first_text(value, ("model_id", "model"))
    for place, text in enumerate(texts):
        field = f"generated_texts[{place}]"
        if not isinstance(text, str):
            raise RowError(f"its field {field!r} holds no text")
        error = _at(value.get("errors"), place)
        prompt = _at(value.get("prompts"), place)
        told = _at(value.get("finish_reasons"), place)
        common: dict[str, Any] = {
            "id": str(place),
            "model": model,
            "prompt": prompt if isinstance(prompt, str) else None,
            "field": field,
        }
        if isinstance(error, str) and error:
            yield FileOutput(finish="error", error=error, **common)
        else:
            yield FileOutput(
                text=text,
                finish=finish_of(told),
                raw_finish=raw_of(told),
                output_tokens=count(_at(value.get("output_lens"), place)),
                **common,
            )


def _at(value: Any, place: int) -> Any:
    return value[place] if isinstance(value, list) and place < len(value) else None


FORMAT = Vllm()
