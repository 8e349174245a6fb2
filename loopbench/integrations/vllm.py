"""A verbatim rule in the parameters of vLLM's `repetition_detection`. Imports no vLLM.

Read in vLLM 0.32.0: `RepetitionDetectionParams` in `vllm/sampling_params.py`, and
`check_sequence_repetition` in `vllm/v1/core/sched/utils.py`. `loopbench.detectors.vllm` is
the same check.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

from loopbench.detectors import Detector
from loopbench.detectors.suffix import Suffix


def vllm_parameters(rule: Detector, max_tokens: int | None = None) -> dict[str, int]:
    """Return the arguments of vLLM's `RepetitionDetectionParams` for a `suffix` rule.

    vLLM asks for `min_count` blocks of one of its pattern sizes, and has no demand on their
    length in tokens. With ``min_tokens / min_repeats``, rounded up, as the smallest pattern
    whatever it stops is a loop under `rule` too. The price is that a shorter period p counts
    through its first multiple that is large enough, and is seen later, but never twice as
    late: `tokens_demanded` tells.

    Parameters
    ----------
    rule
        A `suffix` detector.
    max_tokens
        The budget of the requests, at least 1; patterns that cannot complete in it are left
        out. vLLM's cost per token grows with the longest pattern.

    Returns
    -------
    dict
        `max_pattern_size`, `min_pattern_size` and `min_count`.

    Raises
    ------
    ValueError
        If vLLM cannot express the rule: it is not `suffix`, it has no longest period and
        there is no `max_tokens`, or it can never fire within `max_tokens`.

    Warns
    -----
    UserWarning
        If periods longer than `rule.max_period` will stop as well.
    """
    if not isinstance(rule, Suffix):
        raise ValueError(f"vLLM sees verbatim loops only: give a suffix rule, not {rule.name!r}")
    smallest = -(-rule.min_tokens // rule.min_repeats)
    longest = None if rule.max_period is None else _longest_needed(rule.max_period, smallest)
    if max_tokens is not None:
        # At the last token of the budget vLLM reports the length, not the repetition.
        fitting = (max_tokens - 1) // rule.min_repeats
        if fitting < smallest:
            raise ValueError(
                f"this rule cannot fire within {max_tokens} tokens in vLLM: "
                f"max_tokens must be over {rule.min_repeats * smallest}"
            )
        longest = fitting if longest is None else min(longest, fitting)
    if longest is None:
        raise ValueError(
            "vLLM needs a longest period: give the rule a max_period, such as 512, "
            "or give max_tokens, the budget of the requests"
        )
    if rule.max_period is not None and longest > rule.max_period:
        warnings.warn(
            f"vLLM cannot tell periods over {rule.max_period} from multiples of shorter ones: "
            f"periods up to {longest} stop as well",
            stacklevel=2,
        )
    return {
        "max_pattern_size": longest,
        "min_pattern_size": smallest,
        "min_count": rule.min_repeats,
    }


def tokens_demanded(parameters: Mapping[str, int], period: int) -> int | None:
    """Return how long a loop of this primitive period must be for vLLM to stop it.

    Parameters
    ----------
    parameters
        Arguments of `RepetitionDetectionParams`.
    period
        In tokens, at least 1.

    Returns
    -------
    int or None
        Tokens; None if vLLM never stops it.
    """
    pattern = _first_multiple(period, max(1, parameters["min_pattern_size"]))
    return pattern * parameters["min_count"] if pattern <= parameters["max_pattern_size"] else None


def _longest_needed(max_period: int, smallest: int) -> int:
    """Return the pattern size with which every period up to `max_period` is seen."""
    shorter = range(1, min(max_period, smallest) + 1)
    return max(max_period, *(_first_multiple(period, smallest) for period in shorter))


def _first_multiple(period: int, least: int) -> int:
    return -(-least // period) * period
