"""Stops a looping completion of llama-cpp-python. Imports nothing of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from loopbench.detectors import Detector
from loopbench.integrations.pieces import Decode
from loopbench.integrations.streams import Stream, choose_rules
from loopbench.types import LoopSpan


class Detokenizer(Protocol):
    """What is used of a `llama_cpp.Llama`."""

    def detokenize(self, tokens: list[int], prev_tokens: list[int] | None = None) -> bytes:
        """Return the bytes of these tokens."""
        ...


class LoopStopping:
    """Stopping criterion of one completion, for `llama_cpp.StoppingCriteriaList`.

    Looks at ids alone, never at logits. The prompt is what the first call sees.

    Parameters
    ----------
    llama
        The `llama_cpp.Llama`; needed by rules that read text, such as `counter`.
    rules
        Detectors to stop by; by default those of `loopbench.judging.rules.STOP`, or the verbatim
        one alone where there is no `llama`.

    Notes
    -----
    llama-cpp-python (0.3.36) asks after each sampled token, with the ids *before* it; a
    token that is sampled when the loop is found is dropped. At the end `create_completion`
    asks once more and writes `finish_reason` by the answer, so the answer stays. That call
    may bring along guesses of a draft model; more than one new id is not looked at.
    """

    def __init__(
        self, llama: Detokenizer | None = None, rules: Sequence[Detector] | None = None
    ) -> None:
        self._stream = Stream(choose_rules(rules, has_text=llama is not None), _decode(llama))
        self._seen: int | None = None
        self._over = False

    @property
    def span(self) -> LoopSpan | None:
        """The loop that ended the completion, or None; indices count from its first token.

        `finish_reason` is `stop` for a loop and for an end of sequence alike.
        """
        return self._stream.span

    def __call__(self, input_ids: NDArray[np.intc], logits: Any) -> bool:
        """Take the ids of prompt and output so far, shape (n,); True asks to stop.

        Raises
        ------
        ValueError
            If a second completion is given to the same object.
        """
        n = len(input_ids)
        if self._seen is None:
            self._seen = n
            return False
        if self._over or n < self._seen:
            raise ValueError("LoopStopping serves one completion: make a new one for each")
        if n == self._seen + 1:
            self._seen = n
            return self._stream.push([int(input_ids[-1])])
        # Every other call brings one more id: this is the one after the last token.
        self._over = True
        return self.span is not None


def _decode(llama: Detokenizer | None) -> Decode | None:
    if llama is None:
        return None
    return lambda ids: llama.detokenize(ids).decode("utf-8", "replace")
