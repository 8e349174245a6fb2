"""Server-sent events: what curl and others save of a stream."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

from loopbench.files.containers.values import LONGEST, decode
from loopbench.files.outputs import Row, Skipped

START = re.compile(rb"\s*(?:(?:event|id|retry|):[^\n]*\n\s*){0,8}data:[ \t]*[\[{]")
"""How such a file begins; a text may begin with `data:`, but seldom with JSON behind it."""


def event_rows(stream: io.BufferedReader) -> Iterator[Row | Skipped]:
    """Yield the values of the lines of data; each holds one with all servers known here."""
    number = 0
    while line := stream.readline(LONGEST):
        number += 1
        whole = line.endswith(b"\n")
        name, _, data = line.partition(b":")
        data = data.strip()
        # Streams of the OpenAI protocol end so.
        if name.strip() != b"data" or not data or data == b"[DONE]":
            continue
        try:
            yield Row(number, decode(data))
        except ValueError as error:
            yield Skipped(number, str(error) if whole else "it is cut off")
