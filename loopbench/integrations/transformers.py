"""Stops looping rows of `transformers`' `generate`, each on its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from loopbench.detectors import Detector
from loopbench.integrations.streams import Stream, choose_rules
from loopbench.types import LoopSpan

try:
    import torch
    from transformers import GenerationConfig, PreTrainedTokenizerBase, StoppingCriteria
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"{error.name} is not installed: pip install 'loopbench-edge[hf]'", name=error.name
    ) from error


class LoopStopping(StoppingCriteria):
    """Ends each row of a batch at the first checkpoint at which it is in a loop.

    Every row has its own watchers, which see its new tokens only: neither the prompt nor
    its padding, nor what `generate` writes into a row that has ended. A row that ends by
    itself is never called a loop.

    Parameters
    ----------
    generation_config
        The model's (`model.generation_config`): its `eos_token_id` and `pad_token_id` tell
        where a row ends by itself.
    tokenizer
        Needed by rules that read text, such as `counter`.
    rules
        Detectors to stop by; by default those of `loopbench.judging.rules.STOP`, or the verbatim
        one alone where there is no tokenizer.
    prompt_length
        Columns of the prompt, padding included. By default one less than the first call
        sees; give it where the first step adds more than one token (assisted generation).

    Attributes
    ----------
    spans
        For each row the loop it was stopped for, or None; token indices count from the
        row's first new token. Empty before the first step.

    Notes
    -----
    Beam search moves sequences between rows, which no watcher can follow: it is refused in
    its second step. Noticing that compares the rows with those of the step before, which
    costs what `generate` itself spends on appending a column.
    """

    def __init__(
        self,
        generation_config: GenerationConfig,
        tokenizer: PreTrainedTokenizerBase | None = None,
        rules: Sequence[Detector] | None = None,
        prompt_length: int | None = None,
    ) -> None:
        self._ends = _end_ids(generation_config)
        self._tokenizer = tokenizer
        self._rules = choose_rules(rules, has_text=tokenizer is not None)
        self.reset(prompt_length)

    def reset(self, prompt_length: int | None = None) -> None:
        """Forget the last batch; to be called before `generate` is called again."""
        self._prompt_length = prompt_length
        self._seen: torch.Tensor | None = None
        self._streams: list[Stream] = []
        self._ended: list[bool] = []
        self.spans: list[LoopSpan | None] = []

    def __call__(
        self, input_ids: torch.Tensor, scores: torch.Tensor | None, **kwargs: Any
    ) -> torch.Tensor:
        """Take the tokens of one step.

        Parameters
        ----------
        input_ids
            Prompt and new tokens, shape (rows, length).
        scores
            Not used.

        Returns
        -------
        torch.Tensor
            Shape (rows,), bool: True for a row that loops, from then on.

        Raises
        ------
        ValueError
            If the rows do not continue those of the step before.
        """
        start = self._start(input_ids)
        self._seen = input_ids
        for row, ids in enumerate(input_ids[:, start:].tolist()):
            self._push(row, ids)
        done = [span is not None for span in self.spans]
        return torch.tensor(done, dtype=torch.bool, device=input_ids.device)

    def _start(self, input_ids: torch.Tensor) -> int:
        """Return the first column that has not been seen, after checking the others."""
        rows, length = input_ids.shape
        if self._seen is None:
            start = length - 1 if self._prompt_length is None else self._prompt_length
            if not 0 <= start <= length:
                raise ValueError(f"prompt_length must be between 0 and {length}, got {start}")
            self._streams = [Stream(self._rules, self._decode()) for _ in range(rows)]
            self._ended = [False] * rows
            self.spans = [None] * rows
            return start
        before: int = self._seen.shape[1]
        if (
            rows != len(self._streams)
            or length <= before
            or not torch.equal(input_ids[:, :before], self._seen)
        ):
            raise ValueError(
                "the rows are not those of the step before: call reset() before each "
                "generate(), and do not use beam search (num_beams must be 1)"
            )
        return before

    def _decode(self) -> Any:
        tokenizer = self._tokenizer
        if tokenizer is None:
            return None
        return lambda ids: tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )

    def _push(self, row: int, ids: list[int]) -> None:
        if self._ended[row] or self.spans[row] is not None:
            return
        end = next((i for i, token in enumerate(ids) if token in self._ends), None)
        self._ended[row] = end is not None
        if self._streams[row].push(ids[:end]):
            self.spans[row] = self._streams[row].span


def _end_ids(config: GenerationConfig) -> frozenset[int]:
    eos = config.eos_token_id
    ids = [] if eos is None else [eos] if isinstance(eos, int) else list(eos)
    if config.pad_token_id is not None:
        ids.append(config.pad_token_id)
    return frozenset(int(token) for token in ids)
