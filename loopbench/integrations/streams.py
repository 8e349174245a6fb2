"""One watched stream of ids, with its text where a rule reads text."""

from __future__ import annotations

from collections.abc import Sequence

from loopbench.detectors import Detector
from loopbench.integrations.pieces import Decode, PieceReader
from loopbench.judging.monitor import StreamMonitor
from loopbench.judging.rules import STOP, detectors_of
from loopbench.types import LoopSpan

_IDS_ONLY = frozenset({"cusum", "gain", "llamacpp", "ngram", "suffix", "trl", "vllm"})
"""Detectors that work on ids alone; any other is given text."""


def choose_rules(rules: Sequence[Detector] | None, has_text: bool) -> list[Detector]:
    """Return the rules to stop by: the given ones, or `loopbench.judging.rules.STOP`.

    Without text the default is the verbatim rule alone.

    Raises
    ------
    ValueError
        If there is no rule, or one that reads text where there is none.
    """
    if rules is None:
        built = detectors_of(STOP)
        return built if has_text else [rule for rule in built if rule.name in _IDS_ONLY]
    if not rules:
        raise ValueError("rules must hold at least one detector")
    for rule in rules:
        if not has_text and rule.name not in _IDS_ONLY:
            raise ValueError(f"the rule {rule.name!r} reads text: give a tokenizer as well")
    return list(rules)


class Stream:
    """Watchers of one stream; the first of them to fire sets `span`."""

    def __init__(self, rules: Sequence[Detector], decode: Decode | None) -> None:
        reads_text = any(rule.name not in _IDS_ONLY for rule in rules)
        self._monitor = StreamMonitor(rules)
        self._pieces = PieceReader(decode) if decode and reads_text else None

    @property
    def span(self) -> LoopSpan | None:
        """The loop that was found, in tokens from the first one pushed."""
        return self._monitor.span

    def push(self, ids: Sequence[int]) -> bool:
        """Take the next tokens; True once the stream loops, and ever after."""
        if self.span is None:
            pieces = self._pieces
            self._monitor.push(ids, [pieces.push(i) for i in ids] if pieces else [""] * len(ids))
        return self.span is not None
