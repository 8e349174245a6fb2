"""Token ids and their texts: checking, aligning, and a declared fallback tokenisation."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

FALLBACK = "words-v2"
"""Name of `fallback_tokens`, written beside every rate that was measured with it.

`words-v1` had no `LONGEST_RUN` and no `RULES`, and did not complete a cut word: it missed loops
without separators, and those that the budget cut inside a word.
"""

UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
"""Scripts that put no spaces between words: Thai to Lao, Burmese, Khmer, kana, Chinese."""
LONGEST_RUN = 32
"""Characters of the longest word or white space that is one token; longer runs are split."""
RULES = r"\-=_*#~.+\u2013\u2014\u2500-\u2503\u2550\u2551\u25ac\u00b7\u2022"
"""Characters that lines are drawn with. Four of them make a token, as in most vocabularies: a
rule of 140 dashes is no loop, one of 600 is."""

_LETTER = rf"[^\W\d_{UNSPACED}]"
# The inside of a run that is too long is split into letters, or into white space by four; its end
# must not pass for a short run, so that what stands before is looked at. Digits stand alone, so
# that counting is visible.
_WORD = re.compile(
    rf"(?<!{_LETTER}){_LETTER}{{1,{LONGEST_RUN}}}(?!{_LETTER})"
    rf"|(?<!\s)\s{{1,{LONGEST_RUN}}}(?!\s)"
    rf"|[{RULES}]{{1,4}}|\s{{1,4}}|.",
    re.DOTALL,
)
# The same where no run is too long, which is nearly always: faster.
_SHORT = re.compile(rf"{_LETTER}+|\s+|[{RULES}]{{1,4}}|.", re.DOTALL)
_SHORT_ASCII = re.compile(r"[A-Za-z]+|\s+|[\-=_*#~.+]{1,4}|.", re.DOTALL)
WHITE = "white space"
"""The one name of all pieces of a run of white space that is too long, whatever it is made of:
under a grammar that allows nothing else, spaces and line ends come in any order."""
_CONTEXTS = (256, 64, 16)
"""Characters that must have stood before a cut word, too, for it to be completed."""
_MOST_PLACES = 8
_CUT_CHARACTER = "\ufffd"
"""What becomes of the first bytes of a character, of which three may stand alone."""
_MOST_BYTES = 3
_LAST_WORD = re.compile(rf"\s?{_LETTER}+\Z")


def as_ids(ids: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    """Return token ids as a one-dimensional int64 array.

    Raises
    ------
    TypeError
        If they are not whole numbers of at most 64 bits in one dimension.
    """
    if len(ids) == 0:
        return np.empty(0, np.int64)
    if type(ids) is list and type(ids[0]) is int:
        try:
            # Three times as fast as numpy.
            return np.frombuffer(struct.pack(f"{len(ids)}q", *ids), np.int64)
        except struct.error:
            pass  # said below
    try:
        found = np.asarray(ids)
    except (ValueError, OverflowError) as error:
        raise TypeError(f"token ids must be a flat sequence of integers: {error}") from error
    if found.ndim != 1 or found.dtype.kind not in "iu":
        raise TypeError(
            f"token ids must be a flat sequence of 64-bit integers, got {found.dtype} "
            f"in {found.ndim} dimensions"
        )
    return found.astype(np.int64, copy=False)


def fallback_tokens(text: str) -> tuple[list[int], list[str]]:
    """Split text where no tokenizer is known: words, single digits, whitespace, symbols.

    A last word that the same text was followed by before, but whole, is taken for the beginning
    of that word: where a budget counts tokens of a model, it cuts inside our words.

    Returns
    -------
    ids, pieces
        Ids count the distinct pieces in order of appearance, so they mean nothing
        across texts; a detector only needs to see which tokens are equal.
    """
    pieces = (_SHORT_ASCII if text.isascii() else _SHORT).findall(text)
    names: Sequence[str] = pieces
    known = dict.fromkeys(names)
    if max(map(len, known), default=0) > LONGEST_RUN:
        pieces = _WORD.findall(text)
        names = named(pieces)
        known = dict.fromkeys(names)
    number = {name: at for at, name in enumerate(known)}
    ids = list(map(number.__getitem__, names))
    complete_cut(text, ids, pieces)
    return ids, pieces


END_TOKENS = (
    "</s>", "<|im_end|>", "<|endoftext|>", "<|end_of_text|>", "<|eot_id|>", "<end_of_turn>",
    "<eos>", "<|end|>", "<|return|>",
)  # fmt: skip
"""How end tokens of common models look where somebody decoded them with the text."""


def without_end(text: str) -> str:
    """Return a text without what people's files have behind it: white space, an end token.

    White space that stood there before, after the same words, is the model's, as is more of it than
    `LONGEST_RUN`.
    """
    kept = text.rstrip()
    while kept.endswith(END_TOKENS):
        token = next(token for token in END_TOKENS if kept.endswith(token))
        text = kept.removesuffix(token)
        kept = text.rstrip()
    white = len(text) - len(kept)
    if not 0 < white <= LONGEST_RUN:
        return text
    before = text.find(text[-white - _CONTEXTS[1] :], 0, len(text) - 1)
    return text if before >= 0 else kept


def named(pieces: Sequence[str], before: str = "", after: str = "") -> list[str]:
    """Return what each piece is told from others by: itself, or `WHITE`.

    Parameters
    ----------
    pieces
        In their order.
    before, after
        What stands before the first and after the last of them.
    """
    white = [before[-1:].isspace(), *(piece.isspace() for piece in pieces), after[:1].isspace()]
    # Only a run that was split has two pieces side by side.
    return [
        WHITE if white[at] and (white[at - 1] or white[at + 1]) else piece
        for at, piece in enumerate(pieces, 1)
    ]


def split_after(before: str, text: str) -> list[str]:
    """Return the pieces of a text that goes on after another one, without ids.

    Parameters
    ----------
    before
        Its last character decides whether the text begins inside a run.
    text
        What follows.
    """
    return _WORD.findall(before + text, len(before))


def complete_cut(text: str, ids: list[int], pieces: list[str]) -> None:
    """Read what a cut left of the last word as it was read where the same text stood before.

    Changes `ids` and `pieces` in place, at their end only.

    Parameters
    ----------
    text
        The whole.
    ids, pieces
        Its tokens, one id and the text that it added each.
    """
    found = completed(text, ids, pieces)
    if found:
        first, ids[first:], pieces[first:] = found


def completed(
    text: str, ids: Sequence[int] | NDArray[np.int64], pieces: Sequence[str]
) -> tuple[int, list[int], list[str]] | None:
    """Return what `complete_cut` makes of the end: the first token, and ids and pieces from it on.

    Parameters
    ----------
    text, ids, pieces
        As for `complete_cut`.

    Returns
    -------
    tuple or None
        None where all stays as it is.
    """
    whole = text.rstrip(_CUT_CHARACTER)
    broken = len(text) - len(whole)
    if broken > _MOST_BYTES or not whole:
        return None
    # Several tokens of a vocabulary may make what is left of a word and the space before it.
    word = _LAST_WORD.search(whole[-LONGEST_RUN:])
    least = broken + (len(word.group()) if word else 0 if broken else 1)
    first, rest = len(pieces), 0
    while rest < least and first > 0:
        first -= 1
        rest += len(pieces[first])
    if first == 0:
        return None
    # From the end backwards: what is completed stood mostly one round ago.
    end, begin = len(text), len(pieces)
    for at in _stood_before(whole, rest - broken):
        while begin > 0 and end > at:
            begin -= 1
            end -= len(pieces[begin])
        if end == at and (found := _as_before(pieces, first, begin, rest)):
            return first, list(map(int, ids[begin : begin + len(found)])), found
    return None


def _as_before(pieces: Sequence[str], first: int, begin: int, rest: int) -> list[str] | None:
    """Cut the pieces from `first` on, of `rest` characters, as those from `begin` on are cut.

    None where these are too few.
    """
    tail, at, found = "".join(pieces[first:]), 0, []
    while at < rest and begin < first:
        size = len(pieces[begin])
        found.append(tail[at : at + size])
        at, begin = at + size, begin + 1
    return found if at >= rest else None


def _stood_before(text: str, rest: int) -> Iterator[int]:
    """Yield where the last `rest` characters stood before, after the same text, last place first.

    Not every such place is the beginning of a token: in a run of dashes the next one is in vain.
    """
    for context in _CONTEXTS:
        if len(text) <= context + rest:
            continue
        end = text[-context - rest :]
        at = text.rfind(end, 0, len(text) - 1)
        for _ in range(_MOST_PLACES if at >= 0 else 0):
            yield at + context
            at = text.rfind(end, 0, at + len(end) - 1)
            if at < 0:
                return
        if at >= 0:
            return


def align(n: int, text: str | Sequence[str] | None) -> Sequence[str]:
    """Return one string per token: `text` itself, or its characters dealt out evenly.

    Even dealing keeps order and the whole text, but places a token only approximately;
    pass one string per token where the exact onset of a text-based detector matters.

    Raises
    ------
    ValueError
        If a sequence of strings does not have one entry per token.
    """
    if text is None:
        return [""] * n
    if not isinstance(text, str):
        if len(text) != n:
            raise ValueError(f"text must have one string per token: {len(text)} for {n} tokens")
        return text
    if n == 0:
        return []
    cuts = [len(text) * i // n for i in range(n + 1)]
    return [text[a:b] for a, b in pairwise(cuts)]
