"""Saying that something is waited for, while it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

TELL_EVERY_S = 20.0
"""Between two messages that something is waited for."""

T = TypeVar("T")


def watched(items: Iterable[T], tell: Callable[[], None], every: float) -> Iterator[T]:
    """Yield the items; call `tell` whenever none came for so many seconds.

    The items are taken in the caller's thread, where an interrupt ends the waiting at once; `tell`
    is called in another.

    Parameters
    ----------
    items
        What is waited for.
    tell
        Says so.
    every
        Seconds.
    """
    came, ended = threading.Event(), threading.Event()

    def watch() -> None:
        while not ended.wait(every):
            if not came.is_set():
                tell()
            came.clear()

    watcher = threading.Thread(target=watch, name="watched", daemon=True)
    watcher.start()
    try:
        for item in items:
            came.set()
            yield item
    finally:
        ended.set()
        watcher.join()
