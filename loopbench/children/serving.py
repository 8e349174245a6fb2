"""The child's side: lines of JSON on stdin, answers on stdout, and an end with the parent.

Imports nothing that a child may not need.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

PARENT_CHECK_S = 1.0


class Channel:
    """What a child is asked, and where it answers.

    Whatever else the process prints goes to stderr, so that no library can write into an answer.
    It ends as soon as its parent is gone, also where a forked sibling still holds its stdin.
    """

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()

    def __iter__(self) -> Iterator[Any]:
        """Yield the messages, to the end of stdin."""
        for line in sys.stdin.buffer:
            yield json.loads(line)

    def reply(self, message: Any) -> None:
        """Answer with a line."""
        self._out.write(json.dumps(message).encode() + b"\n")
        self._out.flush()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_S)
    leave()


def leave() -> None:
    """End the process now: a clean shutdown would wait for streams that nobody reads."""
    os._exit(0)
