"""Archives of JSON: inspect_ai's `.eval`, and other zip files of samples."""

from __future__ import annotations

import contextlib
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from loopbench.files.containers.streams import DAMAGES, PEEKED, seekable
from loopbench.files.containers.values import LONGEST, decode
from loopbench.files.outputs import FileError, Row, Skipped, shown

_ZSTD = 93
"""How newer versions of inspect_ai pack members; Python knows it from 3.14 on."""
_UNREADABLE: tuple[type[Exception], ...] = (zipfile.BadZipFile, struct.error, *DAMAGES)
HEADERS = ("header.json", "_journal/start.json")
"""Members that speak of all others; an evaluation that did not end has only the second."""


def zip_rows(stream: io.BufferedReader, name: str) -> Iterator[Row | Skipped]:
    """Yield the JSON members under `samples/` of a zip file, each with the file's header.

    Raises
    ------
    FileError
        If it is no readable zip file, or has no such members.
    """
    with seekable(stream, name) as source:
        try:
            archive = zipfile.ZipFile(source)
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise FileError(f"{name} is no readable zip file: {error}.") from error
        with archive:
            yield from _samples(archive, name)


def _samples(archive: zipfile.ZipFile, name: str) -> Iterator[Row | Skipped]:
    members = [m for m in archive.infolist() if m.filename.endswith(".json")]
    samples = [m for m in members if m.filename.startswith("samples/")]
    if not samples:
        raise FileError(
            f"{name} is a zip file without samples/*.json; unpack it and name the files of "
            "outputs inside."
        )
    context: dict[str, Any] = {}
    for header in reversed(HEADERS):
        for member in members:
            if member.filename == header:
                with contextlib.suppress(ValueError):
                    found = _read(archive, member)
                    context |= found if isinstance(found, dict) else {}
    for number, member in enumerate(samples, 1):
        try:
            yield Row(number, _read(archive, member), None, context)
        except ValueError as error:
            yield Skipped(number, shown(f"{member.filename}: {error}"))


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Any:
    """Return the value of a member.

    Raises
    ------
    ValueError
        If it cannot be read.
    """
    if member.file_size > LONGEST:
        raise ValueError(f"it is longer than {LONGEST >> 20} MiB")
    try:
        content = _content(archive, member)
    except NotImplementedError as error:
        raise ValueError(f"it is packed in a way that Python does not know ({error})") from error
    except _UNREADABLE as error:
        raise ValueError(f"it is damaged ({error})") from error
    if len(content) > LONGEST:
        raise ValueError(f"it is longer than {LONGEST >> 20} MiB")
    return decode(content)


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    # What a header says of a size need not be so.
    if member.compress_type != _ZSTD:
        with archive.open(member) as file:
            return file.read(LONGEST + 1)
    try:
        import zstandard
    except ImportError as error:
        raise NotImplementedError(
            "zstd; install its reader with: pip install 'loopbench-edge[files]'"
        ) from error
    packed = archive.fp
    assert packed, "the archive is open"
    packed.seek(member.header_offset)
    # A member's own header has fields of other lengths than the archive's index.
    name, extra = struct.unpack("<26x2H", packed.read(30))
    packed.seek(member.header_offset + 30 + name + extra)
    reader = zstandard.ZstdDecompressor().stream_reader(
        packed.read(min(member.compress_size, LONGEST)), read_across_frames=True
    )
    parts, size = [], 0
    while size <= LONGEST and (part := reader.read(PEEKED)):
        parts.append(part)
        size += len(part)
    content = b"".join(parts)
    if size <= LONGEST and zlib.crc32(content) != member.CRC:
        raise zipfile.BadZipFile("its checksum is another")
    return content
