"""Continuous batching: rows that end or loop leave at once, new ones join the others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from loopbench.backends.base import StreamWatch, failed
from loopbench.backends.intake import End, Intake
from loopbench.backends.transformers.batch import (
    Batch,
    StepError,
    Stepper,
    prefill,
    prefill_groups,
)
from loopbench.backends.transformers.sampling import Draws, choose
from loopbench.backends.transformers.text import Detokenizer
from loopbench.types import Generation, Request


class BatchRow:
    """One request while it is generated.

    Parameters
    ----------
    prompt
        Ids of the prompt, without the request's prefix.
    decode, control
        See `Detokenizer`.
    exact_prefix
        Feed the tokens of the prefix one by one, as they were generated, instead of
        together with the prompt: logits differ in the last bit between the two.
    opened_thinking
        See `Generation`.
    """

    def __init__(
        self,
        request: Request,
        watch: StreamWatch,
        prompt: Sequence[int],
        *,
        decode: Callable[[list[int]], str],
        control: Collection[int],
        exact_prefix: bool = False,
        opened_thinking: bool = False,
    ) -> None:
        prefix = request.prefix_ids
        self.request, self.sampling = request, request.sampling
        self.prompt_tokens = len(prompt)
        self.start = [*prompt] if exact_prefix else [*prompt, *prefix]
        """Ids that the row is prefilled with."""
        self.forced = list(prefix[::-1]) if exact_prefix else []
        """Tokens that are fed instead of chosen ones, the next one last."""
        self.context = [*prompt, *prefix]
        left = self.sampling.max_new_tokens - len(prefix)
        self.used_up = left <= 0
        """The prefix is the whole budget."""
        self.draws = Draws(self.sampling, request.key, len(prefix))
        self.seen: Tensor | None = None
        self._intake, self._opened_thinking = Intake(watch, left), opened_thinking
        self._text = Detokenizer(decode, control, prefix)

    def mark_seen(self, logits: Tensor) -> None:
        """Note which tokens a repetition penalty is for."""
        if self.sampling.repetition_penalty != 1.0:
            self.seen = torch.zeros(logits.shape[-1], dtype=torch.bool, device=logits.device)
            self.seen[torch.tensor(self.context, device=logits.device)] = True

    def take(self, token: int, ends: Collection[int]) -> Generation | None:
        """Add a token; return the generation if it is the last one."""
        said = End("stop", "eos") if token in ends else None
        if end := self._intake.take([token], [self._text.push(token)], said):
            return self.generation(end)
        if self.seen is not None:
            self.seen[token] = True
        return None

    def generation(self, end: End) -> Generation:
        """Return what there is so far."""
        return self._intake.generation(
            end, prompt_tokens=self.prompt_tokens, opened_thinking=self._opened_thinking
        )


EndedRow = tuple[BatchRow, Generation]


class RowEngine:
    """Runs rows on a model, as many together as it is given.

    Parameters
    ----------
    ends
        Ids that end an output.
    """

    def __init__(self, stepper: Stepper, ends: Collection[int], device: Any) -> None:
        self._stepper, self._ends, self._device = stepper, ends, device
        self._batch: Batch | None = None
        self.rows: list[BatchRow] = []
        self._next: list[int] = []
        """Tokens that were chosen and not fed yet, one per row."""

    @property
    def accepts(self) -> bool:
        """Whether rows can be added now: always, unless the model's cache has no known form."""
        return self._batch is None or self._batch.joinable

    def turn(self, fresh: Sequence[BatchRow]) -> list[EndedRow]:
        """Add rows, generate one token for every row, and return those that ended."""
        ended = self._step()
        ended += self._add(fresh)
        if self._batch is not None:
            ended += self._choose(self._batch)
        return ended

    def _step(self) -> list[EndedRow]:
        if self._batch is None:
            return []
        try:
            self._batch.step(self._stepper, self._next)
        except StepError as error:
            lost, self.rows, self._batch = self.rows, [], None
            return [(row, failed(str(error), "failed")) for row in lost]
        return []

    def _add(self, fresh: Sequence[BatchRow]) -> list[EndedRow]:
        ended: list[EndedRow] = []
        for rows in self._groups(fresh):
            try:
                batch = prefill(self._stepper, [row.start for row in rows], self._device)
                if self._batch is not None:
                    self._batch.join(batch)
            except StepError as error:
                ended += [(row, failed(str(error), "failed")) for row in rows]
                continue
            self._batch = self._batch or batch
            self.rows += rows
            for row in rows:
                row.mark_seen(batch.logits)
        return ended

    def _groups(self, fresh: Sequence[BatchRow]) -> Iterator[list[BatchRow]]:
        if not fresh:
            return
        if not self._stepper.joinable:
            # Nothing can join them later, so they must start together.
            yield list(fresh)
            return
        for group in prefill_groups([len(row.start) for row in fresh]):
            yield [fresh[index] for index in group]

    def _choose(self, batch: Batch) -> list[EndedRow]:
        free = [index for index, row in enumerate(self.rows) if not row.forced]
        rows = [self.rows[index] for index in free]
        chosen = choose(
            batch.logits if len(free) == len(self.rows) else batch.logits[free],
            [row.sampling for row in rows],
            [row.draws for row in rows],
            [row.seen for row in rows],
        )
        tokens = dict(zip(free, chosen, strict=True))
        ended: list[EndedRow] = []
        going: list[int] = []
        self._next = []
        for index, row in enumerate(self.rows):
            token = row.forced.pop() if index not in tokens else tokens[index]
            if token is None:
                ended.append((row, failed("The model's logits are not numbers.", "nan")))
            elif index in tokens and (generation := row.take(token, self._ends)):
                ended.append((row, generation))
            else:
                going.append(index)
                self._next.append(token)
        if ended:
            self._keep(going, batch)
        return ended

    def _keep(self, going: list[int], batch: Batch) -> None:
        self.rows = [self.rows[index] for index in going]
        if going:
            batch.keep(going)
        else:
            self._batch = None
