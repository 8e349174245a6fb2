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

from dataclasses import dataclass

from loopbench.detectors.vllm import Vllm


@dataclass(frozen=True)
class LlamaCpp(Vllm):
    """vLLM's rule with the request's defaults; see `Vllm` for the parameters."""

    max_pattern_size: int = 1024
    min_pattern_size: int = 16
    min_count: int = 4

    name = "llamacpp"
    version = 1


DETECTOR = LlamaCpp
