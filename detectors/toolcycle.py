"""Tool-call cycles: one call three times running (A, A, A), or a cycle twice (A, B, A, B).

Sees calls in the text: `<tool_call>…</tool_call>`, LFM2's `<|tool_call_start|>[…]
<|tool_call_end|>`, and bare JSON objects with a name and arguments. Calls are equal if name
and arguments are, whatever the order of keys or spaces. Needs a text.

A new `request_id` in every call hides a loop from all other rules. So calls are alike if they
are equal but for volatile arguments (`parts/volatile.py`: request ids, nonces, time stamps; a
plain `id` that looks drawn, a plain `time` read off a clock), and if nothing else stands between
them than between those before. This takes `min_alike` calls, as a batch of like calls may have been
asked for, and is a loop of level `counter`: one that ended by itself was a batch. Ten
cities, a list of `user_id`, page numbers and calls with nothing but an id are not alike. Does not
see calls whose other arguments change, or repetition of anything else.

Source: opencode stops after three identical calls and misses A, B, A, B; oh-my-pi,
gemini-cli (five) and others look for cycles too. Three calls and two turns of a cycle of up
to `max_cycle` calls are the common reading, not one tool's rule. Terminal: after the last
call there is no more text than one turn of the cycle had.

Cost: one pass over the text, under 1 µs per token; calls longer than 8,192 characters are
not read; about 40 bytes per token.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from loopbench.detectors.parts.endings import Ending
from loopbench.detectors.parts.published import Places, Unscored, published_verdict
from loopbench.detectors.parts.streaming import TailLoop, TailWatcher, tail_verdict
from loopbench.detectors.parts.tokens import align, as_ids
from loopbench.detectors.parts.volatile import masked, without_volatile
from loopbench.pieces import Pieces
from loopbench.types import LoopSpan, Verdict

_MAX_CALL = 8192
_MARK = re.compile(r'</?tool_call>|<\|tool_call_(?:start|end)\|>|\\.|[{}"]', re.DOTALL)
_CALLS = ("tool_call", '"arguments"', '"parameters"')
_ESCAPE = re.compile(r"\\u[0-9A-Fa-f]{4}")
"""One of these stands in every text with a call: JSON may spell any letter as an escape."""
_CLOSES = {"<tool_call>": "</tool_call>", "<|tool_call_start|>": "<|tool_call_end|>"}
_LONGEST_MARK = 19
_PART = re.compile(r"\\.|[\"'()\[\]{},]", re.DOTALL)


def _may_call(text: str) -> bool:
    return any(call in text for call in _CALLS) or bool("\\u" in text and _ESCAPE.search(text))


@dataclass(frozen=True)
class ToolCycle:
    """Equal tool calls one after another, or a cycle of them.

    Parameters
    ----------
    min_repeats
        Identical calls in a row, at least 2.
    min_turns
        Turns of a cycle of two or more calls, at least 2.
    max_cycle
        Longest cycle, in calls; 1 finds identical calls only.
    min_alike
        Calls in all, of a cycle whose calls differ in volatile values alone; at least 2.
    """

    min_repeats: int = 3
    min_turns: int = 2
    max_cycle: int = 4
    min_alike: int = 16

    name = "toolcycle"
    version = 2

    def __post_init__(self) -> None:
        for parameter in ("min_repeats", "min_turns", "min_alike"):
            if getattr(self, parameter) < 2:
                raise ValueError(f"{parameter} must be >= 2, got {getattr(self, parameter)}")
        if self.max_cycle < 1:
            raise ValueError(f"max_cycle must be >= 1, got {self.max_cycle}")

    def scan(self, ids: Sequence[int], text: str | Sequence[str] | None = None) -> Verdict:
        """Judge a whole output; without a text there is nothing to find."""
        pieces = align(len(as_ids(ids)), text)  # before anything else: it refuses what does not fit
        pieces = Pieces.joined(pieces)
        if not _may_call(pieces.between(0, len(pieces))):
            return tail_verdict(self.name, self.version, "verbatim", [], None)
        stream = _Stream(self)
        verdict = published_verdict(self.name, self.version, "verbatim", stream, ids, text)
        if verdict.looped and not stream.equal:
            return msgspec.structs.replace(verdict, level="counter")
        return verdict

    def end(self, ending: Ending) -> Verdict | None:
        """Judge the end alone; see `parts.endings`. Where there are calls, all of them matter."""
        if _may_call(ending.text):
            return None
        return tail_verdict(self.name, self.version, "verbatim", [], None)

    def watch(self) -> TailWatcher:
        """Return fresh state for one stream."""
        return TailWatcher(_Stream(self))


def _json_call(value: object) -> str | None:
    """Return one spelling of a call that is written as a JSON object."""
    if isinstance(value, dict) and isinstance(value.get("function"), dict):
        value = value["function"]
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return None
    for key in ("arguments", "parameters"):
        if key in value:
            return json.dumps([value["name"], value[key]], sort_keys=True)
    return None


def _calls_in_json(body: str) -> list[str]:
    try:
        value = json.loads(body)
        values = value if isinstance(value, list) else [value]
        return [call for call in map(_json_call, values) if call]
    except (ValueError, RecursionError):
        return []


def _calls_in_list(body: str) -> list[str]:
    """Split LFM2's list of calls, ``[f(x=1), g(y="a, b")]``, at its outer commas."""
    body = body.strip().removeprefix("[").removesuffix("]")
    calls, depth, begin, quote = [], 0, 0, ""
    for match in _PART.finditer(body):
        mark = match.group()
        if quote:
            quote = "" if mark == quote else quote
        elif mark in "\"'":
            quote = mark
        elif mark in "([{":
            depth += 1
        elif mark in ")]}":
            depth -= 1
        elif mark == "," and depth <= 0:
            calls.append(body[begin : match.start()])
            begin = match.end()
    calls.append(body[begin:])
    return [" ".join(call.split()) for call in calls if call.strip()]


