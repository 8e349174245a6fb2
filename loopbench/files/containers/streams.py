"""Files as streams of bytes: decompressed, and as UTF-8."""

from __future__ import annotations

import codecs
import gzip
import io
from typing import BinaryIO, cast

from loopbench.files.outputs import FileError

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_PEEKED = 1 << 16
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def plain_stream(file: BinaryIO, name: str) -> tuple[io.BufferedReader, bool]:
    """Return a file's content without compression and byte-order mark, as UTF-8.

    Returns
    -------
    stream, as_is
        `as_is`: the bytes are those of the file, at the same places.

    Raises
    ------
    FileError
        If it is compressed with something that is not installed.
    """
    stream = _buffered(file)
    as_is = stream.seekable()
    while True:
        head = peek(stream, name)
        if head.startswith(GZIP):
            stream, as_is = _buffered(gzip.GzipFile(fileobj=stream)), False
        elif head.startswith(ZSTD):
            stream, as_is = _buffered(_zstd(stream, name)), False
        else:
            break
    if head.startswith(codecs.BOM_UTF8):
        stream.read(len(codecs.BOM_UTF8))
    elif head.startswith(_UTF16):
        return _buffered(_Utf8(stream)), False
    return stream, as_is


def peek(stream: io.BufferedReader, name: str) -> bytes:
    """Return the first bytes without taking them.

    Raises
    ------
    FileError
        If they cannot be read.
    """
    try:
        return stream.peek(_PEEKED)
    except (OSError, EOFError, ValueError) as error:
        raise FileError(f"{name} cannot be read: {error}.") from error


def _buffered(raw: object) -> io.BufferedReader:
    if isinstance(raw, io.BufferedReader) and raw.peek(1) is not None:
        return raw
    return io.BufferedReader(cast(io.RawIOBase, raw), _PEEKED)


def _zstd(stream: io.BufferedReader, name: str) -> object:
    try:
        import zstandard
    except ImportError as error:
        raise FileError(
            f"{name} is compressed with zstd; install its reader with: "
            "pip install 'loopbench-edge[files]'"
        ) from error
    return zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True)


class _Utf8(io.RawIOBase):
    """UTF-16 as UTF-8, read a piece at a time."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-16")(errors="replace")
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            read = self._stream.read(_PEEKED)
            self._rest = self._decoder.decode(read, not read).encode("utf-8", "replace")
            if not read:
                break
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size
