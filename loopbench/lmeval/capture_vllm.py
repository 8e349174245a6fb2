"""lm-eval's `vllm` model type: vLLM tells ids and finish with every completion."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from loopbench.lmeval.capture import replace
from loopbench.lmeval.output import Origin, Response
from loopbench.types import Finish

_FINISH: dict[str, Finish] = {"stop": "stop", "length": "length", "abort": "error"}


def capture(lm: Any, undo: ExitStack) -> None:
    """Make the texts of vLLM's completions responses with their origin."""
    generate = lm._model_generate

    def model_generate(*args: Any, **kwargs: Any) -> Any:
        requests = generate(*args, **kwargs)
        if kwargs.get("generate"):
            for request in requests:
                completion = request.outputs[0]
                completion.text = Response(completion.text, origin_of(completion))
        return requests

    replace(lm, "_model_generate", model_generate, undo)


def origin_of(completion: Any) -> Origin:
    """Return what vLLM says about a completion.

    Its `stop_reason` is the stop string that ended it, or the id of a token, or None for
    the end of the sequence.
    """
    until = isinstance(completion.stop_reason, str)
    said = str(completion.finish_reason or "")
    return Origin(
        text=str(completion.text),
        finish=_FINISH.get(said, "unknown"),
        raw_finish="until" if until else said,
        token_ids=list(completion.token_ids),
    )
