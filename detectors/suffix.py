"""Verbatim loops (L0): exactly periodic stretches of any period, above all at the end.

Sees any period up to a `min_repeats`-th of the output, in token ids alone. Does not see
loops whose numbers advance (`counter`), nor paraphrase.

A scan lists the terminal loop, and with it every maximal periodic stretch that satisfies
the rule and lies inside no other such stretch, with exact ends (`anywhere`). The watcher
looks at the end only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loopbench.detectors.parts.anywhere import find_runs, outermost
from loopbench.detectors.parts.endings import Ending
from loopbench.detectors.parts.periods import tail_period
from loopbench.detectors.parts.streaming import (
    Grown,
    TailLoop,
    TailWatcher,
    check_rule,
    tail_verdict,
)
from loopbench.detectors.parts.tokens import as_ids
from loopbench.types import LoopSpan, Verdict


@dataclass(frozen=True)
class Suffix:
    """At least `min_repeats` blocks over at least `min_tokens` tokens.

    Parameters
    ----------
    min_repeats
        Whole repetitions of the block, at least 2.
    min_tokens
        Length of the looping stretch in tokens.
    max_period
        Longest block looked for, in tokens; None for no limit.
    """

    min_repeats: int = 4
    min_tokens: int = 128
    max_period: int | None = None

    name = "suffix"
    version = 2

    def __post_init__(self) -> None:
        check_rule(self.min_repeats, self.min_tokens)
        if self.max_period is not None and self.max_period < 1:
            raise ValueError(f"max_period must be >= 1, got {self.max_period}")

    def scan(self, ids: Sequence[int], text: str | Sequence[str] | None = None) -> Verdict:
        """Judge a whole output; the text is not used."""
        array = as_ids(ids)
        runs = find_runs(array, self.min_repeats, self.min_tokens, self.max_period)
        spans = [_span(*run) for run in outermost(runs)]
        # At the end a short period counts before a longer one that its block belongs to:
        # that is what the watcher sees.
        last = min((run for run in runs if run.end == len(array)), default=None)
        terminal = _span(*last) if last else None
        if terminal and terminal not in spans[-1:]:
            spans.append(terminal)
        loops = [TailLoop(span) for span in spans]
        return tail_verdict(
            self.name, self.version, "verbatim", loops, TailLoop(terminal) if terminal else None
        )

    def end(self, ending: Ending) -> Verdict | None:
        """Judge the end alone; see `parts.endings`."""
        span = find_tail_loop(ending.ids, self)
        count = len(ending.ids)
        if ending.before:
            if count < self.min_tokens or (span and span.start == 0):
                return None
            # What is not found here is longer than these tokens, and repeats their text.
            known = count // self.min_repeats
            more = self.max_period is None or self.max_period > known
            if not ending.sure:
                span, known, more = None, 0, True
            if (
                more
                and span is None
                and ending.may_go_round(known, self.min_repeats, self.min_tokens)
            ):
                return None
        loop = TailLoop(ending.span(span)) if span else None
        return tail_verdict(self.name, self.version, "verbatim", [loop] if loop else [], loop)

    def watch(self) -> TailWatcher:
        """Return fresh state for one stream."""
        return TailWatcher(_Stream(self))


def find_tail_loop(ids: Sequence[int] | NDArray[np.int64], rule: Suffix) -> LoopSpan | None:
    """Return the loop that `ids` ends in under `rule`, with its primitive period."""
    tail = tail_period(as_ids(ids), rule.min_repeats, rule.min_tokens, rule.max_period)
    if tail is None:
        return None
    return _span(tail.period, len(ids) - tail.length, len(ids))


def _span(period: int, start: int, end: int) -> LoopSpan:
    return LoopSpan(start=start, end=end, period=period, repeats=(end - start) // period)


class _Stream:
    def __init__(self, rule: Suffix) -> None:
        self._rule = rule
        self._ids = Grown()

    def extend(self, ids: NDArray[np.int64], pieces: Sequence[str]) -> None:
        self._ids.extend(ids)

    def tail(self) -> TailLoop | None:
        span = find_tail_loop(self._ids.view, self._rule)
        return TailLoop(span) if span else None


DETECTOR = Suffix
