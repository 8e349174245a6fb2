"""Server-sent events, wherever the network cut them."""

from __future__ import annotations

MAX_EVENT_BYTES = 1 << 20
"""An event holds a few tokens; a longer one is no event."""


class StreamError(Exception):
    """A server's stream cannot be read; its text says why."""


class EventDecoder:
    """Cuts a byte stream into the data of its server-sent events.

    Comments, which servers send to keep a connection open, are no events.
    """

    def __init__(self, limit: int = MAX_EVENT_BYTES) -> None:
        self._limit = limit
        self._line = bytearray()
        self._data: list[bytes] = []

    def feed(self, data: bytes) -> list[bytes]:
        """Return the events that these bytes complete.

        Raises
        ------
        StreamError
            If an event is too long, or a line is none of an event stream.
        """
        events = []
        *lines, rest = data.split(b"\n")
        for line in lines:
            whole = bytes(self._line + line).removesuffix(b"\r")
            self._line.clear()
            if whole:
                self._take(whole)
            elif self._data:
                events.append(b"\n".join(self._data))
                self._data = []
        self._line += rest
        if len(self._line) + sum(len(data) + 1 for data in self._data) > self._limit:
            raise StreamError(f"it sent an event of more than {self._limit:,} bytes")
        return events

    def _take(self, line: bytes) -> None:
        name, mark, value = line.partition(b":")
        if name in (b"data", b"error"):
            # llama-server calls the data of its errors so.
            self._data.append(value.removeprefix(b" "))
        elif not mark or name not in (b"", b"event", b"id", b"retry"):
            raise StreamError(f"it sent no event stream but {line[:80]!r}")
