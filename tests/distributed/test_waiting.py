"""Waiting is not done in silence."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from loopbench.distributed.waiting import watched


def test_it_is_told_when_nothing_comes_and_never_after_the_end() -> None:
    told = threading.Event()

    def slow() -> Iterator[int]:
        yield 1
        assert told.wait(60)  # the second item comes only after it was told
        yield 2

    assert list(watched(slow(), told.set, 0.01)) == [1, 2]
    assert all(thread.name != "watched" for thread in threading.enumerate())


def test_what_comes_in_time_is_not_told() -> None:
    told: list[None] = []
    assert list(watched(range(1000), lambda: told.append(None), 3600)) == list(range(1000))
    assert told == []


def test_an_error_passes_and_ends_the_watching() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    before = threading.active_count()
    with pytest.raises(ValueError, match="no more"):
        list(watched(broken(), lambda: None, 3600))
    assert threading.active_count() == before
