"""llama.cpp's proposed `--repetition-detection`: a block of 16 to 1,024 tokens, four times.

Sees exact repetition in token ids at every token. Does not see periods over 1,024, counters,
or paraphrase; a shorter period counts once a multiple of it reaches 16 tokens, so 64 equal
tokens (an array of zeros) match.

Source: ggml-org/llama.cpp pull request 26039 (July 2026, closed): an optional stop of
llama-server on contiguous repetition at the tail of the generated ids, modelled on vLLM's.
The defaults are the request's own. Its code was not at hand, only its description: the
semantics are those of `vllm`.

Cost: about 170 comparisons per token, 1 to 2 µs; up to 20 µs on adversarial input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loopbench.detectors.published import judge
from loopbench.detectors.streaming import TailWatcher
from loopbench.detectors.vllm import PatternStream, check_pattern
from loopbench.types import Verdict


@dataclass(frozen=True)
class LlamaCpp:
    """The last ``min_count * p`` tokens are one block of p tokens, repeated.

    Parameters
    ----------
    min_pattern_size
        Shortest block tried, in tokens; 0 means 1.
    max_pattern_size
        Longest block tried; 0 switches the rule off.
    min_count
        Copies of the block, at least 2.
    """

    min_pattern_size: int = 16
    max_pattern_size: int = 1024
    min_count: int = 4

    name = "llamacpp"
    version = 1

    def __post_init__(self) -> None:
        check_pattern(self.max_pattern_size, self.min_pattern_size, self.min_count)

    def scan(self, ids: Sequence[int], text: str | Sequence[str] | None = None) -> Verdict:
        """Judge a whole output; the text is not used."""
        return judge(self.name, self.version, "verbatim", self._stream(), ids, None)

    def watch(self) -> TailWatcher:
        """Return fresh state for one stream."""
        return TailWatcher(self._stream())

    def _stream(self) -> PatternStream:
        return PatternStream(self.max_pattern_size, self.min_pattern_size, self.min_count)


DETECTOR = LlamaCpp
