"""One output of a file and what is said about it. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import msgspec

from loopbench.detectors.parts.tokens import align, fallback_tokens
from loopbench.files.outputs import FileOutput
from loopbench.files.reading import Item
from loopbench.judging.detection import Detection, detect, reported
from loopbench.judging.outcome import STUCK
from loopbench.pieces import Pieces, cut
from loopbench.results.table import mended
from loopbench.types import Finish, Level, LoopSpan, Outcome, Rule, Struct, Verdict

DOUBTFUL = 512
"""Tokens below which a count that the budget cut is hardly told from a list that was asked for."""
EXCERPT = 240
"""Most characters of an excerpt."""

Tokenise = Callable[[str], tuple[list[int], Sequence[str]]]
"""Ids and pieces of a text."""


class Left(Struct, frozen=True):
    """A loop that an output left again."""

    level: Level
    onset: int
    """First token."""
    period: int
    repeats: int
    start: int | None
    end: int | None
    """Characters of the text; None without a text."""


class JudgedOutput(Struct, frozen=True):
    """One row of the answer: an output, how it ended, and the loop that says so.

    The loop is the one at its end where it is stuck there, the one that it left where it
    recovered; else there is none, and `left` lists what it left on its way.
    """

    file: str
    row: int
    """Its row of the file, from 1 on."""
    id: str | int
    """The file's own name for it; without one, the row."""
    repeat: int
    """Which of several outputs of one item."""
    field: str
    model: str | None
    task: str | None
    group: str | None
    prompt: str | None
    """Hash of what was asked: outputs of one prompt are not independent."""
    finish: Finish
    raw_finish: str | None
    """The file's own word for it."""
    outcome: Outcome
    at_end: Level | None
    """The loop that its text ends in, whatever the outcome: one that ended by itself is no doom."""
    level: Level | None
    detector: str | None
    period: int | None
    """Tokens."""
    repeats: int | None
    onset: int | None
    """First token of the loop."""
    start: int | None
    end: int | None
    """Characters of the text that loop; None without a text."""
    excerpt: str | None
    """The text of one repetition, or the most of it."""
    template: str | None
    strides: list[float] | None
    tokens: int
    tokenization: str
    """`given`, or the name of what split the text."""
    budget: int | None
    budget_default: bool
    doubtful: bool
    """A count in fewer than 512 tokens, cut by the budget: a list looks the same."""
    wasted: int
    """Tokens behind the first repetition of the loop that it is stuck in."""
    left: list[Left]
    error: str | None = None

    @property
    def stuck(self) -> bool:
        """Whether it was getting nowhere at its last token."""
        return self.outcome in STUCK


def judge(
    item: Item,
    file: str,
    rules: Sequence[Rule],
    *,
    tokenise: Tokenise | None = None,
    tokenization: str = "",
    ends_only: bool = False,
) -> JudgedOutput:
    """Judge one output of a file.

    Parameters
    ----------
    item
        The output.
    file
        What its file is called.
    rules
        Detectors to use.
    tokenise, tokenization
        What splits texts without token ids, and its name; the declared fallback without.
    ends_only
        Only say how it ended.

    Raises
    ------
    ValueError, TypeError
        If its ids and its text do not fit together.
    """
    output = item.output
    if output.error is not None and output.text is None and output.token_ids is None:
        detection, text = detect("", finish="error", rules=()), None
    else:
        detection, text = _detection(output, rules, tokenise, tokenization, ends_only)
    return described(item, file, detection, reported(detection.outcome, detection.verdicts), text)


def _detection(
    output: FileOutput,
    rules: Sequence[Rule],
    tokenise: Tokenise | None,
    tokenization: str,
    ends_only: bool,
) -> tuple[Detection, str | Sequence[str] | None]:
    """Return what is said about an output, and the pieces of its text or the whole."""
    text, ids = output.text, output.token_ids
    if ids is None and tokenise is None:
        if text is None:
            raise ValueError("it has neither token ids nor a text")
        return detect(text, finish=output.finish, rules=rules, ends_only=ends_only), text
    pieces: Sequence[str] | None = output.pieces
    if ids is None:
        assert tokenise and text is not None
        ids, pieces = tokenise(text)
    elif pieces is None and text is not None:
        if output.token_chars is not None:
            pieces = cut(text, output.token_chars)
            if "".join(pieces) != text:
                raise ValueError("its token_chars do not add up to its text")
        else:
            pieces = align(len(ids), text)
    detection = detect(ids, text=pieces, finish=output.finish, rules=rules, ends_only=ends_only)
    if output.token_ids is None:
        detection = msgspec.structs.replace(detection, tokenization=tokenization)
    return detection, pieces


