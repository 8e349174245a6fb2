"""What the words of other tools say about why an output ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loopbench.types import Finish

_WORDS: dict[Finish, str] = {
    # By itself: an end token, a stop string, or a call of a tool.
    "stop": (
        "stop stopped stop_sequence stop_str stop_word word eos eos_token eos_found eog end"
        " end_turn end_of_turn end_of_text endoftext tool_calls tool_call tool_use function_call"
        " complete completed finish finished done pause_turn"
    ),
    # At a limit: of the answer, or of the context.
    "length": (
        "length max_tokens max_token max_length max_new_tokens max_output_tokens max_gen_toks limit"
        " token_limit model_length context_length context_window model_context_window_exceeded"
        " context_length_exceeded budget truncated incomplete too_long"
    ),
    # By a detector of repetition while it was generated.
    "loop": "loop repetition repetition_detected repetition_detection",
    "error": "error failed failure abort aborted cancelled canceled exception timeout timed_out",
}
_FINISHES: dict[str, Finish] = {
    word: finish for finish, words in _WORDS.items() for word in words.split()
}
FIELDS = (
    "finish_reason",
    "finish_reasons",
    "finishReason",
    "finish",
    "stop_reason",
    "stopReason",
    "done_reason",
    "stop_type",
    "raw_finish",
)
"""Names under which rows tell their finish."""


def finish_of(word: Any) -> Finish:
    """Return what a tool's word means; `unknown` for None, and for words that say neither.

    A filter that cut the text (`content_filter`, `safety`) says nothing about how it went on.

    Examples
    --------
    >>> finish_of("MAX_TOKENS"), finish_of({"type": "stop", "matched": 2}), finish_of(None)
    ('length', 'stop', 'unknown')
    """
    text = raw_of(word)
    if text is None:
        return "unknown"
    text = text.strip().lower().replace("-", "_").replace(" ", "_")
    # Vertex and others write enumerations out: FinishReason.MAX_TOKENS.
    text = text.rsplit(".", 1)[-1].removeprefix("finish_reason_")
    return _FINISHES.get(text, "unknown")


def raw_of(word: Any) -> str | None:
    """Return a tool's word as a text; SGLang and others wrap it in an object with a type."""
    if isinstance(word, Mapping):
        word = word.get("type") or word.get("reason")
    return word if isinstance(word, str) and word.strip() else None


def finish_in(row: Mapping[str, Any]) -> Any:
    """Return the first field of a row that tells its finish; None without one."""
    return next((row[name] for name in FIELDS if row.get(name) is not None), None)
