"""Files as streams of bytes: decompressed, and as UTF-8."""

from __future__ import annotations

import codecs
import contextlib
import gzip
import io
import tempfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any, BinaryIO, cast

from loopbench.files.outputs import FileError

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
PEEKED = 1 << 20
"""Bytes of the beginning that are looked at."""
LARGEST = 1 << 33
"""Bytes of a table or an archive that is unpacked to a temporary file."""
_FED = 1 << 8
"""Packed bytes at a time: four of them may hold 128 KiB."""
_NESTED = 3
"""How often a file may be packed; one that holds itself would be unpacked for ever."""
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
DAMAGES: tuple[type[Exception], ...] = (
    OSError, EOFError, ValueError, OverflowError, RuntimeError, zlib.error,
)  # fmt: skip
"""What reading a damaged file may raise."""
try:
    import zstandard
except ImportError:
    pass
else:
    DAMAGES = (*DAMAGES, zstandard.ZstdError)


def plain_stream(file: BinaryIO, name: str) -> tuple[io.BufferedReader, bool]:
    """Return a file's content without compression and byte-order mark, as UTF-8.

    Returns
    -------
    stream, as_is
        `as_is`: the bytes are those of the file, at the same places.

    Raises
    ------
    FileError
        If it is compressed with something that is not installed, or too often.
    """
    stream = _looked_at(_Shared(cast(io.RawIOBase, file)), name)
    as_is = stream.seekable()
    for _ in range(_NESTED + 1):
        head = peek(stream, name)
        if head.startswith(GZIP):
            unpacked: object = gzip.GzipFile(fileobj=stream)
        elif head.startswith(ZSTD):
            unpacked = _zstd(stream, name)
        else:
            break
        stream, as_is = _looked_at(_Forward(cast(io.RawIOBase, unpacked)), name), False
    else:
        raise FileError(f"{name} is packed more than {_NESTED} times; unpack it.")
    if head.startswith(codecs.BOM_UTF8):
        stream.read(len(codecs.BOM_UTF8))
    elif head.startswith(_UTF16):
        return _looked_at(_Utf8(stream), name), False
    return stream, as_is


def peek(stream: io.BufferedReader, name: str) -> bytes:
    """Return the first bytes without taking them.

    Raises
    ------
    FileError
        If they cannot be read.
    """
    try:
        return stream.peek(PEEKED)
    except DAMAGES as error:
        raise FileError(f"{name} cannot be read: {error or 'it is damaged'}.") from error


@contextlib.contextmanager
def seekable(stream: io.BufferedReader, name: str) -> Iterator[IO[bytes]]:
    """Give a stream that one can go back in: a table has its index at its end.

    Raises
    ------
    FileError
        If it cannot be unpacked, or is too large for that.
    """
    if stream.seekable():
        yield stream
        return
    with tempfile.TemporaryFile() as unpacked:
        size = 0
        while part := _part(stream, name):
            size += len(part)
            if size > LARGEST:
                raise FileError(f"{name} is larger than {LARGEST >> 20} MiB unpacked.")
            unpacked.write(part)
        unpacked.seek(0)
        yield unpacked


def _part(stream: io.BufferedReader, name: str) -> bytes:
    try:
        return stream.read(PEEKED)
    except DAMAGES as error:
        raise FileError(f"{name} cannot be read: {error or 'it is damaged'}.") from error


def _looked_at(raw: object, name: str) -> io.BufferedReader:
    """Return a stream whose `peek` shows as much of the beginning as there is.

    A pipe and a decompressor give little at a time, of which nothing could be told.
    """
    stream = cast(io.RawIOBase, raw)
    if stream.seekable():
        return io.BufferedReader(stream, PEEKED)
    parts, size = [], 0
    try:
        while size < PEEKED and (part := stream.read(PEEKED - size)):
            parts.append(part)
            size += len(part)
    except DAMAGES as error:
        if not parts:
            raise FileError(f"{name} cannot be read: {error or 'it is damaged'}.") from error
        # What comes before is read; then the error comes again, or the end.
        return io.BufferedReader(_Again(b"".join(parts), stream, error), PEEKED)
    return io.BufferedReader(_Again(b"".join(parts), stream), PEEKED)


def _zstd(stream: io.BufferedReader, name: str) -> object:
    try:
        import zstandard
    except ImportError as error:
        raise FileError(
            f"{name} is compressed with zstd; install its reader with: "
            "pip install 'loopbench-edge[files]'"
        ) from error
    return _Unzstd(stream, zstandard.ZstdDecompressor)


class _Unzstd(io.RawIOBase):
    """Frames of zstd one after another; unlike the library's own stream, a cut one is an error."""

    def __init__(self, stream: io.BufferedReader, opened: Callable[[], Any]) -> None:
        self._stream, self._opened = stream, opened
        self._frame: Any = None
        self._rest, self._packed = memoryview(b""), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            self._packed = self._packed or self._stream.read(_FED)
            if not self._packed:
                if self._frame is not None:
                    raise EOFError("it is cut off")
                return 0
            self._frame = self._frame or self._opened().decompressobj()
            self._rest = memoryview(self._frame.decompress(self._packed))
            self._packed = b""
            if self._frame.eof:
                self._frame, self._packed = None, self._frame.unused_data
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


class _Forward(io.RawIOBase):
    """A stream that nobody goes back in: a decompressor would begin anew each time."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        # What was read before some damage is given before that is said.
        self._read = getattr(stream, "read1", stream.read)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        read = self._read(len(buffer)) or b""
        buffer[: len(read)] = read
        return len(read)


class _Shared(_Forward):
    """A file that whoever opened it closes."""

    def seekable(self) -> bool:
        return bool(self._stream.seekable())

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._stream.seek(offset, whence))

    def tell(self) -> int:
        return int(self._stream.tell())


class _Again(io.RawIOBase):
    """Bytes that were read already, then the rest of their stream."""

    def __init__(self, head: bytes, stream: io.RawIOBase, broken: Exception | None = None) -> None:
        self._head, self._stream, self._broken = memoryview(head), stream, broken

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if not self._head:
            if self._broken:
                raise self._broken
            read = self._stream.read(len(buffer)) or b""
            buffer[: len(read)] = read
            return len(read)
        size = min(len(buffer), len(self._head))
        buffer[:size], self._head = self._head[:size], self._head[size:]
        return size


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
            read = self._stream.read(PEEKED)
            self._rest = self._decoder.decode(read, not read).encode("utf-8", "replace")
            if not read:
                break
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size