def described(
    item: Item,
    file: str,
    detection: Detection,
    shown: Verdict | None,
    text: str | Sequence[str] | None,
) -> JudgedOutput:
    """Put what is said about an output into a row.

    Parameters
    ----------
    item, file
        The output, and what its file is called.
    detection
        What the detectors say.
    shown
        The verdict whose loop stands for it.
    text
        Its text or the text of each token, to say where loops stand; None if there is none.
    """
    output, outcome = item.output, detection.outcome
    span = _span(shown) if shown else None
    places = _Places(text)
    start, end = places.of(span) if span else (None, None)
    listed = shown is not None and shown.level == "counter" and detection.tokens < DOUBTFUL
    return JudgedOutput(
        file=_sound(file),
        row=item.row,
        id=item.row if output.id is None else _sound(output.id),
        repeat=output.repeat,
        field=output.field,
        model=_sound(output.model),
        task=_sound(output.task),
        group=_sound(output.group),
        prompt=_prompt(output),
        finish=output.finish,
        raw_finish=_sound(output.raw_finish),
        outcome=outcome,
        at_end=detection.at_end,
        level=detection.level,
        detector=detection.detector,
        period=detection.period,
        repeats=detection.repeats,
        onset=detection.onset,
        start=start,
        end=end,
        excerpt=_sound(places.excerpt(span)) if span else None,
        template=_sound(shown.template) if shown else None,
        strides=shown.strides if shown else None,
        tokens=detection.tokens,
        tokenization=detection.tokenization,
        budget=output.budget,
        budget_default=output.budget_default,
        doubtful=outcome == "doom" and listed,
        wasted=max(0, span.end - span.start - span.period) if span and outcome in STUCK else 0,
        left=list(_left(detection, span, places)),
        error=_sound(output.error),
    )


def _prompt(output: FileOutput) -> str | None:
    if output.prompt is None:
        return output.prompt_hash
    return hashlib.sha256(output.prompt.encode("utf-8", "surrogatepass")).hexdigest()


_Said = TypeVar("_Said", str, str | None, str | int)


def _sound(said: _Said) -> _Said:
    """Mend what JSON and names of files may hold, and no file or table of text can."""
    return mended(said) if isinstance(said, str) else said


def _span(verdict: Verdict) -> LoopSpan | None:
    chosen = [one for one in verdict.spans if one.start == verdict.onset]
    return next((one for one in chosen if one.period == verdict.period), next(iter(chosen), None))


def _left(detection: Detection, shown: LoopSpan | None, places: _Places) -> Iterator[Left]:
    for verdict in detection.verdicts:
        for span in verdict.spans:
            if span != shown and span.end < detection.tokens:
                start, end = places.of(span)
                yield Left(
                    level=verdict.level,
                    onset=span.start,
                    period=span.period,
                    repeats=span.repeats,
                    start=start,
                    end=end,
                )


class _Places:
    """Where tokens stand in a text; it is split only where a loop is to be shown."""

    def __init__(self, text: str | Sequence[str] | None) -> None:
        self._text = text
        self._pieces: Pieces | None = None

    def _found(self) -> Pieces | None:
        if self._pieces is None and self._text is not None:
            whole = isinstance(self._text, str)
            pieces = fallback_tokens(str(self._text))[1] if whole else self._text
            self._pieces = Pieces.joined(pieces)
        return self._pieces

    def of(self, span: LoopSpan) -> tuple[int | None, int | None]:
        """Return the characters of a span."""
        pieces = self._found()
        if pieces is None:
            return None, None
        ends = pieces.ends
        return (int(ends[span.start - 1]) if span.start else 0), int(ends[span.end - 1])

    def excerpt(self, span: LoopSpan) -> str | None:
        """Return the text of the first repetition, or the beginning of it."""
        pieces = self._found()
        if pieces is None:
            return None
        # The rounds of what goes round are measured, not counted: one may be longer than all.
        return pieces.between(span.start, min(span.start + span.period, span.end))[:EXCERPT]
