"""JSON: a value a line, an array, one document, or values one after another."""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from loopbench.files.containers.streams import PEEKED
from loopbench.files.outputs import Row, Skipped

LONGEST = 1 << 28
"""Bytes of the longest value that is read: a file of nothing but one line must not fill memory."""
_CHUNK = 1 << 20
_NEAR = 16
"""Characters before the end of what was read in which an error may be that end."""
_TRIED = 200
"""Lines of the beginning that are tried."""
_BETWEEN = re.compile(r"[ \t\n\r\ufeff]*")
_BETWEEN_ELEMENTS = re.compile(r"[ \t\n\r,]*")


def is_json(head: bytes) -> bool:
    """Whether a file that begins so holds JSON; a text may begin with a quotation, too."""
    text = head.lstrip()
    if text.startswith(b'"'):
        return _is_value(text.split(b"\n", 1)[0])
    # A program's message may stand before the lines.
    return text.startswith((b"{", b"[")) or sum(map(_is_row, _first_lines(head))) > 1


def json_rows(stream: io.BufferedReader, as_is: bool) -> Iterator[Row | Skipped]:
    """Yield the values of a stream of UTF-8 that holds JSON.

    Parameters
    ----------
    stream
        At its beginning.
    as_is
        Whether lines can be found again at their places in the file.
    """
    head = stream.peek(PEEKED)
    lines = _first_lines(head)
    array = head.lstrip().startswith(b"[")
    # The first may be damaged, and the last that is seen goes on.
    if not array and any(map(_is_row, lines)):
        return _lines(stream, as_is)
    # Lines of arrays are rows with several samples; an array alone holds the rows.
    if len(lines) > 1 and all(map(_is_value, lines[:2])):
        return _lines(stream, as_is)
    # One long line is no reason to hold the whole file.
    alone = len(lines) == 1 and lines[0].startswith(b"{") and len(head) >= PEEKED // 2
    return _lines(stream, as_is) if alone else _values(stream)


def _first_lines(head: bytes) -> list[bytes]:
    return [line for line in head.split(b"\n", 2 * _TRIED) if line.strip()][:_TRIED]


def _is_row(line: bytes) -> bool:
    # Inside a document that is set out in lines, objects are indented.
    return line.startswith(b"{") and _is_value(line)


def _is_value(line: bytes) -> bool:
    try:
        decode(line)
    except ValueError:
        return False
    return True


def decode(line: bytes) -> Any:
    """Return the value of a line; NaN and infinities are read too.

    Raises
    ------
    ValueError
        If it is no JSON, in a short sentence.
    """
    try:
        return msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass  # Python's own reader takes NaN, and lone surrogates
    try:
        return json.loads(line.decode("utf-8"), strict=False)
    except UnicodeDecodeError as error:
        raise ValueError("it is no UTF-8") from error
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    except ValueError as error:
        raise ValueError(f"it is no JSON ({error})") from error


def _lines(stream: io.BufferedReader, as_is: bool) -> Iterator[Row | Skipped]:
    number, at = 0, stream.tell() if as_is else 0
    while line := stream.readline(LONGEST):
        number += 1
        whole = line.endswith(b"\n")
        if not whole and len(line) == LONGEST:
            yield Skipped(number, f"it is longer than {LONGEST >> 20} MiB")
            while rest := stream.readline(LONGEST):
                at += len(rest)
                if rest.endswith(b"\n"):
                    break
        elif line.strip():
            try:
                yield Row(number, decode(line), at if as_is else None)
            except ValueError as error:
                yield Skipped(number, str(error) if whole else "it is cut off")
        at += len(line)


def _values(stream: io.BufferedReader) -> Iterator[Row | Skipped]:
    """Yield the elements of arrays at the top, and other values one after another."""
    text = _Text(stream)
    number, inside = 0, False
    while text.skip(_BETWEEN_ELEMENTS if inside else _BETWEEN):
        here = text.here
        if not inside and here == "[":
            inside = True
            text.take()
            continue
        if inside and here == "]":
            inside = False
            text.take()
            continue
        number += 1
        try:
            yield Row(number, text.value())
        except ValueError as error:
            yield Skipped(number, f"{error}; nothing behind it is read")
            return
    if inside:
        yield Skipped(number + 1, "the array is cut off behind the row before")


class _Text:
    """A text that is read as far as the next value needs."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._text, self._at = "", 0
        self._json = json.JSONDecoder(strict=False)

    @property
    def here(self) -> str:
        return self._text[self._at]

    def take(self) -> None:
        self._at += 1

    def skip(self, filling: re.Pattern[str]) -> bool:
        """Go to the next other character; False at the end."""
        while True:
            found = filling.match(self._text, self._at)
            assert found, "it matches nothing, too"
            self._at = found.end()
            if self._at < len(self._text):
                return True
            if not self._more(_CHUNK):
                return False

    def _more(self, size: int) -> bool:
        read = self._stream.read(size)
        # What was read as values already is let go, once for each chunk.
        self._text = self._text[self._at :] + self._decoder.decode(read, not read)
        self._at = 0
        return bool(read)

    def _damaged(self, error: json.JSONDecodeError) -> bool:
        """Whether an error lies in what was read, and not at its end: more would not help."""
        open_text = error.msg.startswith("Unterminated")
        return not open_text and error.pos < len(self._text) - _NEAR

    def value(self) -> Any:
        """Read one value.

        Raises
        ------
        ValueError
            If there is none, it is cut off, or it is too long.
        """
        size = _CHUNK
        while True:
            start = self._at
            try:
                found, end = self._json.raw_decode(self._text, self._at)
                # A number may go on in what has not been read yet, as 1 does in 1e5.
                spare = _NEAR if isinstance(found, int | float) else 0
                if end < len(self._text) - spare or not self._more(size):
                    self._at += end - start
                    return found
            except RecursionError as error:
                raise ValueError("it is nested too deep") from error
            except json.JSONDecodeError as error:
                if self._damaged(error) or not self._more(size):
                    raise ValueError(f"it is cut off, or no JSON ({error})") from error
            except ValueError as error:
                raise ValueError(f"it is no JSON ({error})") from error  # a number of 5,000 digits
            size *= 2  # so that a long value is not tried often
            if len(self._text) > LONGEST:
                raise ValueError(f"it is longer than {LONGEST >> 20} MiB")
