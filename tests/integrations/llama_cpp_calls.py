"""How llama-cpp-python 0.3.36 calls a stopping criterion, with a model that follows a script.

Mirrors the order of `Llama.generate` and of `Llama.create_completion`: the criterion is
asked after each sampled token with the ids that were evaluated before it, the sampled
token is dropped if it says stop, and it is asked once more at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

EOS = 0
Criterion = Callable[[Any, Any], bool]


class StoppingCriteriaList(list[Criterion]):
    def __call__(self, input_ids: Any, logits: Any) -> bool:
        # A list: every criterion is asked, whatever the others say.
        return any([criterion(input_ids, logits) for criterion in self])  # noqa: C419


class Llama:
    """Says `script` from its first token on; `guesses` ids of a draft model lie behind it."""

    def __init__(
        self, model_path: str = "", script: Sequence[int] = (), guesses: int = 0, **_: Any
    ) -> None:
        self.calls: list[int] = []
        """Number of ids in each call of the criterion."""
        self._script = script
        self._guesses = guesses
        self._ids: list[int] = []

    def detokenize(
        self, tokens: list[int], prev_tokens: list[int] | None = None, special: bool = False
    ) -> bytes:
        return bytes(token for token in tokens if token != EOS)

    def tokenize(self, text: bytes) -> list[int]:
        return list(text)

    def generate(self, tokens: Sequence[int], stopping_criteria: Any = None) -> Iterator[int]:
        self._ids = list(tokens)
        for token in self._script:
            if stopping_criteria is not None and self._asked(stopping_criteria, self._ids):
                return
            yield token
            self._ids.append(token)

    def create_completion(
        self, prompt: str, max_tokens: int = 16, stopping_criteria: Any = None, **_: Any
    ) -> dict[str, Any]:
        completion: list[int] = []
        text, finish_reason = b"", "length"
        for token in self.generate(self.tokenize(prompt.encode()), stopping_criteria):
            if token == EOS:
                text, finish_reason = self.detokenize(completion), "stop"
                break
            completion.append(token)
            if len(completion) >= max_tokens:
                text, finish_reason = self.detokenize(completion), "length"
                break
        last = [*self._ids, *range(1, self._guesses + 1)]
        if stopping_criteria is not None and self._asked(stopping_criteria, last):
            text, finish_reason = self.detokenize(completion), "stop"
        return {
            "choices": [{"text": text.decode("utf-8", "ignore"), "finish_reason": finish_reason}],
            "usage": {"completion_tokens": len(completion)},
        }

    def _asked(self, stopping_criteria: Any, ids: Sequence[int]) -> bool:
        self.calls.append(len(ids))
        return bool(stopping_criteria(np.array(ids, np.intc), np.zeros(4, np.float32)))