class _Reader:
    """Calls of a stream of text: what stood before each, and where it begins and ends."""

    def __init__(self) -> None:
        self._text = ""
        self._base = self._at = 0  # where the kept text begins; where reading goes on
        self._ended = -1  # where the last call ended; without one there is no text in between
        self._begin: int | None = None
        self._close = ""  # the mark that ends a wrapped call; empty in a bare object
        self._depth, self._quoted = 0, False

    def read(self, text: str) -> list[tuple[str, str | None, int, int]]:
        """Take more text and return the calls that are complete now.

        Returns
        -------
        call, before, begin, end
            `before` is the text since the last call, None where there was none, or too much.
        """
        self._text += text
        calls: list[tuple[str, str | None, int, int]] = []
        position = self._at - self._base
        while match := _MARK.search(self._text, position):
            if match.group() == "\\":
                break
            position = match.end()
            begin, end = self._begin, self._base + position
            if begin is not None and end - begin > _MAX_CALL:
                self._begin = begin = None
            for call in self._mark(match.group(), self._base + match.start()):
                start = self._base if begin is None else begin
                calls.append((call, self._since_last(start), start, end))
                self._ended = end
        # What may be the beginning of a mark is read again with what follows.
        self._at = self._base + max(position, len(self._text) - _LONGEST_MARK)
        keep = self._at if self._begin is None else min(self._at, self._begin)
        keep = keep if self._ended < 0 else min(keep, self._ended)
        keep = max(keep, self._base + len(self._text) - 2 * _MAX_CALL)
        self._text, self._base = self._text[keep - self._base :], keep
        return calls

    def _since_last(self, start: int) -> str | None:
        """Return the text between the last call and this one; of one message there is none."""
        if self._ended < self._base:
            return None
        return self._text[self._ended - self._base : max(start, self._ended) - self._base]

    def _mark(self, mark: str, at: int) -> list[str]:
        if mark in _CLOSES:
            self._begin, self._close = at, _CLOSES[mark]
        elif self._begin is None:
            if mark == "{":
                self._begin, self._close, self._depth, self._quoted = at, "", 1, False
        elif self._close:
            if mark == self._close:
                return self._wrapped(at)
        elif mark == '"':
            self._quoted = not self._quoted
        elif not self._quoted and mark in "{}":
            self._depth += 1 if mark == "{" else -1
            if self._depth == 0:
                body = self._body(at + 1)
                return _calls_in_json(body)
        return []

    def _wrapped(self, at: int) -> list[str]:
        opened = self._close.replace("</", "<").replace("end|", "start|")
        body = self._body(at)[len(opened) :]
        if calls := _calls_in_json(body):
            return calls
        return _calls_in_list(body) if opened.startswith("<|") else [" ".join(body.split())]

    def _body(self, end: int) -> str:
        assert self._begin is not None
        begin, self._begin = self._begin, None
        return self._text[max(0, begin - self._base) : end - self._base]


