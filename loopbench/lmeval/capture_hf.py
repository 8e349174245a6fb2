"""lm-eval's `hf` model type: ids and finish of every row of a generated batch."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from loopbench.lmeval.capture import replace
from loopbench.lmeval.output import Origin, Response, end_of_stop


def capture(lm: Any, undo: ExitStack) -> None:
    """Make `HFLM.generate_until` return responses with their origin.

    It decodes the rows of a batch one after the other, right after it was generated, and
    cuts the text at stop strings and after the thinking. The decoded text is replaced by
    a response that keeps its origin through those cuts.
    """
    rows: deque[list[int]] = deque()
    start, stop_strings, budget = 0, [""], 0
    generate, decode = lm._model_generate, lm.tok_decode

    def model_generate(
        context: Any, max_length: int, stop: list[str], **generation_kwargs: Any
    ) -> Any:
        nonlocal start, stop_strings, budget
        batch = generate(context, max_length=max_length, stop=stop, **generation_kwargs)
        # A decoder's row starts with the prompt, an encoder-decoder's with a token of its own.
        start = context.shape[1] if lm.backend == "causal" else 1
        stop_strings, budget = stop, max_length - start
        rows.clear()
        rows.extend(batch.tolist())
        return batch

    def tok_decode(tokens: Any, *args: Any, **kwargs: Any) -> Any:
        text = decode(tokens, *args, **kwargs)
        if not rows or not isinstance(tokens, list):
            return text
        row = rows.popleft()
        # After the thinking was cut off, what is decoded is the end of the row.
        if tokens != row[len(row) - len(tokens) :]:
            return text
        return Response(text, origin_of(lm, row[start:], stop_strings, budget))

    replace(lm, "_model_generate", model_generate, undo)
    replace(lm, "tok_decode", tok_decode, undo)


def end_ids(lm: Any) -> set[int]:
    """Return the ids that end a sequence, by the model's configuration and its tokenizer."""
    configured = getattr(getattr(lm.model, "generation_config", None), "eos_token_id", None)
    ends = configured if isinstance(configured, list) else [configured]
    ends = [*ends, lm.tokenizer.eos_token_id, lm.eot_token_id]
    return {end for end in ends if end is not None}


def origin_of(lm: Any, row: Sequence[int], stop: list[str], budget: int) -> Origin:
    """Return the origin of one row of a batch.

    Parameters
    ----------
    lm
        lm-eval's model, for its tokenizer and its end ids.
    row
        Generated ids; after the end of the sequence padding up to the batch's length.
    stop
        Stop strings. A row that contains one was over there, though generation goes on
        until every row of the batch is: what comes after depends on the batch.
    budget
        Most ids that the row could have.
    """
    ends = end_ids(lm)
    last = next((i for i, token in enumerate(row) if token in ends), None)
    ids = list(row if last is None else row[: last + 1])
    pieces = token_texts(lm.tokenizer, ids if last is None else ids[:-1])
    if last is not None:
        pieces.append("")
    text = "".join(pieces)
    cut = end_of_stop(text, stop)
    if cut is not None:
        ids, pieces = _up_to(cut, ids, pieces)
        return _origin(ids, pieces, "until")
    if last is not None:
        return _origin(ids, pieces, "eos")
    return _origin(ids, pieces, "length" if len(ids) >= budget else "until")


def _origin(ids: list[int], pieces: list[str], raw: str) -> Origin:
    return Origin(
        text="".join(pieces),
        finish="length" if raw == "length" else "stop",
        raw_finish=raw,
        token_ids=ids,
        token_chars=[len(piece) for piece in pieces],
    )


def _up_to(end: int, ids: list[int], pieces: list[str]) -> tuple[list[int], list[str]]:
    """Keep the tokens up to the one that completes character `end`."""
    at = 0
    for i, piece in enumerate(pieces):
        at += len(piece)
        if at >= end:
            return ids[: i + 1], pieces[: i + 1]
    return ids, pieces


def token_texts(tokenizer: Any, ids: Sequence[int]) -> list[str]:
    """Return the text that each token adds; empty until a character is complete."""
    fast = getattr(tokenizer, "backend_tokenizer", None)
    if fast is None:
        return _by_prefixes(tokenizer, ids)
    from tokenizers.decoders import DecodeStream

    stream = DecodeStream(skip_special_tokens=False)
    try:
        return [stream.step(fast, token) or "" for token in ids]
    except Exception:
        # Its only kind of error: a tokenizer whose text of a prefix changes with what follows.
        return _by_prefixes(tokenizer, ids)


def _by_prefixes(tokenizer: Any, ids: Sequence[int]) -> list[str]:
    """Decode growing windows, for tokenizers that cannot be decoded as a stream."""
    texts: list[str] = []
    start = done = 0
    for i in range(len(ids)):
        before = tokenizer.decode(ids[start:done])
        after = tokenizer.decode(ids[start : i + 1])
        if after.endswith("\ufffd") or len(after) <= len(before):
            texts.append("")
            continue
        texts.append(after[len(before) :])
        start, done = done, i + 1
    return texts
