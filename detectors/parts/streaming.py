"""Checkpoints: the one mechanism behind the batch and the streaming face.

A tail rule is asked at growing token counts, the checkpoints. `TailWatcher` stops at the
first that answers; `scan_tail` asks at all of them and once more at the end. Both feed
the same `TailStream` in the same steps, so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from loopbench.detectors.parts.tokens import align, as_ids
from loopbench.types import Level, LoopSpan, Verdict

SPACING = 32
"""Fewest tokens between two checkpoints, where a rule does not ask for more."""


def next_checkpoint(n: int, spacing: int = SPACING) -> int:
    """Return the token count after `n` at which a stream is looked at again; the first after 0.

    Spacing grows with the length, so that a look that costs O(n) stays amortised O(1).
    """
    return n + max(spacing, n >> 8)


class TailLoop(NamedTuple):
    """A loop that reaches the end of what a stream has seen."""

    span: LoopSpan
    template: str | None = None
    strides: tuple[float, ...] | None = None


class TailStream(Protocol):
    """What one detector remembers of a stream."""

    def extend(self, ids: NDArray[np.int64], pieces: Sequence[str]) -> None:
        """Append tokens."""
        ...

    def tail(self) -> TailLoop | None:
        """Return the loop that the stream is in after its last token."""
        ...


class TailWatcher:
    """The streaming face: fires once, at the first checkpoint that ends in a loop."""

    def __init__(self, stream: TailStream, spacing: int = SPACING) -> None:
        self._stream = stream
        self._spacing = spacing
        self._ids: list[int] = []  # not yet given to the stream: converted many at a time
        self._pieces: list[str] = []
        self._seen = 0  # given to the stream
        self._wanted = next_checkpoint(0, spacing)  # until the next checkpoint, from what was given
        self._fired = False

    def push(self, ids: Sequence[int], pieces: Sequence[str] | None = None) -> LoopSpan | None:
        """See `loopbench.detectors.base.Watcher.push`.

        Raises
        ------
        TypeError
            At the next checkpoint, if an id was no integer of 64 bits.
        """
        if self._fired:
            return None
        if pieces is None or isinstance(pieces, str) or len(pieces) != len(ids):
            pieces = align(len(ids), pieces)
        self._ids.extend(ids)
        self._pieces.extend(pieces)
        return None if len(self._ids) < self._wanted else self._look()

    def _look(self) -> LoopSpan | None:
        at = 0
        while len(self._ids) - at >= self._wanted:
            end = at + self._wanted
            self._stream.extend(as_ids(self._ids[at:end]), self._pieces[at:end])
            at, self._seen = end, self._seen + self._wanted
            self._wanted = next_checkpoint(self._seen, self._spacing) - self._seen
            found = self._stream.tail()
            if found:
                self._fired = True
                return found.span
        del self._ids[:at], self._pieces[:at]
        return None


def checkpoints(n: int, spacing: int = SPACING) -> NDArray[np.int64]:
    """Return the token counts at which an output of `n` tokens is looked at; `n` is the last."""
    known = _known_checkpoints(max(16, n.bit_length()), spacing)
    looks = known[: known.searchsorted(n) + 1].copy()
    looks[-1] = n
    return looks if n else looks[:0]


@cache
def _known_checkpoints(bits: int, spacing: int) -> NDArray[np.int64]:
    """Return the checkpoints up to the first after `bits` bits of tokens."""
    found = [next_checkpoint(0, spacing)]
    while found[-1] < 1 << bits:
        found.append(next_checkpoint(found[-1], spacing))
    return np.array(found, np.int64)


def scan_tail(
    stream: TailStream,
    ids: Sequence[int] | NDArray[np.int64],
    text: str | Sequence[str] | None,
    looks: NDArray[np.int64] | None = None,
) -> tuple[list[TailLoop], TailLoop | None]:
    """The batch face: all loops in order, and the one that the output ends in.

    Parameters
    ----------
    stream
        Fresh.
    ids, text
        The output, as for `Detector.scan`.
    looks
        The checkpoints at which there may be a loop; all of them unless given.
    """
    array = as_ids(ids)
    texts = align(len(array), text)
    loops: list[TailLoop] = []
    found: TailLoop | None = None
    at = 0
    for end in (checkpoints(len(array)) if looks is None else looks).tolist():
        stream.extend(array[at:end], texts[at:end])
        at = end
        found = stream.tail()
        if found:
            add_loop(loops, found)
    return loops, found if at == len(array) else None


def add_loop(loops: list[TailLoop], found: TailLoop) -> None:
    """Append a loop that a later checkpoint found, in the place of those that it continues.

    The same stretch, seen again further on, is one loop that grew. A loop that only begins
    in the last block of another is a new one.
    """
    while loops and _mostly_inside(loops[-1].span, found.span):
        loops.pop()
    loops.append(found)


def _mostly_inside(span: LoopSpan, other: LoopSpan) -> bool:
    return 2 * (span.end - max(span.start, other.start)) > span.end - span.start


def tail_verdict(
    name: str, version: int, level: Level, loops: list[TailLoop], terminal: TailLoop | None
) -> Verdict:
    """Put the result of `scan_tail` into a verdict.

    Parameters
    ----------
    name, version, level
        Of the rule.
    loops
        All that were found, in order.
    terminal
        The one that the output ends in.
    """
    if not loops:
        return Verdict(detector=name, version=version, level=level, looped=False, terminal=False)
    shown = terminal or max(loops, key=lambda loop: loop.span.end - loop.span.start)
    return Verdict(
        detector=name,
        version=version,
        level=level,
        looped=True,
        terminal=terminal is not None,
        onset=shown.span.start,
        period=shown.span.period,
        repeats=shown.span.repeats,
        spans=[loop.span for loop in loops],
        template=shown.template,
        strides=None if shown.strides is None else list(shown.strides),
    )


class Grown:
    """An append-only int64 array: amortised O(1) per element, its view free of copies."""

    def __init__(self) -> None:
        self._data = np.empty(256, np.int64)
        self._size = 0

    def extend(self, values: NDArray[np.int64]) -> None:
        """Append the values."""
        size = self._size + len(values)
        if size > len(self._data):
            data = np.empty(max(size, len(self._data) * 3 // 2), np.int64)
            data[: self._size] = self._data[: self._size]
            self._data = data
        self._data[self._size : size] = values
        self._size = size

    def drop(self, count: int) -> None:
        """Forget the last values."""
        self._size -= count

    @property
    def view(self) -> NDArray[np.int64]:
        """All values so far; valid until the next `extend`."""
        return self._data[: self._size]


def check_rule(min_repeats: int, min_tokens: int) -> None:
    """Refuse parameters under which everything, or nothing, would be a loop.

    Raises
    ------
    ValueError
        With the value.
    """
    if min_repeats < 2:
        raise ValueError(f"min_repeats must be >= 2, got {min_repeats}")
    if min_tokens < 1:
        raise ValueError(f"min_tokens must be >= 1, got {min_tokens}")