class _Cycles:
    """Cycles at the end of a sequence of calls, each a number.

    Parameters
    ----------
    rule
        Which says how long the longest cycle is.
    demanded
        Calls that a cycle of 1, 2, … calls must have in all.
    """

    def __init__(self, rule: ToolCycle, demanded: Sequence[int]) -> None:
        self._longest = rule.max_cycle
        self._demanded = demanded
        self._numbers: dict[str, int] = {}
        self._calls: list[int] = []
        self._same = [0] * (rule.max_cycle + 1)  # calls that equal the one so many before

    def add(self, call: str | None) -> tuple[int, int] | None:
        """Return calls per turn and calls in all of the cycle that this call continues.

        None as a call is equal to no other.
        """
        calls, found = self._calls, None
        number = -len(calls) - 1 if call is None else len(self._numbers)
        calls.append(number if call is None else self._numbers.setdefault(call, number))
        for size in range(self._longest, 0, -1):
            same = len(calls) > size and calls[-1] == calls[-1 - size]
            self._same[size] = self._same[size] + 1 if same else 0
            if self._same[size] + size >= self._demanded[size - 1] and self._primitive(size):
                found = (size, self._same[size] + size)
        return found

    def _primitive(self, size: int) -> bool:
        """Whether a cycle is more than the same call over and over."""
        return size == 1 or len(set(self._calls[-size:])) > 1


class _Stream(Unscored):
    def __init__(self, rule: ToolCycle) -> None:
        self._places = Places()
        self._reader = _Reader()
        sizes = range(1, rule.max_cycle + 1)
        self._equal = _Cycles(
            rule, [rule.min_repeats, *(rule.min_turns * size for size in sizes[1:])]
        )
        self._alike = _Cycles(rule, [max(rule.min_alike, rule.min_turns * s) for s in sizes])
        self._spans: list[tuple[int, int]] = []
        self._cycle: tuple[int, int] | None = None  # calls per turn, calls in all
        self._passed: list[LoopSpan] = []
        self.equal = False
        """Whether there was a cycle of calls that are equal in everything."""

    def extend(self, ids: NDArray[np.int64], pieces: Sequence[str]) -> None:
        for call, before, start, end in self._reader.read(self._places.extend(pieces)):
            self._spans.append((start, end))
            self._cycle = self._equal.add(call)
            alike = self._alike.add(_alike(call, before))
            if self._cycle:
                self.equal = True
            else:
                self._cycle = alike
            if self._cycle:
                self._passed.append(self._span(end))
                if len(self._passed) > 1 and self._passed[-2].start == self._passed[-1].start:
                    del self._passed[-2]

    def _span(self, end: int) -> LoopSpan:
        assert self._cycle
        size, length = self._cycle
        start = self._spans[-length][0]
        period = self._spans[-1][1] - self._spans[-1 - size][1]
        return self._places.span(start, end, max(1, period), length // size)

    def tail(self) -> TailLoop | None:
        if not self._cycle:
            return None
        size, length = self._cycle
        ends = [end for _, end in self._spans[-length:]]
        turn = max(b - a for a, b in zip(ends, ends[size:], strict=False))
        if self._places.chars - ends[-1] > turn:
            return None
        return TailLoop(self._span(self._places.chars))

    def passed(self) -> list[LoopSpan]:
        return self._passed


def _alike(call: str, before: str | None) -> str | None:
    """Return what two calls share that differ in volatile values alone.

    So must the texts before them: who was told something in between may well ask again.
    """
    left = None if before is None else without_volatile(call)
    return None if left is None or before is None else f"{masked(before)}\0{left}"


DETECTOR = ToolCycle
