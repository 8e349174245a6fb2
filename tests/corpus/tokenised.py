"""From a draft to a trace: tokens, the cut at the budget, and the onset in tokens."""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Callable
from itertools import accumulate

from constructed.base import Draft
from definitions import TOKENS, counted_end, periodic_end

from loopbench.calibration.corpus import Trace

WORDS = "words-v1"
"""The split with which the file was made; what splits texts today would move its onsets."""
_WORD = re.compile(r"[^\W\d_]+|\d|\s+|.", re.DOTALL)
Tokens = tuple[list[int], list[bytes]]

LONGEST = 2_000

NOT_DIGITS = frozenset(
    {"count_marks", "count_dates", "count_in_words", "count_with_slips", "count_timestamps"}
)
"""Counter categories whose count is clear to a reader but not made of equally spaced digits."""


def fallback(text: str) -> Tokens:
    """Return ids and bytes of the words of a text, numbered as they come."""
    pieces = _WORD.findall(text)
    number = {piece: at for at, piece in enumerate(dict.fromkeys(pieces))}
    return [number[piece] for piece in pieces], [piece.encode() for piece in pieces]


def constructed_trace(
    category: str, index: int, draft: Draft, name: str, tokenize: Callable[[str], Tokens]
) -> Trace:
    """Tokenise a draft, cut it at its budget, and place its onset.

    Raises
    ------
    ValueError
        If the tokens do not spell the text, or if they contradict the label.
    """
    ids, raw = tokenize(draft.text)
    if b"".join(raw).decode() != draft.text:
        raise ValueError(f"{category}-{index}: the tokens of {name} do not spell the text")
    size = min(draft.tokens or LONGEST, len(ids))
    if draft.label != "none" and size < (draft.tokens or 0):
        raise ValueError(f"{category}-{index}: only {size} tokens, the loop is too short")
    ids, raw = ids[:size], raw[:size]
    # Characters appear with the last of their tokens, as in a stream; what the cut leaves
    # of a character never appears.
    decoder = codecs.getincrementaldecoder("utf-8")()
    pieces = [decoder.decode(piece) for piece in raw]
    trace = Trace(
        uid=f"constructed-{category}-{index}",
        source="constructed",
        category=category,
        prompt_id=f"{category}-{hashlib.sha256(draft.prompt.encode()).hexdigest()[:8]}",
        prompt=draft.prompt,
        finish=draft.finish,
        label=draft.label,
        onset=_onset(draft, ids, pieces),
        token_ids=ids,
        token_chars=[len(piece) for piece in pieces],
        text="".join(pieces),
        label_source="constructed",
        tokenizer=name,
        budget=size if draft.finish == "length" else None,
        note=draft.note,
    )
    wrong = contradiction(trace)
    if wrong:
        raise ValueError(f"{trace.uid} ({name}): {wrong}")
    return trace


def _onset(draft: Draft, ids: list[int], pieces: list[str]) -> int | None:
    if draft.onset is None:
        return None
    starts = [0, *accumulate(map(len, pieces))]
    onset = next(i for i, start in enumerate(starts) if start >= draft.onset)
    if draft.label == "verbatim":
        found = periodic_end(ids)
        # What comes before may end like the block, and its first tokens may differ.
        return found[0] if found else onset
    return onset


def contradiction(trace: Trace) -> str | None:
    """Say how the tokens contradict the label by the definitions; None if they do not."""
    if trace.finish == "stop":
        return None if trace.label == "none" else "it ended by itself"
    if trace.onset is not None and len(trace.token_ids) - trace.onset < TOKENS:
        return f"its loop has fewer than {TOKENS} tokens"
    exact, counted = periodic_end(trace.token_ids), counted_end(trace.pieces)
    if (trace.label == "verbatim") != (exact is not None):
        return f"labelled {trace.label}, exactly periodic end: {exact}"
    if trace.label in ("none", "circular") and counted is not None:
        return f"labelled {trace.label}, but counts from token {counted} on"
    if trace.label == "counter" and trace.category not in NOT_DIGITS:
        if counted is None:
            return "labelled counter, but does not count"
        if abs(counted - (trace.onset or 0)) > len(trace.token_ids) // 8:
            return f"counts from token {counted}, not from {trace.onset}"
    return None
