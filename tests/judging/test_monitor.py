"""A stream that is watched: the first watcher that fires stops it, and its text is seen."""

from __future__ import annotations

import pytest

from loopbench.judging.monitor import StreamMonitor
from loopbench.judging.progress import Silent, Watching
from loopbench.judging.rules import STOP, detectors_of
from loopbench.types import Request, Sampling

VERBATIM, COUNTER = detectors_of(STOP)
COUNT = [piece for i in range(300) for piece in (str(i), " so", ".\n")]
NEW, SAME = list(range(900)), [7, *[1, 2, 3] * 299, 1, 2]


@pytest.mark.parametrize(
    ("rules", "ids", "stopped"),
    [
        ([VERBATIM, COUNTER], NEW, True),
        ([COUNTER], NEW, True),
        ([VERBATIM], NEW, False),
        ([COUNTER, VERBATIM], SAME, True),
        ([], SAME, False),
    ],
)
def test_a_count_is_seen_by_its_text_and_a_repetition_by_its_ids(
    rules: list, ids: list[int], stopped: bool
) -> None:
    monitor = StreamMonitor(rules)
    fired = [monitor.push([one], [piece]) for one, piece in zip(ids, COUNT, strict=True)]
    assert (fired[100], fired[-1], monitor.span is not None) == (False, stopped, stopped)


def test_the_span_stays_that_of_the_first_watcher_that_fired() -> None:
    monitor = StreamMonitor([VERBATIM, COUNTER])
    assert monitor.push(SAME[:600], COUNT[:600])
    span = monitor.span
    assert span is not None and (span.start, span.period) == (1, 3)
    assert monitor.push(SAME[600:], COUNT[600:])
    assert monitor.span == span


def test_tokens_are_counted_as_they_come() -> None:
    counted = []

    class Counting(Silent):
        def token(self, count: int) -> None:
            counted.append(count)

    watch = Watching([VERBATIM], Counting())
    stream = watch(Request(key="k", prompt="p", sampling=Sampling()))
    assert not stream.push(SAME[:2], COUNT[:2])
    assert stream.push(SAME[2:], COUNT[2:])
    assert counted == [2, 898]
    assert [rule.name for rule in watch.rules] == ["suffix"]
