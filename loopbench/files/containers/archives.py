"""Archives of JSON: inspect_ai's `.eval`, and other zip files of samples."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from loopbench.files.containers.values import LONGEST, decode
from loopbench.files.outputs import FileError, Row, Skipped

ZIP = b"PK\x03\x04"
HEADERS = ("header.json", "_journal/start.json")
"""Members that speak of all others; an evaluation that did not end has only the second."""


def zip_rows(stream: io.BufferedReader, name: str) -> Iterator[Row | Skipped]:
    """Yield the JSON members under `samples/` of a zip file, each with the file's header.

    Raises
    ------
    FileError
        If it is no readable zip file, or has no such members.
    """
    try:
        archive = zipfile.ZipFile(stream if stream.seekable() else io.BytesIO(stream.read()))
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise FileError(f"{name} is no readable zip file: {error}.") from error
    with archive:
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
                    found = _read(archive, member)
                    context |= found if isinstance(found, dict) else {}
        for number, member in enumerate(samples, 1):
            try:
                yield Row(number, _read(archive, member), None, context)
            except ValueError as error:
                yield Skipped(number, f"{member.filename}: {error}")


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
        with archive.open(member) as file:
            # What a header says of a size need not be so.
            content = file.read(LONGEST + 1)
    except NotImplementedError as error:
        raise ValueError(f"it is packed in a way that Python does not know ({error})") from error
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, OSError) as error:
        raise ValueError(f"it is damaged ({error})") from error
    if len(content) > LONGEST:
        raise ValueError(f"it is longer than {LONGEST >> 20} MiB")
    return decode(content)
